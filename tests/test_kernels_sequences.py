"""The kernels of models that learn at every position, against the plain torch that they stand for."""

import pytest
import torch
from torch import Tensor

from attrec_bench.data.interactions import PAD
from attrec_bench.kernels.causal import causal_attention, plain_causal_attention
from attrec_bench.kernels.rows import Rows, rows_of
from attrec_bench.training.batches import generator

ROWS = Rows(torch.arange(13), torch.tensor([0, 1, 1, 6]), torch.tensor([1, 1, 6, 13]), 7)
"""Windows of 1, 0, 5 and 7 rows."""


def parts(heads: int, width: int) -> list[Tensor]:
    random = generator(0, "parts")
    return [torch.randn(heads, 13, width, generator=random).requires_grad_() for _ in range(3)]


@pytest.mark.parametrize(("heads", "width"), [(1, 9), (2, 4), (3, 1)])
def test_causal_attention_and_its_gradients(heads: int, width: int) -> None:
    slopes = torch.randn(heads, 13, width, generator=generator(0, "slopes"))
    gradients = []
    for function in (causal_attention, plain_causal_attention):
        q, k, v = made = parts(heads, width)
        found = function(q, k, v, ROWS, 0.0)
        (found * slopes).sum().backward()  # type: ignore[no-untyped-call]
        gradients.append((found.detach(), *(part.grad for part in made)))
    for number, (compiled, plain) in enumerate(zip(*gradients, strict=True)):
        if (width, number) != (1, 3):
            assert plain is not None
            torch.testing.assert_close(compiled, plain, rtol=1e-5, atol=1e-5)


def test_the_plain_form_looks_at_no_later_row_and_at_no_other_sequence() -> None:
    q, k, v = (part.detach().double() for part in parts(1, 4))
    before = plain_causal_attention(q, k, v, ROWS, 0.0)
    weights = torch.stack([q[0, 8] @ k[0, j] / 2 for j in (6, 7, 8)]).softmax(0)
    torch.testing.assert_close(before[0, 8], weights @ v[0, 6:9])
    torch.testing.assert_close(before[0, 0], v[0, 0])


def test_dropout_of_the_weights_drops_its_share_and_scales_the_rest() -> None:
    """One row of 40 equal keys and unit values: the output counts the weights that were kept, each 1 / 40 / .7."""
    n, ends = 40_000, torch.arange(40, 40_001, 40)
    rows = Rows(torch.arange(n), ends - 40, ends, 40)
    q, v = torch.zeros(1, n, 1), torch.ones(1, n, 1)
    torch.manual_seed(0)
    last = causal_attention(q, q, v, rows, 0.3)[0, 39::40, 0]
    kept = last * 40 * 0.7
    torch.testing.assert_close(kept, kept.round(), rtol=0, atol=1e-3)
    # 1,000 rows of 40 weights: the mean has a standard error of sqrt(.3 / .7 / 40,000) = .0033.
    assert abs(float(last.mean()) - 1) < 5 * 0.0033
    torch.manual_seed(0)
    assert torch.equal(causal_attention(q, q, v, rows, 0.3)[0, 39::40, 0], last)


def test_gradients_flow_only_where_dropout_kept() -> None:
    """Central differences with the seed held, so that the same weights are dropped."""
    q, k, v = made = parts(2, 3)
    slopes = torch.randn(2, 13, 3, generator=generator(0, "slopes"))

    def value() -> Tensor:
        torch.manual_seed(4)
        return (causal_attention(q, k, v, ROWS, 0.4) * slopes).sum()

    value().backward()  # type: ignore[no-untyped-call]
    for part in made:
        for place in ((0, 4, 1), (1, 12, 0), (1, 8, 2)):
            with torch.no_grad():
                before = part[place].item()
                part[place] = before + 1e-2
                above = value()
                part[place] = before - 1e-2
                below = value()
                part[place] = before
            assert part.grad is not None
            assert part.grad[place].item() == pytest.approx(float(above - below) / 2e-2, rel=2e-2, abs=3e-3)


def test_rows_of_windows_packed_and_not() -> None:
    windows = torch.tensor([[PAD, 3, 4], [PAD, PAD, PAD], [7, 8, 9]])
    packed, all_of_them = rows_of(windows, packed=True), rows_of(windows, packed=False)
    assert windows.flatten()[packed.kept].tolist() == [3, 4, 7, 8, 9]
    assert (packed.starts.tolist(), packed.ends.tolist()) == ([0, 2, 2], [2, 2, 5])
    assert all_of_them.kept.tolist() == list(range(9))
    assert (all_of_them.starts.tolist(), all_of_them.ends.tolist()) == ([1, 6, 6], [3, 6, 9])
