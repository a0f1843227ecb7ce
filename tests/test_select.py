import pytest

from attrec_bench.errors import InputError
from attrec_bench.results.select import lacking, select
from attrec_bench.results.tables import tables
from tests.records import make_record

RECORDS = [
    *[make_record(seed=seed, keywords={"w": w, "heights": [1, 2]}) for seed in (0, 1) for w in (0.2, 1.0)],
    make_record("bprmf"),
    make_record("bprmf", protocol={"tie_order": "item"}),
    make_record("popularity", None, train=None, data={"name": "ml-1m", "sha256": "cd" * 32}),
]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, 7),
        ({"dataset": "ml-100k"}, 6),
        ({"model": "attrec,bprmf"}, 6),
        ({"model": "bprmf", "protocol.tie_order": "file"}, 1),
        ({"model.w": "0.20"}, 2),
        ({"w": "1"}, 2),
        ({"w": "0.2, 1", "seed": "0"}, 2),
        ({"model.heights": "[1, 2]"}, 4),
        ({"protocol.refit": "false"}, 7),
        ({"train": "null"}, 1),
        ({"protocol": "leave_one_out"}, 7),
        ({"protocol": "leave_one_out", "tie_order": "item"}, 1),
        ({"seed": "null"}, 1),
        ({"monitor": "MRR"}, 6),
    ],
)
def test_filters_keep_what_fits(filters: dict[str, str], expected: int) -> None:
    assert len(select(RECORDS, filters)) == expected


def test_selected_records_are_those_asked_for_in_their_order() -> None:
    assert select(RECORDS, {"w": "0.2"}) == [RECORDS[0], RECORDS[2]]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (
            {"modle": "attrec"},
            "a filter must be a key of the records such as dataset, model, protocol, seed, .*, "
            r"got 'modle' \(did you mean 'model'\?\)",
        ),
        ({"metric": "HR@10"}, r"a filter must be a key .*, got 'metric' \(did you mean 'metrics'\?\)"),
        ({"agianst": "bprmf"}, r"a filter must be a key .*, got 'agianst' \(did you mean 'against'\?\)"),
        ({"protocol": "ratio"}, "no record has protocol=ratio; there is leave_one_out"),
        (
            {"model": "atrec"},
            r"no record has model=atrec; there is attrec, bprmf, popularity \(did you mean 'attrec'\?\)",
        ),
        ({"model": "attrec,casr"}, "no record has model=casr; there is attrec, bprmf, popularity"),
        ({"w": "0.3"}, "no record has w=0.3; there is 0.2, 1"),
        ({"w": "half"}, "no record has w=half"),
        (
            {"dataset": "ml-1m", "model": "attrec"},
            "no record has model=attrec among those with dataset=ml-1m; there is popularity",
        ),
        ({"model": "bprmf", "w": "1"}, "no record has w=1 among those with model=bprmf; there is none with that key"),
    ],
)
def test_a_filter_that_fits_nothing_says_what_there_is(filters: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        select(RECORDS, filters)
    assert "\n" not in str(raised.value)


def test_an_unknown_key_offers_a_dozen_at_most_and_those_that_tell_records_apart() -> None:
    with pytest.raises(InputError) as raised:
        select(RECORDS, {"colour": "red"})
    offered = str(raised.value).partition("such as ")[2].partition(", got")[0].split(", ")
    # the heads, then what has several values among these records
    assert offered == ["dataset", "model", "protocol", "seed", "tie_order", "w"]
    many = [make_record(keywords={f"k{index}": value for index in range(100)}) for value in (0, 1)]
    with pytest.raises(InputError) as raised:
        select(many, {"colour": "red"})
    assert str(raised.value).count(", ") == 12  # twelve keys, and what was given


def test_a_section_without_a_name_offers_its_keys() -> None:
    for records in ([make_record()], RECORDS):  # also beside records without that section
        with pytest.raises(InputError, match=r"such as train\.batch_size, train\.lr, train\.monitor, got 'train'$"):
            select(records, {"train": "default"})


def test_no_records_at_all_is_said() -> None:
    with pytest.raises(InputError, match="there is no record yet"):
        select([], {"model": "attrec"})


FIVE, HUNDRED = ({"monitor": "MRR", "epochs": epochs} for epochs in (5, 100))
BESIDE = [
    make_record(train=FIVE),
    make_record(train=HUNDRED),
    make_record(train=FIVE, keywords={"w": 0.2}),
    make_record("popularity", None, train=None),
    make_record("oracle", None, train=None),
    make_record("random", 0, train=None),
    make_record("ease", None, train=None),
    make_record("ease", None, train=None, data={"name": "ml-1m", "sha256": "cd" * 32}),
]


@pytest.mark.parametrize(
    ("filters", "models"),
    [
        ({"train.epochs": "5"}, ["attrec", "attrec", "popularity", "oracle", "random"]),
        ({"epochs": "100"}, ["attrec", "popularity", "oracle", "random"]),
        ({"model.w": "0.2"}, ["attrec", "popularity", "oracle", "random"]),
        ({"seed": "0"}, ["attrec", "attrec", "attrec", "popularity", "oracle", "random"]),
        ({"model": "attrec", "train.epochs": "5"}, ["attrec", "attrec"]),
        ({"dataset": "ml-1m"}, ["ease"]),
    ],
)
def test_a_setting_that_floors_and_ceilings_lack_does_not_leave_them_out(
    filters: dict[str, str], models: list[str]
) -> None:
    assert [each.model for each in select(BESIDE, filters, bounds=True)] == models


def test_what_a_filter_leaves_out_for_want_of_the_key_is_told() -> None:
    here = {"dataset": "ml-100k"}
    assert lacking(BESIDE, {**here, "train.epochs": "5"}) == [
        "Left out, without a value of train.epochs: 1 record of ease"
    ]
    assert lacking(BESIDE, {"epochs": "5"}) == ["Left out, without a value of epochs: 2 records of ease"]
    assert lacking(BESIDE, {"model": "attrec", "train.epochs": "5"}) == []
    assert lacking(BESIDE, here) == []
    (table,) = tables(select(BESIDE, {"epochs": "5", **here}, bounds=True), ["MRR"], lacking(BESIDE, {"epochs": "5"}))
    assert table.details[0] == "Left out, without a value of epochs: 2 records of ease"
    assert lacking(BESIDE, {"train.epochs": "5", "model.w": "0.2", "model": "popularity"}) == []
