"""A model of one's own goes through `run`: what is wrong with it is told before a figure is recorded."""

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hydra.errors import InstantiationException
from omegaconf.errors import MissingMandatoryValue

from attrec_bench import targets
from attrec_bench.configuration import composed, explained
from attrec_bench.errors import InputError
from attrec_bench.results import store
from attrec_bench.run import run
from tests.test_run import SMALL

MODEL = """
import torch
from torch import nn
from attrec_bench.training.losses import bpr

class Decay(nn.Module):
    T = 1

    def __init__(self, n_items, generator, *, d, decay, maxlen=3, std=0.1):
        super().__init__()
        self.maxlen = maxlen
        self.items = nn.Parameter(torch.empty(n_items + 1, d).normal_(std=std, generator=generator))

    def score(self, users, windows):
        return nn.functional.embedding_bag(windows, self.items, mode="mean", padding_idx=0) @ self.items.T

    def loss(self, batch):
        scores = self.score(batch.users, batch.windows)
        return bpr(scores.gather(1, batch.targets), scores.gather(1, batch.negatives)).mean()
"""
KEYWORDS = ("+model.d=4", "+model.decay=0.7")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the user works in."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file rewritten within a second would be taken from there
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(targets, "_NAMED", set())
    yield tmp_path
    sys.modules.pop("decaymodel", None)


def tried(text: str, *keywords: str) -> None:
    """Write the user's file and run its class Decay, as another process would."""
    sys.modules.pop("decaymodel", None)
    Path("decaymodel.py").write_text(text)
    words = [*SMALL, "model=own", "model._target_=decaymodel.Decay", "runs=runs", *(keywords or KEYWORDS)]
    run(composed(words), "Decay", "attrec-bench run")


BROKEN = {
    "no padding column": (
        MODEL.replace("@ self.items.T", "@ self.items[1:].T"),
        "score of Decay must be [B, I+1] = (3, 81), got (3, 80): item 0 is the padding item",
    ),
    "a loss misspelt": (MODEL.replace("def loss", "def los"), "(is 'los' meant to be 'loss'?)"),
    "a loss for each row": (MODEL.replace(".mean()\n", "\n"), "the loss of Decay must be one number"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_model_leaves_no_record(case: str) -> None:
    text, told = BROKEN[case]
    with pytest.raises(InputError) as caught:
        tried(text)
    assert told in str(caught.value)
    assert not Path("runs").is_dir() or not store.read_all(Path("runs"))


def test_a_sound_model_is_recorded() -> None:
    tried(MODEL)
    assert [record.model for record in store.read_all(Path("runs"))] == ["Decay"]


def test_a_run_of_a_model_that_draws_from_torchs_global_state_repeats() -> None:
    """That is what the contract's checks say of such a model."""
    text = MODEL.replace("self.maxlen = maxlen\n", "self.maxlen = maxlen\n        self.mix = nn.Linear(d, d)\n")
    text = text.replace("padding_idx=0) @", "padding_idx=0) @ self.mix.weight @")
    found = []
    for stir, seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(stir)
        tried(text, *KEYWORDS, "force=true", f"seed={seed}")
        (record,) = (each for each in store.read_all(Path("runs")) if each.config["seed"] == seed)
        found.append(record.ranks.tolist())
    assert found[0] == found[1] != found[2]


def test_a_loss_that_writes_to_its_batch_ends_the_run() -> None:
    text = MODEL.replace("def loss(self, batch):\n", "def loss(self, batch):\n        batch.negatives[:] = 1\n")
    with pytest.raises(InputError, match=r"the loss of Decay changes batch\.negatives in place: work on a copy"):
        tried(text, *KEYWORDS)


KEYWORD_MISTAKES = {
    "one misspelt": (("+model.d=4", "+model.decya=1"), "Decay takes d, decay, maxlen, std, got 'decya' (did you mean"),
    "one missing": (("+model.d=4",), "Decay takes d, decay, maxlen, std, got no decay: +model.decay=VALUE"),
    "a fact misspelt": (KEYWORDS, "Decay takes 'n_item', which nothing gives: is 'n_items' meant?"),
    "a fact": ((*KEYWORDS, "+model.n_items=7"), "Decay takes d, decay, maxlen, std, got 'n_items'"),
}


@pytest.mark.parametrize("case", KEYWORD_MISTAKES)
def test_a_keyword_that_the_class_does_not_take_is_named_with_those_that_it_takes(case: str) -> None:
    keywords, told = KEYWORD_MISTAKES[case]
    with pytest.raises(InputError) as caught:
        tried(MODEL.replace("n_items", "n_item") if "misspelt" in case and "fact" in case else MODEL, *keywords)
    assert told in str(caught.value)


def test_a_class_that_takes_any_keyword_is_given_it() -> None:
    tried(MODEL.replace("std=0.1)", "std=0.1, **others)"), *KEYWORDS, "+model.other=3")


def test_an_error_in_the_users_code_names_its_line() -> None:
    with pytest.raises(IndexError) as caught:
        tried(MODEL.replace("self.score(batch.users, batch.windows)", "[1, 2][5]"))
    assert explained(caught.value) == "decaymodel.py:18, in loss: IndexError: list index out of range"
    with pytest.raises(InstantiationException) as broken:
        tried(MODEL.replace("self.maxlen = maxlen", "self.maxlen = maxlen + 'a'"))
    assert str(explained(broken.value)).startswith("decaymodel.py:11, in __init__: TypeError: unsupported operand")


def test_a_class_is_named_with_its_file() -> None:
    words = [*SMALL, "model=own", "model._target_=Decay", "runs=runs"]
    with pytest.raises(InputError, match=r"model\._target_ is FILE\.CLASS, as mymodels\.Decay for a class Decay"):
        run(composed(words), "Decay", "attrec-bench run")
    with pytest.raises(MissingMandatoryValue) as caught:
        run(composed([*SMALL, "model=own", "runs=runs"]), "own", "attrec-bench run")
    assert str(explained(caught.value)).startswith("model=own needs the class: model._target_=FILE.CLASS")


def run_class(target: str) -> str:
    """What a run of this class ends with."""
    with pytest.raises(InputError) as caught:
        run(composed([*SMALL, "model=own", f"model._target_={target}", "runs=runs"]), "Decay", "attrec-bench run")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_that_is_hidden_by_another_module_is_told_of_with_the_file_that_was_imported() -> None:
    for name, imported in {"statistics": statistics.__file__, "sys": "a module of Python itself"}.items():
        Path(f"{name}.py").write_text(MODEL)
        told = run_class(f"{name}.Decay")
        assert f"got '{name}.Decay': {imported} was imported, and has no Decay; it hides {name}.py of the" in told


def test_a_class_misspelt_names_the_one_that_is_there() -> None:
    Path("decaymodel.py").write_text(MODEL)
    told = run_class("decaymodel.Decya")
    assert told.endswith("decaymodel.py was imported, and has no Decya (did you mean 'Decay'?)")
    Path("decaymodel.py").write_text("import torch\ntorch.nothing\n")
    sys.modules.pop("decaymodel")
    assert "decaymodel.py:2, in <module>: module 'torch' has no attribute 'nothing'" in run_class("decaymodel.Decay")


def test_wrong_scores_are_told_of_before_the_first_step() -> None:
    text = MODEL.replace("@ self.items.T", "@ self.items[1:].T").replace("scores = self.score", "raise SystemExit")
    with pytest.raises(InputError, match="score of Decay"):
        tried(text)
