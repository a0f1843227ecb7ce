"""A model of one's own goes through `run`: what is wrong with it is told before a figure is recorded."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from attrec_bench import targets
from attrec_bench.configuration import composed
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
    """The folder that the user works in; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(targets, "_NAMED", set())
    yield tmp_path
    for name in [name for name, module in sys.modules.items() if str(tmp_path) in str(vars(module).get("__file__"))]:
        del sys.modules[name]


def tried(text: str, *keywords: str) -> None:
    """Write the user's file and run its class Decay."""
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


def test_wrong_scores_are_told_of_before_the_first_step() -> None:
    text = MODEL.replace("@ self.items.T", "@ self.items[1:].T").replace("scores = self.score", "raise SystemExit")
    with pytest.raises(InputError, match="score of Decay"):
        tried(text)
