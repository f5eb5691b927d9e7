"""Call what a learner wrote, and say what is wrong with the call or its answer."""

from collections.abc import Callable

import torch
from torch import Tensor

STATES = "States are rows (..., d): a matrix acts on them as x @ A.T."


def call(function: Callable, arguments: tuple, hint: str = STATES) -> object:
    """Call the learner's function; its own exceptions come back as a hint."""
    assert callable(function), (
        "Hand over what can be called: the function itself, or the stepper."
    )
    try:
        found = function(*arguments)
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(
            f"Your function raised {type(error).__name__}: {error}\nIt was called with "
            + _described(arguments, hint)
        ) from error
    assert found is not None, "Nothing came back: does the function end with return?"
    return found


def _described(arguments: tuple, hint: str) -> str:
    if arguments and all(isinstance(a, int | float) for a in arguments):
        numbers = ", ".join(f"{a:g}" for a in arguments)
        return (
            f"{numbers}: plain numbers, not tensors. Use the functions of math, or "
            "torch.tensor first."
        )
    shapes = [tuple(a.shape) for a in arguments if isinstance(a, Tensor)]
    return f"{len(arguments)} arguments, tensors of shape {shapes}. {hint}"


def answer(function: Callable, arguments: tuple, x: Tensor) -> Tensor:
    """What the function returns, if it is a state like ``x``."""
    found = call(function, arguments)
    assert isinstance(found, Tensor), f"Return a tensor, not {type(found).__name__}."
    assert found.shape == x.shape, (
        f"For x of shape {tuple(x.shape)} return the same shape, not "
        f"{tuple(found.shape)}."
    )
    return found


def number(function: Callable, arguments: tuple, hint: str = "") -> float:
    """What the learner's function returns, if it is one finite number."""
    found = call(function, arguments, hint or STATES)
    assert isinstance(found, int | float | Tensor), f"Return one number, not {found!r}."
    value = torch.as_tensor(found, dtype=torch.float64)
    assert value.numel() == 1, f"Return one number, not {value.numel()}: {found!r}."
    assert value.isfinite().all(), (
        f"Return a finite number, not {value.item()}. {hint}".rstrip()
    )
    return value.item()
