"""The contract, looked at where a model meets the suite: what it does not keep is an InputError, in one line.

Looked at are the parts that a model has (before anything is done), its loss (before a step) and its scores (before a
ranking). A figure of a model that breaks one of these would be wrong, and would look like any other.
Shapes: as in contract.py; n rows that are looked at.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from attrec_bench.contract import Batch, Factored, Scorer
from attrec_bench.errors import InputError, require, require_whole

ROUNDINGS = 4096
"""How many roundings of a product's largest terms two ways to compute it may differ by: 5e-4 of them in float32."""


def require_parts(model: Any) -> None:
    """Raise InputError unless the model can be ranked and, where it says that it learns, can learn."""
    name = type(model).__name__
    for part, written in {"score": "score(users, windows)", "maxlen": "maxlen, the length of a window"}.items():
        if not hasattr(model, part):
            raise InputError(
                f"{name} has no {written}{near(model, part)}: a model has maxlen and score(users, windows)"
            )
    require(callable(model.score), f"score of {name} must be a method", model.score)
    require_whole(f"maxlen of {name}", model.maxlen, 0)
    if callable(getattr(model, "loss", None)):
        require_learner(model, name)
    elif hasattr(model, "T") or (not hasattr(model, "fit") and any(learnable(model))):
        has = "T but no loss(batch)" if hasattr(model, "T") else "parameters but neither loss(batch) nor fit(train)"
        raise InputError(
            f"{name} has {has}{near(model, 'loss')}: it would be ranked untrained; "
            "what is not to be trained has no T, and no parameter with requires_grad"
        )


def require_learner(model: Any, name: str) -> None:
    """Raise InputError unless a model with a loss has what the training needs."""
    if not isinstance(model, nn.Module):
        raise InputError(f"a model with a loss must be an nn.Module, got {name}")
    if not hasattr(model, "T"):
        raise InputError(
            f"{name} has loss(batch) but no T, how many next items are the targets of a window: T = 1 in the class"
        )
    require_whole(f"T of {name}", model.T, 1)
    if getattr(model, "every_position", False):
        rule = f"{name} learns at every_position, so its T must be its maxlen ({model.maxlen}), of at least 1"
        require(model.maxlen == model.T, rule, model.T)
    require_registered(model, name)
    if not any(learnable(model)):
        raise InputError(
            f"{name} has a loss but no parameter to learn: tables are nn.Parameter or nn.Module, kept as attributes, "
            "in an nn.ParameterList or in an nn.ModuleList"
        )


def require_registered(model: nn.Module, name: str) -> None:
    """Raise InputError for a tensor of numbers that the module holds and does not know: no step would ever move it."""
    for place, module in model.named_modules():
        for key, value in vars(module).items():
            if isinstance(value, Tensor) and value.is_floating_point():
                where = ".".join(filter(None, [name, place, key]))
                raise InputError(
                    f"{where} is a plain tensor, which is neither trained nor kept with the run: nn.Parameter(...) for "
                    f"what is to be learnt, register_buffer({key!r}, ...) for a constant"
                )


def learnable(model: Any) -> Iterator[bool]:
    """Yield for each parameter of an nn.Module whether it takes a gradient."""
    return (each.requires_grad for each in model.parameters()) if isinstance(model, nn.Module) else iter(())


def require_keywords(kind: type, given: Iterable[str], facts: Iterable[str]) -> None:
    """Raise InputError unless the keywords given are those of the class's constructor; facts are nobody's to give."""
    require_taken(kind, given, facts)
    takes, named = inspect.signature(kind).parameters, keywords(kind, facts)
    missing = [name for name in named if takes[name].default is inspect.Parameter.empty and name not in set(given)]
    if missing:
        for name in missing:
            for fact in get_close_matches(name, [each for each in facts if each not in takes], n=1):
                raise InputError(f"{kind.__name__} takes {name!r}, which nothing gives: is {fact!r} meant?")
        written = " ".join(f"+model.{name}=VALUE" for name in missing)
        raise InputError(f"{kind.__name__} takes {', '.join(named)}, got no {', '.join(missing)}: {written}")


def require_taken(made: Callable[..., Any], given: Iterable[str], facts: Iterable[str] = ()) -> None:
    """Raise InputError for a keyword that the class or function does not take; facts are nobody's to give."""
    if all(each.kind != each.VAR_KEYWORD for each in inspect.signature(made).parameters.values()):
        require_known(made.__name__, given, keywords(made, facts))


