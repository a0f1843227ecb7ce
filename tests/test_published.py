import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from attrec_bench.configuration import conf_folder
from attrec_bench.data.filters import Filters
from attrec_bench.errors import InputError
from attrec_bench.results.published.comparable import reasons, unknown
from attrec_bench.results.published.registry import FIELDS, FILTERS, FOLDER, UNKNOWN, Published, published, read
from tests.records import PUBLISHED_PROTOCOL as SAME
from tests.records import make_record
from tests.records import published_value as value


def test_the_same_protocol_is_comparable() -> None:
    assert set(SAME) == set(FIELDS)
    assert reasons(make_record(), value()) == []
    assert unknown(value()) == []


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ({"split": "ratio-70-10-20"}, "split ratio-70-10-20, here split leave_one_out"),
        ({"last_tie": "first"}, "the first of a user's last second is the test event, here the last"),
        ({"tie_order": "item"}, "events of one second in the order item, here"),
        ({"seen_masked": False}, "seen items not masked, here seen items masked"),
        ({"candidates": "uniform-100"}, "candidates uniform-100, here candidates full"),
        ({"ties": "pessimistic"}, "equal scores ranked by the pessimistic rank, here"),
        ({"chosen_on": "test"}, "the epoch chosen on test, here the epoch chosen on validation"),
        (
            {"refit": True},
            "the tested model trained again on training and validation events, here the",
        ),
        ({"min_rating": 3}, "other filtering: rating >= 3, here no min_rating"),
        ({"k_core": 10}, "other filtering: 10-core, here no k_core"),
        ({"min_item_events": 6}, "other filtering: items with >= 6 events, here no min_item_events"),
        ({"min_user_events": 5}, "other filtering: users with >= 5 events, here no min_user_events"),
        ({"duplicates": "first"}, "other filtering: duplicates=first, here duplicates=keep"),
    ],
)
def test_each_field_is_a_reason_by_itself_and_none_where_it_is_unknown(protocol: dict[str, Any], said: str) -> None:
    (reason,) = reasons(make_record(), value(protocol))
    assert reason.startswith(said)
    hidden = value(dict.fromkeys(protocol, UNKNOWN))
    assert reasons(make_record(), hidden) == []
    assert unknown(hidden) == list(protocol)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"protocol": {"candidates": "uniform-101"}}, {"candidates": "uniform-101"}),
        ({"protocol": {"ties": "optimistic"}}, {"ties": "optimistic"}),
        ({"protocol": {"tie_order": "item"}}, {"tie_order": "item"}),
        ({"protocol": {"name": "ratio", "train_share": 0.7, "valid_share": 0.1}}, {"split": "ratio-70-10-20"}),
        ({"protocol": {"refit": True}}, {"refit": True}),
        ({"protocol": {"name": "global_time"}}, {"split": "global_time"}),
        ({"dataset": {"k_core": 10, "min_rating": 3}}, {"k_core": 10, "min_rating": 3}),
        ({"dataset": {"min_user_events": 9, "duplicates": "exact"}}, {"min_user_events": 9, "duplicates": "exact"}),
    ],
)
def test_the_records_own_fields_are_read(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert reasons(make_record(**ours), value(theirs)) == []
    assert len(reasons(make_record(**ours), value())) == len(theirs)
    assert len(reasons(make_record(), value(theirs))) == len(theirs)


def test_counts_settle_the_filtering_by_whatever_name_it_was_done() -> None:
    record = make_record(dataset={"min_item_events": 5})  # 943 users, 1,682 items, 100,000 interactions
    same = {"users": 943, "items": 1682, "interactions": 100_000}
    assert reasons(record, value({"k_core": 5}, same)) == []
    assert reasons(record, value({"k_core": 5}, {"users": 943, "items": 1682})) == []
    assert reasons(record, value({"k_core": 10, "min_rating": 3}, same | {"items": 1500})) == [
        "other filtering: 943 users, 1,500 items, 100,000 interactions (rating >= 3, 10-core), "
        "here 943 users, 1,682 items, 100,000 interactions"
    ]
    assert reasons(record, value({"min_item_events": 5}, {"users": 900})) == [
        "other filtering: 900 users (items with >= 5 events), here 943 users, 1,682 items, 100,000 interactions"
    ]
    hidden = dict.fromkeys(FILTERS, UNKNOWN)
    assert unknown(value(hidden, same)) == []
    assert unknown(value(hidden)) == list(hidden)


def test_counts_without_the_interactions_do_not_settle_the_duplicates() -> None:
    record = make_record(dataset={"duplicates": "first"})
    few = {"users": 943, "items": 1682}
    assert reasons(record, value({"k_core": 5}, few)) == ["other filtering: duplicates=keep, here duplicates=first"]
    assert reasons(record, value({}, few | {"interactions": 100_000})) == []
    assert unknown(value(dict.fromkeys(FILTERS, UNKNOWN), few)) == ["duplicates"]


def test_every_filter_of_a_data_set_is_a_field() -> None:
    own = {field.name for field in fields(Filters)} | {"min_rating"}
    assert own == set(FILTERS) <= set(FIELDS)


@pytest.mark.parametrize(
    "chosen", [{"min_user_events": 100}, {"duplicates": "first"}, {"min_item_events": 7}, {"k_core": 9}]
)
def test_no_filter_of_ours_that_a_source_does_not_share_passes_unsaid(chosen: dict[str, Any]) -> None:
    (name,) = chosen
    for each in published():
        data = {"name": each.dataset, "users": 90, "items": 80, "interactions": 700, **each.counts}
        record = make_record(each.model, data=data, dataset=chosen)
        told = any("filtering" in reason for reason in reasons(record, each)) or name in unknown(each)
        settled = len(each.counts) == 3 or (len(each.counts) == 2 and name != "duplicates")
        assert told != settled, (each.source, each.label)


def test_a_model_that_was_trained_again_is_comparable_only_with_its_like() -> None:
    theirs = registered("attrec", "ml-1m", "HR@10", "TensorFlow 2", label="AttRec, dist")
    sampled = {"candidates": "uniform-101", "candidates_seed": 0, "ties": "pessimistic"}
    data = {"name": "ml-1m", "users": 6040, "items": 3706, "interactions": 1_000_209}
    assert reasons(make_record(data=data, protocol=sampled), theirs) == []
    (why,) = reasons(make_record(data=data, protocol={**sampled, "refit": True}), theirs)
    assert why.startswith("the tested model not trained again on training and validation events, here")


def test_another_variant_of_the_model_is_a_reason_where_ours_has_that_keyword() -> None:
    theirs = value(settings={"loss": "softmax"})
    assert reasons(make_record(keywords={"loss": "bce"}), theirs) == ["loss=softmax, here loss=bce"]
    assert reasons(make_record(keywords={"loss": "softmax"}), theirs) == []
    assert reasons(make_record(), theirs) == []


def registered(model: str, dataset: str, metric: str, source: str, label: str = "") -> Published:
    found = [each for each in published() if (each.model, each.dataset, each.metric) == (model, dataset, metric)]
    (one,) = [each for each in found if source in each.source and label in each.label]
    return one


def test_the_registry_knows_that_recbole_does_not_mask_and_filters() -> None:
    data = {"name": "ml-1m", "users": 6040, "items": 3706, "interactions": 1_000_209}
    record = make_record("fpmc", data=data)
    masked, filtering = reasons(record, registered("fpmc", "ml-1m", "HR@10", "sequential"))
    assert masked == "seen items not masked, here seen items masked"
    assert "3,124 items" in filtering
    assert reasons(record, registered("bprmf", "ml-1m", "HR@10", "general")) == [
        "split random, here split leave_one_out"
    ]


def test_the_registry_knows_the_filtering_that_others_share() -> None:
    data = {"name": "ml-1m", "users": 6040, "items": 3416, "interactions": 999_611}
    record = make_record("sasrec", data=data, dataset={"min_item_events": 5}, keywords={"loss": "softmax"})
    known = [each for each in published() if (each.model, each.dataset, each.metric) == ("sasrec", "ml-1m", "HR@10")]
    fine = {each.source for each in known if not reasons(record, each)}
    assert fine == {
        "Klenitskiy & Vasilev (2023)",
        "Petrov & Macdonald (2022), as quoted by later papers",
        "Time to Split (2025)",
        "gSASRec, README",
    }


def test_the_authors_split_is_comparable_but_for_the_choice_on_test() -> None:
    best = [each for each in published() if "own best" in each.label and each.metric == "HR@50"]
    ours = make_record("attrec_author", protocol={"last_tie": "first", "refit": True})
    assert reasons(ours, best[0]) == ["the epoch chosen on test, here the epoch chosen on validation"]
    assert len(reasons(make_record("attrec"), best[0])) == 3  # and another last event, and no learning from all others


def test_every_source_is_valid_and_names_data_sets_that_exist() -> None:
    sources = {each.source for each in published()}
    files = sorted(FOLDER.glob("*.yaml"))
    assert len(sources) == len(files) - 1, "each file is one source; the paper's has no values yet"
    keys = [(each.source, each.label, each.dataset, each.metric) for each in published()]
    assert len(keys) == len(set(keys)), "no value twice"
    for file in files:
        assert "\n  - {model" in file.read_text() or "values: []" in file.read_text()
    there = {file.stem for file in (conf_folder() / "dataset").glob("*.yaml")}
    assert {"ml-100k", "ml-1m"} <= there & {each.dataset for each in published()}


def test_typing_in_the_papers_table_is_an_edit_of_one_file(tmp_path: Path) -> None:
    text = (FOLDER / "attrec_paper.yaml").read_text()
    example = re.search(r"^#   (- \{model: attrec.*\})$", text, re.MULTILINE)
    assert example is not None
    file = tmp_path / "attrec_paper.yaml"
    file.write_text(text.replace("values: []", f"values:\n  {example[1]}"))
    assert [(each.metric, each.dataset) for each in read(file)] == [("HR@50", "ml-100k"), ("MRR", "ml-100k")]


SOURCE: dict[str, Any] = {
    "source": "a paper",
    "confidence": "V",
    "protocol": SAME,
    "datasets": {"ml-1m": {"users": 3}},
    "values": [{"model": "caser", "label": "Caser", "dataset": "ml-1m", "HR@10": 0.5}],
}


def written(folder: Path, **changes: Any) -> Path:
    file = folder / "paper.yaml"
    file.write_text(yaml.safe_dump({**SOURCE, **changes}))
    return file


def entry(**changes: Any) -> dict[str, Any]:
    return {"values": [{**SOURCE["values"][0], **changes}]}


def test_a_source_by_hand(tmp_path: Path) -> None:
    expected = value(dataset="ml-1m", counts={"users": 3}, source="a paper")
    assert read(written(tmp_path)) == [expected]
    (changed,) = read(written(tmp_path, **entry(protocol={"ties": "pessimistic"}, settings={"loss": "bce"})))
    assert (changed.protocol["ties"], changed.settings) == ("pessimistic", {"loss": "bce"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"confidence": "sure"}, "confidence must be one of V, 2, got 'sure'"),
        ({"protocol": {"split": "ratio"}}, "a protocol must have the keys .*; lacking are candidates, last_tie"),
        ({"protocol": {**SAME, "speed": 1}}, r"a protocol may have the keys .*, got \['speed'\]"),
        ({"protocol": {**SAME, "split": "ratio"}}, "split must be leave_one_out, .*or unknown, got 'ratio'"),
        ({"protocol": {**SAME, "candidates": "many"}}, "candidates must be full, .*, got 'many'"),
        ({"protocol": {**SAME, "tie_order": "flie"}}, "tie_order must be one of .*did you mean"),
        ({"protocol": {**SAME, "seen_masked": 1}}, "seen_masked must be true, false or unknown, got 1"),
        ({"protocol": {**SAME, "refit": "no"}}, "refit must be true, false or unknown, got 'no'"),
        ({"protocol": {**SAME, "duplicates": "all"}}, "duplicates must be one of keep, exact, .*, got 'all'"),
        ({"protocol": {**SAME, "k_core": -1}}, "k_core must be a number above 0, null or unknown, got -1"),
        (
            {"datasets": {"ml-1m": {"user": 3}}},
            r"a dataset may have the keys users, items, interactions, got \['user'\]",
        ),
        ({"extra": 1}, r"a file may have the keys .*, got \['extra'\]"),
        (entry(dataset="ml1m"), "dataset must be one of ml-1m, got 'ml1m'"),
        (entry(**{"HR10": 0.5}), "a metric must be HR@K, .*, got 'HR10'"),
        (entry(**{"HR@10": 50.0}), r"HR@10 must lie in \[0, 1\], got 50.0"),
        ({"values": [{"model": "caser", "label": "x", "dataset": "ml-1m"}]}, "a value must have at least one metric"),
        ({"values": ["caser"]}, "a value must be a mapping, got 'caser'"),
    ],
)
def test_a_mistake_in_a_source_is_one_line_that_names_the_file(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=rf"^paper\.yaml: {said}") as raised:
        read(written(tmp_path, **changes))
    assert "\n" not in str(raised.value)


def test_broken_yaml_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "paper.yaml"
    file.write_text("source: [")
    with pytest.raises(InputError, match=r"^paper\.yaml: ") as raised:
        read(file)
    assert "\n" not in str(raised.value)
