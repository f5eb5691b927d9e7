"""Checks for the exercises on learned flow maps; see `lecture_utils.exercises`."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils._answers import answer, call, number
from lecture_utils.types import FlowMap


def check_windows(windows: Callable[[Tensor, int, int], Tensor]) -> None:
    """Check how trajectories ``(n, T, d)`` become training data ``(n, p + 1, d)``.

    ``windows(trajectories, p, stride)`` should return the initial state of each
    trajectory and the next ``p`` states that lie ``stride`` samples apart.

    Raises:
        AssertionError: With a hint, if a state is missing or another one.
    """
    generator = torch.Generator().manual_seed(0)
    trajectories = torch.randn(4, 31, 2, dtype=torch.float64, generator=generator)
    for p, stride in ((5, 4), (1, 7), (3, 1), (6, 5)):
        index = stride * torch.arange(p + 1)
        found = call(windows, (trajectories.clone(), p, stride))
        assert isinstance(found, Tensor), f"Return a tensor, not {type(found).__name__}"
        shape = tuple(found.shape)
        assert shape == (4, p + 1, 2), (
            f"For p = {p} and trajectories of shape (4, 31, 2) return windows of shape "
            f"(4, {p + 1}, 2), not {shape}. {_shape_hint(shape, p)}"
        )
        named = {
            "Neighbouring states of a window lie stride samples apart.": trajectories[
                :, : p + 1
            ],
            "The first state of a window is the initial state.": trajectories[
                :, (index + stride) % 31
            ],
            "These are the last states; begin at the initial ones.": trajectories[
                :, index - index[-1] - 1
            ],
        }
        expected = trajectories[:, index]
        assert torch.equal(found, expected), (
            f"For p = {p} and stride = {stride} the states are other ones. "
            + _named(found, named, f"Their times should be {index.tolist()} samples.")
        )
    print("Passed: the initial state and p more, each a stride after the last.")


def _shape_hint(shape: tuple[int, ...], p: int) -> str:
    if shape == (4, p, 2):
        return "A window holds the initial state as well as p later ones."
    if shape == (p + 1, 4, 2):
        return "Trajectories come first, times second: stack along dim=1."
    return "One window per trajectory, with all its components."


def check_recurrent_loss(loss: Callable[[FlowMap, Tensor], Tensor]) -> None:
    """Check the mean squared error of p steps, each from the map's own last state.

    ``loss(phi, windows)`` gets a map ``(n, d) -> (n, d)`` and windows
    ``(n, p + 1, d)``.

    Raises:
        AssertionError: With a hint, if the loss is another one.
    """
    generator = torch.Generator().manual_seed(0)
    for p, d, pull in ((3, 2, 0.3), (5, 3, 0.1), (1, 2, 0.3)):

        def phi(x: Tensor, pull: float = pull) -> Tensor:
            return x + pull * torch.sin(x.flip(-1) + 1)

        shape = (6, p + 1, d)
        windows = torch.randn(shape, dtype=torch.float64, generator=generator)
        expected, named = _losses(phi, windows)
        found = number(loss, (phi, windows.clone()))
        hint = next(
            (text for text, value in named.items() if math.isclose(value, found)),
            "Take n = 1 and p = 2 and write the sum out by hand.",
        )
        assert math.isclose(found, expected, rel_tol=1e-9), (
            f"For p = {p} the loss should be {expected:.4f}, you gave {found:.4f}. "
            + hint
        )
    print("Passed: every step but the first starts from the map's own state.")


def _losses(phi: FlowMap, windows: Tensor) -> tuple[float, dict[str, float]]:
    """The loss, and what common mistakes make of it, each with its hint."""
    n, length, d = windows.shape
    states = [windows[:, 0]]
    for _ in range(length - 1):
        states.append(phi(states[-1]))
    squares = (torch.stack(states, dim=1) - windows)[:, 1:].square().sum(-1)
    forced = (phi(windows[:, :-1]) - windows[:, 1:]).square().sum(-1)
    right = squares.mean().item()
    return right, {
        "Each step starts from the data; it should start from the map's own last "
        "state.": forced.mean().item(),
        "That is the error of the last step alone: sum over all p.": (
            squares[:, -1].mean().item()
        ),
        "The initial state is given: divide by p, not by p + 1.": (
            right * (length - 1) / length
        ),
        "That averages over the components as well; the square of a vector is the sum "
        "over them.": right / d,
        "That averages over the components as well, and counts the given initial "
        "state.": right * (length - 1) / length / d,
        "Divide by the number of trajectories, n.": right * n,
        "Divide by the number of steps, p.": right * (length - 1),
        "Divide by n and by p: a mean, not a sum.": squares.sum().item(),
        "That is its root: the loss is the mean of the squares.": math.sqrt(right),
    }


def check_chord_gap(chord_gap: Callable[[float, float], float]) -> None:
    """Check the distance of a circle from its chord at the middle of a step.

    ``chord_gap(r, h)`` should return it for radius ``r`` and angle ``h`` in radians.

    Raises:
        AssertionError: With a hint, if a distance is wrong.
    """
    for r, h in ((2.0, 1.024), (0.5, 2.0), (1.0, 0.128)):
        expected = r * (1 - math.cos(h / 2))
        found = number(chord_gap, (r, h))
        named = {
            "The middle is half a step from either end: an angle of h / 2.": (
                r * (1 - math.cos(h))
            ),
            "That is the leading term for small h; the exact distance is asked.": (
                r * h**2 / 8
            ),
            "Multiply by the radius.": expected / r,
            "That is the distance of the chord from the centre.": r * math.cos(h / 2),
            "That is half of the chord itself.": r * math.sin(h / 2),
            "That is the squared distance.": expected**2,
        }
        hint = next(
            (text for text, wrong in named.items() if math.isclose(wrong, found)),
            "Draw the circle, the chord, and the radius through its middle.",
        )
        assert math.isclose(found, expected, rel_tol=1e-9), (
            f"For r = {r:g} and h = {h:g} the gap is {expected:.5f}, you gave "
            f"{found:.5f}. {hint}"
        )
    print("Passed: the gap of a chord is r (1 - cos(h / 2)).")


def check_learned_flow(phi: FlowMap) -> None:
    r"""Check a flow map of the pendulum, :math:`\ddot\theta = -\sin\theta`, h = 0.5.

    It is called 40 times in a row, from 50 states in :math:`[-1, 1]^2`.

    Raises:
        AssertionError: With a hint, if a state is ever off by more than 1e-3.
    """
    generator = torch.Generator().manual_seed(2)
    x0 = 2 * torch.rand(50, 2, dtype=torch.float64, generator=generator) - 1
    found, truth = x0, x0
    for i in range(1, 41):
        before, truth = truth, _pendulum(truth, 0.5)
        found = answer(phi, (found,), x0).detach()
        error = (found - truth).abs().max().item()
        assert error < 1e-3, (
            f"After jump {i} (t = {0.5 * i:g}) a state is off by {error:.1e}. "
            + (
                _first_jump_hint(found, x0)
                if i == 1
                else _later_hint(phi, before, truth)
            )
        )
    print("Passed: 40 jumps, and every state is right to 1e-3.")


def _first_jump_hint(found: Tensor, x0: Tensor) -> str:
    field = torch.stack([x0[:, 1], -x0[:, 0].sin()], dim=-1)
    named = {
        "That is the increment: add x to it.": _pendulum(x0, 0.5) - x0,
        "It returns the states it was given: nothing moves.": x0,
        "That is the field, not the flow: where is the state a time h later?": field,
        "That is one Euler step; the flow map is what to learn.": x0 + 0.5 * field,
        "It jumps a time 1: is h = 0.5 in the data?": _pendulum(x0, 1.0),
        "It jumps a time 0.25: is h = 0.5 in the data?": _pendulum(x0, 0.25),
        "It jumps back in time: x and x_next have changed places.": _pendulum(x0, -0.5),
    }
    return _named(found, named, "Train longer, or look at the loss: is it below 1e-6?")


def _later_hint(phi: FlowMap, before: Tensor, truth: Tensor) -> str:
    one_jump = (answer(phi, (before,), truth) - truth).abs().amax(-1)
    if one_jump.max() > 10 * one_jump.median() and one_jump.max() > 1e-4:
        worst = before[one_jump.argmax()].tolist()
        return (
            "Most states are fine, but at ({:.2f}, {:.2f}) one jump alone is off by "
            "{:.1e}. Was it trained where the orbits go?"
        ).format(*worst, one_jump.max().item())
    return "Small errors of many jumps add up: train longer, or with more pairs."


def _named(found: Tensor, named: dict[str, Tensor], otherwise: str) -> str:
    for text, wrong in named.items():
        if wrong.shape == found.shape and torch.allclose(found, wrong, atol=1e-3):
            return text
    return otherwise


def _pendulum(x: Tensor, time: float) -> Tensor:
    """Exact to 1e-8, by 24 steps of the classical Runge-Kutta method."""
    h = time / 24

    def field(x: Tensor) -> Tensor:
        return torch.stack([x[..., 1], -x[..., 0].sin()], dim=-1)

    for _ in range(24):
        k1 = field(x)
        k2 = field(x + h / 2 * k1)
        k3 = field(x + h / 2 * k2)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + field(x + h * k3))
    return x
