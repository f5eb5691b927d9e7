"""Checks for the exercises on learned time-steppers; see `lecture_utils.exercises`."""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils._answers import answer, call, number


def check_serial_calls(serial_calls: Callable[[list[int], int], int]) -> None:
    """Check the length of the chain of a hierarchical time-stepper.

    ``serial_calls(levels, n_steps)`` should return how many evaluations wait for one
    another; levels come in any order, ``n_steps`` is a multiple of the largest.

    Raises:
        AssertionError: With a hint, if a count is wrong.
    """
    for levels, n_steps in (([1], 12), ([8, 1], 64), ([1, 64, 8], 1024), ([4], 20)):
        down = sorted(levels, reverse=True)
        ratios = [long // short for long, short in itertools.pairwise(down)]
        expected = n_steps // down[0] + sum(ratio - 1 for ratio in ratios)
        found = number(serial_calls, (list(levels), n_steps))
        named = {
            n_steps // down[0] + sum(ratios): (
                "The last step of each gap would land on a known state: leave it out."
            ),
            n_steps // down[0] * math.prod(ratios): (
                "That counts all evaluations; the gaps are filled at the same time."
            ),
            n_steps // down[-1]: (
                "That is the chain of the shortest step alone: use the landmarks."
            ),
            n_steps // levels[0]
            + sum(a // b - 1 for a, b in itertools.pairwise(levels)): (
                "The levels come in any order: sort them, largest first."
            ),
        }
        hint = named.get(round(found), "Count one level at a time, by hand.")
        assert found == expected, (
            f"For levels {levels} and {n_steps} steps the chain is {expected} long, "
            f"you gave {found:g}. {hint}"
        )
    print("Passed: landmarks one after the other, then the gaps of each level.")


def check_hermite_gap(hermite_gap: Callable[..., Tensor]) -> None:
    """Check cubic Hermite interpolation within a gap.

    ``hermite_gap(x0, x1, v0, v1, h, s)`` should return the state at the fraction ``s``.

    Raises:
        AssertionError: With a hint, if a cubic is not reproduced.
    """
    c = torch.tensor([[1.0, -2.0, 0.5, 3.0], [0.3, 1.0, -1.5, 0.2]]).double().T
    h, s = 0.4, 0.3

    def cubic(t: float) -> Tensor:
        return c[0] + c[1] * t + c[2] * t**2 + c[3] * t**3

    def slope(t: float) -> Tensor:
        return c[1] + 2 * c[2] * t + 3 * c[3] * t**2

    ends = (cubic(0), cubic(h), slope(0), slope(h))
    found = answer(hermite_gap, (*ends, h, s), ends[0])
    x0, x1, v0, v1 = ends
    along = (1 + 2 * s) * (1 - s) ** 2 * x0 + s**2 * (3 - 2 * s) * x1
    bend = s * (1 - s) * ((1 - s) * v0 - s * v1)
    named = {
        "That is the straight line: the slopes must enter.": x0 + s * (x1 - x0),
        "The slopes are per unit of time: multiply them by h.": along + bend,
        "The slope at the end enters with a minus sign.": along
        + h * s * (1 - s) * ((1 - s) * v0 + s * v1),
        "Both slopes must enter, each from its own end.": along
        + h * s * (1 - s) * ((1 - s) * v1 - s * v0),
    }
    hint = next(
        (text for text, wrong in named.items() if torch.allclose(found, wrong)),
        "At s = 0 and s = 1 it must give the end states; check those first.",
    )
    assert torch.allclose(found, cubic(h * s)), f"A cubic is not reproduced. {hint}"
    print("Passed: cubics are reproduced exactly.")


def check_own_stepper(stepper: Callable[[Tensor, int], Tensor]) -> None:
    r"""Check a stepper for Duffing's oscillator, :math:`\ddot q = q - q^3`.

    Called with 50 states in :math:`[-1, 1]^2` and 160 steps of 0.05.

    Raises:
        AssertionError: With a hint, if its states are off by more than 1e-3.
    """
    generator = torch.Generator().manual_seed(1)
    x = 2 * torch.rand(50, 2, dtype=torch.float64, generator=generator) - 1
    found = call(stepper, (x, 160))
    assert isinstance(found, Tensor) and found.shape == (50, 161, 2), (
        "stepper(x0, 160) must return states of shape (50, 161, 2) for x0 of shape "
        f"(50, 2); it returned {tuple(getattr(found, 'shape', ()))}."
    )
    levels = tuple(getattr(stepper, "levels", ()))
    assert {1, 16} <= set(levels), f"Use at least levels 1 and 16; yours are {levels}."
    assert getattr(stepper, "dt", 0.05) == 0.05, "Give the stepper dt = 0.05."
    for i in range(1, 161):
        for _ in range(10):
            x = _duffing_rk4(x, 0.005)
        error = (found[:, i] - x).abs().max().item()
        assert error < 1e-3, (
            f"At step {i} (t = {0.05 * i:g}) a state is off by {error:.1e}. "
            + _stepper_hint(i, levels)
        )
    print("Passed: all states up to t = 8 are right to 1e-3.")


def _stepper_hint(i: int, levels: tuple[int, ...]) -> str:
    if i < max(levels):
        return (
            f"This is before the first landmark, step {max(levels)}: look at the flow "
            f"map of level {min(levels)}: its time step, its sign, the size of its "
            "network, and the states it was trained on."
        )
    return (
        f"Up to the first landmark, step {max(levels)}, all was well: look at the flow "
        f"map of level {max(levels)}. Was it trained where the orbits go?"
    )


def _duffing_rk4(x: Tensor, dt: float) -> Tensor:
    def field(x: Tensor) -> Tensor:
        q, p = x.unbind(-1)
        return torch.stack([p, q - q**3], dim=-1)

    k1 = field(x)
    k2 = field(x + dt / 2 * k1)
    k3 = field(x + dt / 2 * k2)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + field(x + dt * k3))