def require_known(what: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Raise InputError, with the known names, for a name that is none of them."""
    for key in given:
        if key not in known:
            found = get_close_matches(key, known, n=1)
            hint = f" (did you mean {found[0]!r}?)" if found else ""
            raise InputError(f"{what} takes {', '.join(known) or 'no keyword'}, got {key!r}{hint}")


def keywords(made: Callable[..., Any], facts: Iterable[str]) -> list[str]:
    """Return the names of the keywords that a class or function takes, less the facts."""
    takes = inspect.signature(made).parameters.items()
    return [
        name
        for name, each in takes
        if name not in set(facts) and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]


def near(model: Any, wanted: str) -> str:
    """Return a hint where a model has a method or an attribute whose name is nearly the wanted one; else nothing."""
    own = (each for each in type(model).__mro__ if not f"{each.__module__}.".startswith(("torch.", "builtins.")))
    defined = [name for each in own for name in vars(each)] + list(getattr(model, "__dict__", ()))
    names = [name for name in defined if not name.startswith("__") and name != wanted]
    found = get_close_matches(wanted, names, n=1) or [name for name in names if wanted in name.lower()]
    return f" (is {found[0]!r} meant to be {wanted!r}?)" if found else ""


def require_scalar(model: Any, loss: Any) -> None:
    """Raise InputError unless the loss is one number that some parameter has a part in."""
    name = type(model).__name__
    if not isinstance(loss, Tensor):
        raise InputError(f"the loss of {name} must be a tensor of one number, got {type(loss).__name__}")
    if loss.dim():
        raise InputError(
            f"the loss of {name} must be one number, a tensor of shape (), got {tuple(loss.shape)}: "
            ".mean() or .sum() over the batch"
        )
    if not loss.requires_grad:
        raise InputError(
            f"the loss of {name} has no gradient: no parameter has a part in it (.item(), .detach(), no_grad, argmax "
            "and comparisons cut it off)"
        )


def versions(batch: Batch) -> list[int]:
    """Return how often each tensor of a batch was written to so far, as torch counts it."""
    return [getattr(batch, each.name)._version for each in fields(batch)]


def written(model: Any, batch: Batch, before: list[int]) -> str | None:
    """Return what the loss has written to since the batch's ``versions`` were ``before``, in words; None: nothing."""
    for each, was, now in zip(fields(batch), before, versions(batch), strict=True):
        if was != now:
            return f"the loss of {type(model).__name__} changes batch.{each.name} in place: work on a copy, .clone()"
    return None


def require_scores(model: Scorer, users: Tensor, windows: Tensor, n_items: int) -> None:
    """Users [n], windows [n, L]: raise InputError unless their scores are [n, I+1], the same for a row by itself.

    The product of query and candidates, where a model has them, must be the score.
    """
    name = type(model).__name__
    given = users.clone(), windows.clone()
    scores = model.score(users, windows)
    if not (users.equal(given[0]) and windows.equal(given[1])):
        raise InputError(f"score of {name} changes its users or windows in place: work on a copy, .clone()")
    require_shape(f"score of {name}", scores, "[B, I+1]", (len(users), n_items + 1))
    require(scores.is_floating_point(), f"score of {name} must be floating point", str(scores.dtype))
    if isinstance(model, Factored):
        query, candidates = model.query(users, windows), model.candidates()
        require_shape(f"candidates of {name}", candidates, "[I+1, D]", (n_items + 1, None))
        require_shape(f"query of {name}", query, "[B, D]", (len(users), candidates.shape[1]))
        product, largest = query @ candidates.T, query.abs() @ candidates.abs().T
        if not agree(scores, product, largest):
            raise InputError(
                f"score of {name} must be query(users, windows) @ candidates().T, got another score for the same rows "
                f"(by up to {difference(scores, product):.3g}); a model may also have score alone"
            )
        alone = model.query(users[-1:], windows[-1:]) @ candidates.T
    else:
        largest, alone = scores.abs().amax(1, keepdim=True), model.score(users[-1:], windows[-1:])
    require_shape(f"score of {name} for one row", alone, "[1, I+1]", (1, n_items + 1))
    if not agree(alone, scores[-1:], largest[-1:]):
        raise InputError(
            f"score of {name} must give a row the same scores by itself as in a batch, got others "
            f"(by up to {difference(alone, scores[-1:]):.3g}): it looks at who else is in the batch, or draws random "
            "numbers in evaluation"
        )


def require_shape(what: str, found: Any, words: str, wanted: tuple[int | None, ...]) -> None:
    """Raise InputError unless ``found`` is a tensor of the wanted shape, in which None is any length."""
    if not isinstance(found, Tensor):
        raise InputError(f"{what} must be a tensor {words}, got {type(found).__name__}")
    shape = tuple(found.shape)
    if len(shape) == len(wanted) and all(b in (a, None) for a, b in zip(shape, wanted, strict=True)):
        return
    numbers = ", ".join("D" if each is None else str(each) for each in wanted)
    padding = ": item 0 is the padding item" if "I+1" in words else ""
    raise InputError(f"{what} must be {words} = ({numbers}), got {shape}{padding}")


def agree(one: Tensor, other: Tensor, largest: Tensor) -> bool:
    """Whether two scores of the same rows are the same but for rounding; ``largest`` is the size of their terms.

    True where some score is not finite.
    """
    bound = largest * ROUNDINGS * torch.finfo(other.dtype).eps + torch.finfo(torch.float32).tiny
    apart = (one - other).abs() > bound
    return not bool((apart[:, 1:] & one[:, 1:].isfinite() & other[:, 1:].isfinite()).any())


def difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference of two scores, padding apart."""
    return float((one - other)[:, 1:].abs().amax())
