"""A newcomer's own file, through the functions behind the verbs: what is refused says in one line what to do."""

from pathlib import Path

import pytest

from attrec_bench.configuration import composed, explained
from attrec_bench.data_report import data_report
from attrec_bench.run import run


def refused(*arguments: str) -> str:
    """The one line with which `attrec-bench data` refuses."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Hydra wraps what a reader raises; the line is what counts
        data_report(list(arguments))
    said = explained(caught.value)
    assert said is not None
    assert "\n" not in said
    return said


def test_an_order_without_times_is_not_cut_in_time(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("".join(f"{user} a b c d e\n" for user in range(9)))
    given = [f"dataset.path={file}", "dataset.name=mine", "protocol=global_time"]
    rule = "protocol=global_time needs times, and mine gives only the order of a user's events"
    assert refused("audit", "sequences", *given) == rule
    config = composed(["dataset=sequences", *given, "model=popularity", f"runs={tmp_path / 'runs'}"])
    with pytest.raises(ValueError, match=rule):
        run(config, "popularity", "")
