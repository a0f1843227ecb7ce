"""What a paper calls models and data sets: `BPR-MF` for bprmf. What is not listed here keeps the name one types for it.

The terminal, Markdown and csv keep those names, since one types what one reads there; LaTeX and HTML are for readers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from attrec_bench.errors import InputError, require, require_choice
from attrec_bench.results.record import Record

MODELS = {
    "attrec": "AttRec",
    "attrec_author": "AttRec (author's code)",
    "attrec_tf2": "AttRec (TensorFlow 2)",
    "bprmf": "BPR-MF",
    "caser": "Caser",
    "caser_recbole": "Caser (RecBole)",
    "ease": "EASE",
    "fmc": "FMC",
    "fpmc": "FPMC",
    "gru4rec": "GRU4Rec",
    "hrm": "HRM",
    "itemknn": "ItemKNN",
    "markov": "Markov",
    "oracle": "Oracle",
    "popularity": "Popularity",
    "prme": "PRME",
    "random": "Random",
    "sasrec": "SASRec",
    "transrec": "TransRec",
}
DATASETS = {
    "amazon-apps": "Amazon Apps",
    "amazon-beauty": "Amazon Beauty",
    "amazon-digital-music": "Amazon Digital Music",
    "amazon-health": "Amazon Health",
    "amazon-instant-video": "Amazon Instant Video",
    "amazon-musical-instruments": "Amazon Musical Instruments",
    "amazon-sports": "Amazon Sports",
    "amazon-tools": "Amazon Tools",
    "amazon-toys": "Amazon Toys",
    "amazon-video-games": "Amazon Video Games",
    "lastfm": "Last.fm",
    "ml-100k": "ML-100K",
    "ml-1m": "ML-1M",
    "ml-latest-small": "ML-latest-small",
    "seqrec-beauty": "Amazon Beauty (SeqRec)",
    "seqrec-clothing": "Amazon Clothing (SeqRec)",
    "seqrec-health": "Amazon Health (SeqRec)",
    "seqrec-toys": "Amazon Toys (SeqRec)",
}
TITLED = ("latex", "html")
"""The formats that use these names."""


@dataclass(frozen=True)
class Names:
    """What is typed -> what is shown. ``rows`` are models and labels of rows; ``given`` are the user's keys of both."""

    rows: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    given: tuple[str, ...] = ()

    def of_model(self, model: str) -> str:
        """Return what a model is called."""
        return self.rows.get(model, model)

    def of_row(self, label: str, model: str) -> str:
        """Return what a row is called: its own name if it has one, else its model's with the settings it says."""
        return self.rows.get(label, self.of_model(model) + label.removeprefix(model))

    def of_dataset(self, name: str) -> str:
        """Return what a data set is called."""
        return self.datasets.get(name, name)

    def require_known(self, rows: Sequence[str], others: Sequence[str]) -> None:
        """Raise InputError for a key that is neither of ``rows`` nor of ``others``, which the message leaves out."""
        for key in self.given:
            if key not in others:
                require_choice("names, a row or a data set of the table,", key, rows)


def names_of(given: str | None, records: Sequence[Record], form: str) -> Names:
    """Return the names for a table of these records in this format.

    ``given`` is "bprmf:BPR-MF,attrec (w=0.9):Ours": models, rows and data sets, in every format. What is both a model
    and a data set is the model. Raises InputError for what is no such pair and for a name given twice.
    """
    named = _pairs(given) if given is not None else {}
    models = {record.model for record in records}
    datasets = {record.data["name"] for record in records} - models
    titled = form in TITLED
    return Names(
        rows={**(MODELS if titled else {}), **{key: name for key, name in named.items() if key not in datasets}},
        datasets={**(DATASETS if titled else {}), **{key: name for key, name in named.items() if key in datasets}},
        given=tuple(named),
    )


def require_apart(what: str, shown: Mapping[str, str]) -> None:
    """Raise InputError where two of what is typed (the keys) are called the same."""
    typed: dict[str, str] = {}
    for key, name in shown.items():
        if name in typed:
            raise InputError(f"names must tell {what} apart, got {name!r} for {typed[name]} and {key}")
        typed[name] = key


def _pairs(given: str) -> dict[str, str]:
    """Split at commas outside parentheses, as those of a row's label, and each part at its first colon."""
    found: dict[str, str] = {}
    for part in re.split(r",(?![^(]*\))", given):
        typed, _, name = (each.strip() for each in part.partition(":"))
        require(bool(typed and name), "names must be TYPED:SHOWN,..., as bprmf:BPR-MF,mine:Ours", part)
        require(typed not in found, "names must name each row once", typed)
        found[typed] = name
    return found
