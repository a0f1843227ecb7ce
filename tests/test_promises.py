"""Scores that are not such as the contract asks for are told of in one line, and no rank is made of them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from attrec_bench.contract import Batch, Scorer
from attrec_bench.errors import InputError
from attrec_bench.evaluation.candidates import Ranking, lists, ranks_in
from attrec_bench.evaluation.ranks import queries, ranks
from attrec_bench.promises import agree
from attrec_bench.training.losses import bpr
from tests.small import histories, random_histories

CPU = torch.device("cpu")
HISTORY = random_histories(7, 9, seed=1, shortest=2, longest=6)
TARGETS = histories([[1 + user] for user in range(7)], 9)


class Mine(nn.Module):
    """A sound model of nine items; each class below has one mistake."""

    maxlen = 2
    T = 1

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.randn(10, 4, generator=torch.Generator().manual_seed(0)))

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return nn.functional.embedding_bag(windows, self.items, mode="mean", padding_idx=0) @ self.items.T

    def loss(self, batch: Batch) -> Tensor:
        scores = self.score(batch.users, batch.windows)
        return bpr(scores.gather(1, batch.targets), scores.gather(1, batch.negatives)).mean()


class Factored(Mine):
    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        return nn.functional.embedding_bag(windows, self.items, mode="mean", padding_idx=0)

    def candidates(self) -> Tensor:
        return self.items

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return self.query(users, windows) @ self.candidates().T


class NoPadding(Mine):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return super().score(users, windows)[:, 1:]


class OneTooMany(Mine):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return nn.functional.pad(super().score(users, windows), (0, 1))


class Whole(Mine):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return super().score(users, windows).long()


class Emptying(Mine):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        scores = super().score(users, windows)
        windows.zero_()
        return scores


class OneForAll(Mine):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return super().score(users, windows).mean(0, keepdim=True)


class Listed(Mine):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return super().score(users, windows).tolist()  # type: ignore[return-value]


class FactoredNoPadding(Factored):
    def candidates(self) -> Tensor:
        return self.items[1:]


class FactoredOneQuery(Factored):
    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        return super().query(users, windows)[:1]

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return (self.query(users, windows) @ self.items.T).expand(len(users), -1)


class Doubled(Factored):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return 2 * super().score(users, windows)


class Nearly(Factored):
    """Off by a hundredth, as for a bias that one of the two has forgotten."""

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return super().score(users, windows) + 0.01


class Comparing(Mine):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        scores = super().score(users, windows)
        return scores - scores.mean(0)


class FactoredComparing(Factored):
    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        query = super().query(users, windows)
        return query - query.mean(0)


class Dropping(Mine):
    """Dropout that evaluation does not switch off."""

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return nn.functional.dropout(super().score(users, windows), 0.5)


WRONG_SCORES: dict[type[Mine], str] = {
    NoPadding: "score of NoPadding must be [B, I+1] = (3, 10), got (3, 9): item 0 is the padding item",
    OneTooMany: "score of OneTooMany must be [B, I+1] = (3, 10), got (3, 11): item 0 is the padding item",
    OneForAll: "score of OneForAll must be [B, I+1] = (3, 10), got (1, 10): item 0 is the padding item",
    Listed: "score of Listed must be a tensor [B, I+1], got list",
    FactoredNoPadding: "score of FactoredNoPadding must be [B, I+1] = (3, 10), got (3, 9)",
    FactoredOneQuery: "query of FactoredOneQuery must be [B, D] = (3, 4), got (1, 4)",
    Doubled: "score of Doubled must be query(users, windows) @ candidates().T, got another score for the same rows",
    Nearly: "score of Nearly must be query(users, windows) @ candidates().T, got another score for the same rows",
    Comparing: "score of Comparing must give a row the same scores by itself as in a batch, got others",
    FactoredComparing: "score of FactoredComparing must give a row the same scores by itself as in a batch, got others",
    Whole: "score of Whole must be floating point, got 'torch.int64'",
    Emptying: "score of Emptying changes its users or windows in place: work on a copy, .clone()",
    Dropping: "or draws random numbers in evaluation",
}


def ranked(model: Scorer) -> Any:
    return ranks(model, queries(HISTORY, TARGETS, maxlen=model.maxlen, device=CPU))


@pytest.mark.parametrize("kind", WRONG_SCORES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("ties", ["expected", "optimistic"])
def test_no_rank_is_made_of_scores_that_are_not_the_contracts(kind: type[Mine], ties: str) -> None:
    """Both ways to rank: the fast one (expected ties) and the one for other lists."""
    ranking = Ranking(candidates="full", seed=0, ties=ties)
    asked = lists(HISTORY, TARGETS, ranking, maxlen=2, device=CPU, purpose="valid")
    with pytest.raises(InputError) as caught:
        ranks_in(kind().eval(), asked)
    assert WRONG_SCORES[kind] in str(caught.value)
    assert "\n" not in str(caught.value)


class WrongCandidates(Factored):
    """Its score is sound, and only its candidates lack the padding item."""

    def candidates(self) -> Tensor:
        return self.items[1:]

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return self.query(users, windows) @ self.items.T


def test_candidates_have_a_row_for_padding() -> None:
    with pytest.raises(
        InputError, match=r"candidates of WrongCandidates must be \[I\+1, D\] = \(10, D\), got \(9, 4\)"
    ):
        ranked(WrongCandidates())


def test_sound_models_are_ranked_and_alike_whether_looked_at_or_not() -> None:
    for model in (Mine(), Factored(), Mine().double()):
        asked = queries(HISTORY, TARGETS, maxlen=2, device=CPU)
        assert ranks(model, asked).tolist() == ranks(model, asked, looked=True).tolist()
    one = queries(HISTORY, TARGETS.take(np.arange(1)), maxlen=2, device=CPU)
    assert len(ranks(Mine(), one)) == 1
    assert len(ranks(Mine(), queries(HISTORY, TARGETS.take(np.arange(0)), maxlen=2, device=CPU))) == 0


def test_scores_that_are_not_finite_stay_the_rankings_to_tell() -> None:
    model = Mine()
    with torch.no_grad():
        model.items.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="NaN or infinite"):
        ranked(model)


def test_scores_agree_up_to_rounding_of_their_terms_and_padding_does_not_count() -> None:
    one, ten = torch.ones(1, 3), torch.full((1, 3), 10.0)
    assert agree(one, one + 1e-4, ten)
    assert not agree(one, one + 1e-1, ten)
    assert agree(one, one + torch.tensor([[5.0, 0, 0]]), one), "column 0"
    assert not agree(one, one + torch.tensor([[0.0, 0, 5]]), one)
    assert agree(torch.full((1, 3), torch.nan), one, one)
