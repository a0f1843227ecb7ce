"""The contract's tests, for a model of this suite and for one of your own. Each passes or says what is not kept.

    from attrec_bench.checks import CHECKS, some_data

    @pytest.mark.parametrize("check", CHECKS)
    def test_keeps_the_contract(check):
        check(lambda data, seed: Mine(data.n_users, data.n_items, generator(seed, "init"), d=8), some_data())

Make the model small, and its start so wide (a standard deviation of 0.3) that scores differ. What is not kept is an
AssertionError with a sentence.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from attrec_bench.contract import Batch, Constrained, Factored, Learner
from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.evaluation.ranks import queries, ranks
from attrec_bench.foresight import foreseeing_position
from attrec_bench.promises import versions, written
from attrec_bench.specimen import CPU, Make, loss_of, ready, same, some_batch, some_data, some_windows, windows_of
from attrec_bench.training.batches import generator

__all__ = ["CHECKS", "CPU", "Make", "ready", "some_data", "windows_of"]


def what_learns_has_a_loss(make: Make, data: Interactions) -> None:
    """A model with parameters has loss and T, or fit; the loss is one finite number with a gradient."""
    model = ready(make, data)
    if isinstance(model, Learner):
        value = float(loss_of(model, some_batch(model, data)).detach())
        assert math.isfinite(value), f"the loss is {value} before the first step"


def scores_are_finite_and_one_an_item(make: Make, data: Interactions) -> None:
    """score(users [B], windows [B, L]) -> [B, I+1]."""
    model = ready(make, data)
    users, windows = some_windows(model, data)
    scores = model.score(users, windows)
    assert scores.shape == (len(users), data.n_items + 1), f"scores are [B, I+1], got {tuple(scores.shape)}"
    assert bool(scores[:, 1:].isfinite().all()), "a score is NaN or infinite"


def a_batch_scores_as_its_rows_do(make: Make, data: Interactions) -> None:
    """What stands beside a row changes nothing; nor does evaluation draw random numbers."""
    model = ready(make, data)
    users, windows = some_windows(model, data)
    together = model.score(users, windows)
    alone = torch.cat([model.score(users[i : i + 1], windows[i : i + 1]) for i in range(len(users))])
    said = "a user's scores change with who else is in the batch, or are drawn anew each time"
    same(together[:, 1:], alone[:, 1:], said, rtol=1e-4)


def a_factored_model_scores_by_its_dot_product(make: Make, data: Interactions) -> None:
    """Where there are query and candidates, their product is the score; there are both or none."""
    model = ready(make, data)
    users, windows = some_windows(model, data)
    if isinstance(model, Factored):
        product = model.query(users, windows) @ model.candidates().T
        same(product, model.score(users, windows), "score is not query(users, windows) @ candidates().T")
    else:
        assert not hasattr(model, "query"), "the model has query without candidates"
        assert not hasattr(model, "candidates"), "the model has candidates without query"


def later_events_change_no_rank(make: Make, data: Interactions, knows_the_truth: bool = False) -> None:
    """The model counts and is asked about the first half of each user; what follows may be anything."""
    halves = data.offsets[:-1] + np.diff(data.offsets) // 2
    later = np.arange(len(data)) > halves[data.users]
    shuffled = data.items.copy()
    shuffled[later] = np.random.default_rng(1).permutation(shuffled[later])
    other = Interactions(data.users, shuffled, data.times, data.user_ids, data.item_ids, truth=data.truth)
    found = []
    for events in (data, other):
        past = events.take(np.flatnonzero(np.arange(len(events)) < halves[events.users]))
        model = ready(make, events if knows_the_truth else past)
        asked = queries(past, events.take(halves), maxlen=model.maxlen, device=CPU)
        found.append(ranks(model, asked, looked=True).tolist())
    assert found[0] == found[1], "a rank changes with what the user reads later: the model looks ahead"


def the_order_of_users_changes_no_rank(make: Make, data: Interactions) -> None:
    """Nor does it matter who is scored together with whom."""
    model = ready(make, data)
    target = data.take(data.offsets[1:] - 1)
    expected = ranks(model, queries(data, target, maxlen=model.maxlen, device=CPU), looked=True)
    order = np.random.default_rng(2).permutation(len(target))
    shuffled = ranks(model, queries(data, target.take(order), maxlen=model.maxlen, device=CPU), looked=True)
    said = "a user's rank changes with her place among the users, or with who is scored together with her"
    assert shuffled.tolist() == expected[order].tolist(), said


def neither_loss_nor_score_changes_what_it_is_given(make: Make, data: Interactions) -> None:
    """A batch and a query are the same afterwards."""
    model = ready(make, data)
    users, windows = some_windows(model, data)
    given = users.clone(), windows.clone()
    model.score(users, windows)
    assert users.equal(given[0]), "score changes its users in place: work on a copy, .clone()"
    assert windows.equal(given[1]), "score changes its windows in place: work on a copy, .clone()"
    if isinstance(model, Learner):
        batch = some_batch(model, data)
        before = versions(batch)
        loss_of(model, batch)
        assert (told := written(model, batch, before)) is None, told


def steps_along_the_gradient_raise_the_targets(make: Make, data: Interactions) -> None:
    """After forty steps of Adam on one batch, fewer items score above its targets: the loss is not turned around, and
    scores are made of what was learnt.
    """
    model = ready(make, data)
    if not isinstance(model, Learner):
        return
    batch = some_batch(model, data)
    targets = batch.targets[:, -1 if getattr(model, "every_position", False) else 0]
    above = []
    for steps in (0, 40):
        learn(model, batch, steps)
        with torch.no_grad():
            scores = model.score(batch.users, batch.windows)
        own = scores.gather(1, targets[:, None])
        above.append(float((scores[:, 1:] > own).float().mean()))
    assert above[1] < above[0], (
        f"forty steps of Adam on one batch took the share of items that score above its targets from {above[0]:.3f} to "
        f"{above[1]:.3f}: the loss has the wrong sign, or the scores are not made of what it trains"
    )


def learn(model: Learner, batch: Batch, steps: int) -> None:
    """Take steps of Adam on one batch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)  # type: ignore[attr-defined]
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model, batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if isinstance(model, Constrained):
            with torch.no_grad():
                model.constrain()


