"""A data set's name -> what it holds, or what a figure on it is worth under a protocol, in lines of text."""

from pathlib import Path

from attrec_bench.configuration import composed
from attrec_bench.data.audit import audit, told
from attrec_bench.data.describe import describe
from attrec_bench.errors import InputError
from attrec_bench.plan import build
from attrec_bench.training.progress import waiting

LAYOUTS = {".inter": "inter", ".txt": "sequences"}
"""Suffix of a user's own file -> the data set that reads it; any other is a csv."""


def data_report(arguments: list[str]) -> str:
    """["ml-100k", overrides ...] -> its description; ["audit", "ml-100k", overrides ...] -> its audit.

    With ``protocol.refit`` the training events are those of the last training. InputError for a missing name.
    """
    audited = arguments[:1] == ["audit"]
    named = arguments[audited:]
    verb = "data audit" if audited else "data"
    if not named or "=" in named[0]:
        raise InputError(f"{verb} needs the name of a data set first: attrec-bench {verb} ml-100k")
    if Path(named[0]).is_file():
        layout = LAYOUTS.get(Path(named[0]).suffix, "csv")
        raise InputError(
            f"{named[0]} is a file and no name of a data set; for a file of your own: attrec-bench {verb} {layout} "
            f"dataset.path={named[0]} ..."
        )
    config = composed([f"dataset={named[0]}", *named[1:]])
    with waiting(f"reading {named[0]}"):
        data = build(config.dataset)
        if not audited:
            return describe(data)
        split = build(config.protocol.split)(data)
        return told(audit(data, split.refit() if config.protocol.refit else split), data)
