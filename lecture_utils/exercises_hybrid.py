"""Checks for the exercises on hybrid time-steppers; see `lecture_utils.exercises`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils._answers import call, number


def check_hybrid_speedup(gain: Callable[..., float]) -> None:
    """Check the cost model of a hybrid.

    ``gain(a, b, c, n, n_steps, m)`` should return how many times as fast as the
    classical method alone the hybrid is: a classical call with ``s`` states takes
    ``a + b s``, one of the network ``c``; landmarks are ``m`` steps apart.

    Raises:
        AssertionError: With a hint, if a gain is wrong.
    """
    for a, b, c, n, n_steps, m in (
        (1e-4, 1e-8, 3e-4, 320, 640, 8),
        (0.0, 1e-7, 1e-5, 50, 100, 10),
        (2e-4, 3e-8, 1e-4, 10, 512, 128),
    ):
        gaps = n_steps // m
        serial, network = n_steps * (a + b * n), gaps * c
        walk = (m - 1) * (a + b * n * gaps)
        expected = serial / (network + walk)
        found = number(gain, (a, b, c, n, n_steps, m))
        named = {
            "The last step of each gap is not taken: m - 1 calls.": serial
            / (network + m * (a + b * n * gaps)),
            "The landmarks cost time as well: one network call each.": serial / walk,
            "The walk carries the states of all gaps at once.": serial
            / (network + (m - 1) * (a + b * n)),
            "That is how many times as slow: take its inverse.": 1 / expected,
            "A call pays the overhead a once, not once for each gap.": serial
            / (network + (m - 1) * gaps * (a + b * n)),
            "Every trajectory takes part in every call: n belongs to b.": n_steps
            * (a + b)
            / (network + (m - 1) * (a + b * gaps)),
        }
        hints = (text for text, wrong in named.items() if _close(found, wrong))
        assert _close(found, expected), (
            f"For a = {a}, b = {b}, c = {c}, n = {n}, n_steps = {n_steps}, m = {m} the "
            f"gain is {expected:.4g}, you gave {found:.4g}. "
            + next(hints, "Write down both times first, then their ratio.")
        )
    print("Passed: the work is the same, the waiting is not.")


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-6 * abs(b)


def check_exact_landmarks(parareal_landmarks: Callable[..., Tensor]) -> None:
    """Check Parareal with maps whose landmarks are known.

    ``parareal_landmarks(fine, coarse, x0, n_steps, n_iterations)`` should return the
    landmarks after the last iteration, shape ``(n, n_steps + 1, d)``.

    Raises:
        AssertionError: With a hint, if a landmark is wrong.
    """
    x0 = torch.tensor([[0.3, -0.2], [0.1, 0.4], [-0.5, 0.2]], dtype=torch.float64)
    n_steps = 6

    def fine(x: Tensor) -> Tensor:
        return x + 0.3 * torch.stack([x[..., 1], -x[..., 0].sin()], dim=-1)

    def coarse(x: Tensor) -> Tensor:
        return x + 0.25 * torch.stack([x[..., 1], -x[..., 0]], dim=-1)

    for n_iterations in (0, 1, 3, n_steps):
        expected = _landmarks(fine, coarse, x0, n_steps, n_iterations)
        arguments = (fine, coarse, x0, n_steps, n_iterations)
        found = call(parareal_landmarks, arguments)
        assert isinstance(found, Tensor) and found.shape == expected.shape, (
            f"Return a tensor of shape {tuple(expected.shape)}, the landmarks with the "
            f"initial states first; got {tuple(getattr(found, 'shape', ()))}."
        )
        assert torch.allclose(found, expected, rtol=0, atol=1e-10), (
            f"After {n_iterations} iterations landmarks are off by "
            f"{(found - expected).abs().max().item():.1e}. "
            + _landmark_hint(found, arguments)
        )
    print("Passed: after k iterations the first k landmarks are those of the fine map.")


def _landmarks(
    fine: Callable[[Tensor], Tensor],
    coarse: Callable[[Tensor], Tensor],
    x0: Tensor,
    n_steps: int,
    n_iterations: int,
    sign: float = 1.0,
    stale: bool = False,
) -> Tensor:
    """The right landmarks, or with one of two mistakes."""
    states = [x0]
    for _ in range(n_steps):
        states.append(coarse(states[-1]))
    for _ in range(n_iterations):
        old, states = states, [x0]
        for n in range(n_steps):
            base = old[n] if stale else states[-1]
            states.append(coarse(base) + sign * (fine(old[n]) - coarse(old[n])))
    return torch.stack(states, dim=1)


def _landmark_hint(found: Tensor, arguments: tuple) -> str:
    fine, coarse, x0, n_steps, n = arguments
    named = {
        "The correction is fine minus coarse, not the other way round.": _landmarks(
            *arguments, sign=-1.0
        ),
        "The coarse step starts from the new landmark, the correction is made at the "
        "old one; yours starts from the old one too.": _landmarks(
            *arguments, stale=True
        ),
        "That is one iteration too many.": _landmarks(fine, coarse, x0, n_steps, n + 1),
        "That is one iteration too few.": _landmarks(
            fine, coarse, x0, n_steps, max(n - 1, 0)
        ),
        "That is the fine map alone, which is what we wanted to avoid: it walks in "
        "line.": _landmarks(fine, fine, x0, n_steps, 0),
    }
    hints = (text for text, wrong in named.items() if torch.allclose(found, wrong))
    return next(hints, "With no iterations it is the coarse map alone: begin there.")


def check_own_hybrid(stepper: Callable[[Tensor, int], Tensor]) -> None:
    r"""Check a hybrid for the pendulum, :math:`\ddot\theta = -\sin\theta`.

    Called with 50 states in :math:`[-1, 1]^2` and 200 steps of 0.1.

    Raises:
        AssertionError: With a hint, if it is no hybrid, takes more than 60 calls in a
            row, or its states are off by more than 1e-3.
    """
    generator = torch.Generator().manual_seed(2)
    x = 2 * torch.rand(50, 2, dtype=torch.float64, generator=generator) - 1
    _check_is_hybrid(stepper)
    found = call(stepper, (x, 200))
    assert isinstance(found, Tensor) and found.shape == (50, 201, 2), (
        "stepper(x0, 200) must return states of shape (50, 201, 2); it returned "
        f"{tuple(getattr(found, 'shape', ()))}."
    )
    longest = max(stepper.levels)  # type: ignore[attr-defined]  # checked above
    for i in range(1, 201):
        for _ in range(10):
            x = _pendulum_rk4(x, 0.01)
        error = (found[:, i] - x).abs().max().item()
        where = (
            f"before the first landmark, step {longest}: look at the classical step"
            if i < longest
            else f"the landmarks are every {longest} steps: look at the network, and "
            "at the states it was trained on; or train it for more steps"
        )
        assert error < 1e-3, (
            f"At step {i} (t = {0.1 * i:g}) a state is off by {error:.1e}; {where}."
        )
    print("Passed: right to 1e-3 up to t = 20, with the waiting of a few calls.")


def _check_is_hybrid(stepper: object) -> None:
    levels = tuple(getattr(stepper, "levels", ()))
    assert len(levels) == 2 and levels[0] == 1 and levels[1] >= 10, (
        "Hand over a HierarchicalStepper with level 1 and one more, of 10 or longer; "
        f"yours has the levels {levels}."
    )
    assert getattr(stepper, "dt", None) == 0.1, "Give the stepper dt = 0.1."
    flows = stepper.flows  # type: ignore[attr-defined]
    assert isinstance(flows[levels[1]], nn.Module), (
        "The long step must be a network (a torch.nn.Module), such as ScaledStep."
    )
    assert not isinstance(flows[1], nn.Module), (
        "The short step must be a classical method, such as flow_map(field, 0.1)."
    )
    calls = stepper.calls(200)  # type: ignore[attr-defined]
    assert calls <= 60, (
        f"It takes {calls} calls in a row. The landmarks and the steps of one gap add "
        "up: balance them."
    )


def _pendulum_rk4(x: Tensor, dt: float) -> Tensor:
    def field(x: Tensor) -> Tensor:
        angle, velocity = x.unbind(-1)
        return torch.stack([velocity, -angle.sin()], dim=-1)

    k1 = field(x)
    k2 = field(x + dt / 2 * k1)
    k3 = field(x + dt / 2 * k2)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + field(x + dt * k3))