def steps_along_the_gradient_lower_the_loss(make: Make, data: Interactions) -> None:
    """Forty steps of Adam take a tenth off the loss of one batch, or the gradient is not that of the loss."""
    model = ready(make, data)
    if not isinstance(model, Learner):
        return
    batch = some_batch(model, data)
    first = float(loss_of(model, batch).detach())
    learn(model, batch, 40)
    last = float(model.loss(batch).detach())
    said = f"forty steps of Adam took the loss of one batch from {first:.4g} to {last:.4g} only, not a tenth off"
    assert last < first - 0.1 * abs(first), f"{said}: the gradient is not that of the loss, or is cut off on its way"


def the_padding_item_is_no_parameter(make: Make, data: Interactions) -> None:
    """Row 0 of a table of items gets no gradient from padding."""
    model = ready(make, data)
    if not isinstance(model, Learner):
        return
    batch = some_batch(model, data)
    batch.windows[0] = PAD  # a model of one last item meets no padding in training, only in users without events
    loss_of(model, batch).backward()  # type: ignore[no-untyped-call]
    for key, parameter in model.named_parameters():  # type: ignore[attr-defined]
        if parameter.shape[:1] == (data.n_items + 1,):
            assert parameter.grad is not None, f"{key} gets no gradient"
            assert not parameter.grad[PAD].any(), f"{key}[0], the padding item, gets a gradient"


def the_seed_decides_the_parameters(make: Make, data: Interactions) -> None:
    """One seed always gives the same start, another one another."""
    if not isinstance(ready(make, data), Learner):
        return

    def start(seed: int, torchs: int, others: int) -> dict[str, Tensor]:
        state: dict[str, Tensor] = ready(make, data, seed, torchs, others).state_dict()
        return state

    differing = apart(start(3, 1, 1), start(3, 2, 2))
    if differing:
        seeded_by_a_run = not apart(start(3, 1, 1), start(3, 1, 2))
        raise AssertionError(
            f"two models of one seed differ in {', '.join(differing)}: draw from `generator`; "
            + (FROM_TORCH if seeded_by_a_run else FROM_ELSEWHERE)
        )
    said = "models of two seeds start alike: draw the parameters from `generator`"
    assert apart(start(3, 1, 1), start(4, 1, 1)), said


FROM_TORCH = (
    "they are drawn from torch's global state, as those of nn.Linear, nn.GRU and nn.Embedding are. A run seeds that "
    "state, so its figures are sound and repeat; a model that is made elsewhere, as here, is another each time. "
    "nn.init.uniform_(parameter, -bound, bound, generator=generator) for each puts it right"
)
FROM_ELSEWHERE = (
    "they come from random numbers that no seed decides (numpy's, Python's, or torch's in fit), so the same command "
    "gives another result each time"
)


def apart(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """Return the keys under which two states differ."""
    return [key for key in one if not torch.equal(one[key], other[key])]


def renamed_items_get_the_scores_of_their_old_names(make: Make, data: Interactions) -> None:
    """Permute the rows of all tables of items, and the scores are permuted: no item's number means anything."""
    model, renamed = ready(make, data), ready(make, data)
    if not isinstance(model, Learner):
        return
    order = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(data.n_items, generator=generator(0, "t"))])
    with torch.no_grad():
        for parameter in renamed.parameters():
            if parameter.shape[:1] == (data.n_items + 1,):
                parameter[order] = parameter.clone()
    users, windows = some_windows(model, data)
    said = "with the rows of every table [I+1, ...] renumbered a score is another: it depends on an item's number"
    same(renamed.score(users, order[windows])[:, order], model.score(users, windows), said)


def a_position_learns_from_nothing_later(make: Make, data: Interactions) -> None:
    """A model with every_position does not see the targets of a position, which stand later in its window."""
    model = ready(make, data)
    if not isinstance(model, Learner) or windows_of(model) != "sequences" or model.maxlen < 2:
        return
    loss_of(model, some_batch(model, data))
    drawn = torch.from_numpy(np.random.default_rng(4).integers(1, data.n_items + 1, (4, model.maxlen)))
    t = foreseeing_position(model, drawn[:3], drawn[3:], data.n_items)
    assert t is None, f"the loss of position {t} of a window depends on the items after it: the model sees its targets"


CHECKS: tuple[Callable[[Make, Interactions], None], ...] = (
    what_learns_has_a_loss,
    scores_are_finite_and_one_an_item,
    a_batch_scores_as_its_rows_do,
    a_factored_model_scores_by_its_dot_product,
    later_events_change_no_rank,
    the_order_of_users_changes_no_rank,
    neither_loss_nor_score_changes_what_it_is_given,
    steps_along_the_gradient_lower_the_loss,
    steps_along_the_gradient_raise_the_targets,
    the_padding_item_is_no_parameter,
    the_seed_decides_the_parameters,
    renamed_items_get_the_scores_of_their_old_names,
    a_position_learns_from_nothing_later,
)
