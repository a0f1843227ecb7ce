"""Configurations of a model -> the labels of their rows, which say in what they differ."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attrec_bench.results.record import Record, digest, flatten, text

DIGITS = 4
"""Significant digits of numbers in a label."""


def settings_of(record: Record) -> dict[str, Any]:
    """What makes a row: neither the seed nor what the whole table shares."""
    return flatten({"model": record.config["model"], "train": record.config["train"]})


def labels(variants: Sequence[Sequence[Record]], anyway: Sequence[str] = ()) -> list[str]:
    """One label for each configuration of a model, naming the keys that differ: "attrec (w=0.2)".

    Numbers are cut to a few digits where the labels still differ: what a search found has sixteen.
    A value that more than half of four or more configurations share goes without saying: where each changes one thing
    of the same settings, its label says that one thing, and a note gives the others.
    ``anyway`` are keys that are said in any case (see ``said_anyway``).
    """
    model, settings = variants[0][0].model, [settings_of(variant[0]) for variant in variants]
    keys = _said_keys(settings, anyway)
    last = [key.rpartition(".")[2] for key in keys]
    names = {key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)}
    usual = {key: value for key, value in usual_of(settings, keys).items() if key not in anyway}

    def told(digits: int | None) -> list[str]:
        parts = [
            [said(names[key], key, each, digits) for key in keys if _is_said(key, each, usual, anyway)]
            for each in settings
        ]
        return [f"{model} ({', '.join(each)})" if each else model for each in parts]

    short = told(DIGITS)
    return short if len(set(short)) == len(short) else told(None)


def said_anyway(tables: Sequence[Sequence[Sequence[Sequence[Record]]]]) -> dict[str, list[str]]:
    """Variants of each model of tables that stand side by side -> for each model the keys that all its labels say.

    They are those of the training (see ``training_keys``) and those that tell its own rows apart in one of the tables,
    so that a label means the same in all of them. What a model's search found for each data set is not said.
    """
    training = [key for models in tables for key in training_keys(models)]
    found: dict[str, dict[str, None]] = {}
    for variants in (variants for models in tables for variants in models):
        settings = [settings_of(variant[0]) for variant in variants]
        own = found.setdefault(variants[0][0].model, dict.fromkeys(training))
        own |= dict.fromkeys(_telling(settings))
    return {model: list(keys) for model, keys in found.items()}


def training_keys(models: Sequence[Sequence[Sequence[Record]]]) -> list[str]:
    """Variants of each model -> keys of the training that no row of the table may leave unsaid.

    They tell rows of one model apart, so that a label without them would hide whether another model's training was
    equal to the one or to the other. What few of many configurations change is not among them (see ``usual_of``).
    """
    found: dict[str, None] = {}
    for variants in models:
        settings = [settings_of(variant[0]) for variant in variants]
        found |= dict.fromkeys(key for key in _telling(settings) if key.startswith("train."))
    return list(found)


def _telling(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys that tell these configurations apart and do not go without saying in most of them."""
    keys = differing(settings)
    usual = usual_of(settings, keys)
    return [key for key in keys if key not in usual]


def unsaid(variants: Sequence[Sequence[Record]], anyway: Sequence[str] = (), model: str | None = None) -> list[str]:
    """Return the note that gives the values that go without saying; none where the labels say all.

    ``model`` is what the model is called, its own name unless said.
    """
    settings = [settings_of(variant[0]) for variant in variants]
    usual = usual_of(settings, [key for key in differing(settings) if key not in anyway])
    typical = [next(each for each in settings if held(key, each) == usual[key]) for key in usual]
    told = ", ".join(said(key, key, each) for key, each in zip(usual, typical, strict=True) if key in each)
    return [f"{model or variants[0][0].model}, where a row does not say otherwise: {told}"] if told else []


def _said_keys(settings: Sequence[Mapping[str, Any]], anyway: Sequence[str]) -> list[str]:
    """Return the keys of these settings that a label may name, in the order of the settings."""
    apart = differing(settings)
    keys = dict.fromkeys(key for each in settings for key in each)
    return [key for key in keys if key in apart or key in anyway]


def _is_said(key: str, settings: Mapping[str, Any], usual: Mapping[str, str], anyway: Sequence[str]) -> bool:
    """Whether a label names this key: its value is not the usual one; said in any case, there is a value."""
    return key in settings if key in anyway else held(key, settings) != usual.get(key, held(key, {}))


def usual_of(settings: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[str, str]:
    """Return what more than half of four or more settings hold under a key (see ``held``), where they do."""
    common = {key: Counter(held(key, each) for each in settings).most_common(1)[0] for key in keys}
    return {key: most for key, (most, times) in common.items() if len(settings) > 3 and times > len(settings) / 2}


def held(key: str, settings: Mapping[str, Any]) -> str:
    """Return a digest of the value under a key; to have no such key is a value, too."""
    return digest([key in settings, settings.get(key)])


def said(name: str, key: str, settings: Mapping[str, Any], digits: int | None = None) -> str:
    """w=0.2, to so many significant digits; or ``no w`` where these settings have no such key."""
    if key not in settings:
        return f"no {name}"
    value = settings[key]
    return f"{name}={text(float(f'{value:.{digits}g}') if digits and isinstance(value, float) else value)}"


def differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys whose values are not the same in all of these."""
    keys = dict.fromkeys(key for each in settings for key in each)
    return [key for key in keys if len({held(key, each) for each in settings}) > 1]
