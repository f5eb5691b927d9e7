"""Checks of the exercises on the discovery of Hamiltonian systems."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils._answers import answer, call, number


def check_verlet_miss(miss: Callable[..., Tensor]) -> None:
    """Check the discovery loss, ``miss(inverse_mass, slope, x, x_next, h)``.

    ``slope(q)`` is the gradient of the potential. The answer is what one step of kick,
    drift, kick from ``x`` gives, less ``x_next``.

    Raises:
        AssertionError: With a hint, if it is something else.
    """
    mass = torch.tensor([[2.0, -0.5], [-0.5, 1.0]], dtype=torch.float64)
    x, x_next, h = _states(1), _states(2), 0.3
    q, p = x.chunk(2, dim=-1)
    half = p - h / 2 * _slope(q)
    drifted = q + h * half @ mass

    def less(q_next: Tensor, p_next: Tensor) -> Tensor:
        return torch.cat([q_next, p_next], dim=-1) - x_next

    right = less(drifted, half - h / 2 * _slope(drifted))
    found = answer(miss, (mass, _slope, x, x_next, h), x)
    drift_first = q + h / 2 * p @ mass
    late = p - h * _slope(drift_first)
    up = p + h / 2 * _slope(q)
    named = {
        "The last kick needs the force where the drift ended, not where it began.": (
            less(drifted, half - h / 2 * _slope(q))
        ),
        "The drift needs the momentum after the first kick.": less(
            q + h * p @ mass, half - h / 2 * _slope(q + h * p @ mass)
        ),
        "A kick lasts half a step: two whole kicks push twice as hard.": less(
            q + h * (p - h * _slope(q)) @ mass,
            p - h * _slope(q) - h * _slope(q + h * (p - h * _slope(q)) @ mass),
        ),
        "The velocity is M p, not p.": less(
            q + h * half, half - h / 2 * _slope(q + h * half)
        ),
        "A force is minus the slope of the potential.": less(
            q + h * up @ mass, up + h / 2 * _slope(q + h * up @ mass)
        ),
        "That is drift, kick, drift: a method too, but with another bias.": less(
            drift_first + h / 2 * late @ mass, late
        ),
        "That is the step alone: take away x_next.": right + x_next,
        "That is the data less the step: mind the sign.": -right,
    }
    assert torch.allclose(found, right, atol=1e-12), "The miss is wrong. " + _named(
        named, found, "Write the three updates one below the other."
    )
    print("Passed: one step of kick, drift, kick, less the data.")


def check_drift_first_law(law: Callable[[float], tuple[float, float]]) -> None:
    """Check which law exact data of the oscillator teach if the loss drifts first.

    ``law(h)`` should return ``(a, k)``: drift, kick, drift for
    ``a p^2 / 2 + k q^2 / 2`` is then the exact rotation by ``h``.

    Raises:
        AssertionError: With a hint, if it is not.
    """
    for h in (0.2, 0.7, 1.3):
        found = call(law, (h,))
        assert isinstance(found, tuple | list) and len(found) == 2, (
            f"Return the two coefficients (a, k), not {found!r}."
        )
        a, k = (float(value) for value in found)
        assert math.isfinite(a) and math.isfinite(k), f"At h = {h:g}: a = {a}, k = {k}."
        drift = torch.tensor([[1, a * h / 2], [0, 1]], dtype=torch.float64)
        kick = torch.tensor([[1, 0], [-k * h, 1]], dtype=torch.float64)
        c, s = math.cos(h), math.sin(h)
        turn = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
        gap = (drift @ kick @ drift - turn).abs().max().item()
        sine, tangent = math.sin(h), math.tan(h / 2)
        hints = [
            (1, 1, "That is the true law; the method makes an error with it."),
            (sine / h, 2 * tangent / h, "That is for kick, drift, kick."),
            (tangent, sine, "Divide by the duration of each move."),
            (tangent / h, sine / h, "Each drift lasts half a step."),
            (2 * tangent / h, 2 * sine / h, "The kick lasts a whole step."),
            (1 + h**2 / 12, 1 - h**2 / 6, "Nearly: the exact law is asked for."),
        ]
        hint = next(
            (t for x, y, t in hints if math.isclose(a, x) and math.isclose(k, y)),
            "Multiply the three matrices and compare the entries with the rotation.",
        )
        assert gap < 1e-9, (
            f"At h = {h:g} the three moves miss the rotation by {gap:.1e}. " + hint
        )
    print("Passed: with this wrong law the wrong method is exact.")


def check_corrected_mass(corrected: Callable[..., Tensor]) -> None:
    """Check a matrix M freed from the bias of kick, drift, kick.

    Called as ``corrected(learned, curvature, h)`` with the mean curvature of U. An
    error of the order h^4 is allowed, one of h^2 is not.

    Raises:
        AssertionError: With a hint, if the bias is still there.
    """
    mass = torch.tensor([[2.0, -0.5], [-0.5, 1.0]], dtype=torch.float64)
    curvature = torch.tensor([[1.5, 0.7], [0.7, 0.4]], dtype=torch.float64)
    for h in (0.2, 0.1):
        learned = mass - h**2 / 6 * mass @ curvature @ mass
        found = answer(corrected, (learned, curvature, h), learned)
        twice = learned @ curvature @ learned
        named = {
            "The sign is wrong: the bias makes M too small.": learned
            - h**2 / 6 * twice,
            "The factor is 1/6 (1/12 belongs to the energy).": (
                learned + h**2 / 12 * twice
            ),
            "M stands on both sides of the curvature.": (
                learned + h**2 / 6 * curvature @ learned
            ),
            "The bias grows with the square of h.": learned + h / 6 * twice,
            "These are products of matrices, written @.": (
                learned + h**2 / 6 * learned * curvature * learned
            ),
            "Nothing was corrected.": learned,
        }
        gap = (found - mass).abs().max().item()
        assert gap < 2 * h**4, (
            f"At h = {h:g} the error of M is {gap:.1e}, and it was "
            f"{(learned - mass).abs().max():.1e} before. "
            + _named(named, found, "Put the learned matrix into the formula.")
        )
    print("Passed: what is left of the bias is of the order h^4.")


def check_unsteadiness(unsteadiness: Callable[..., Tensor]) -> None:
    """Check a measure of how badly a learned energy is conserved along data.

    ``unsteadiness(energies)`` for energies of shape ``(n, T)``, one row a trajectory,
    should return the root mean square deviation from the mean of each row, divided by
    the standard deviation of those means (both with division by the count).

    Raises:
        AssertionError: With a hint, if it measures something else.
    """
    generator = torch.Generator().manual_seed(4)
    for n, n_times in ((7, 5), (4, 9)):
        level = torch.randn(n, 1, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, n_times, generator=generator, dtype=torch.float64)
        energies = 3 + level + 0.2 * noise
        along = energies.std(1, correction=0)
        between = energies.mean(1).std(correction=0)
        right = (along.square().mean().sqrt() / between).item()
        found = number(unsteadiness, (energies,))
        whole = energies.std(correction=0)
        across = energies.std(0, correction=0)
        named = {
            "Divide by the spread between trajectories: an energy that is nearly "
            "constant everywhere would win otherwise.": along.square().mean().sqrt(),
            "Rows are trajectories: the mean is along the last axis.": (
                across.square().mean().sqrt() / energies.mean(0).std(correction=0)
            ),
            "The root mean square is asked for, not the mean of the deviations.": (
                along.mean() / between
            ),
            "Divide by the spread of the rows' means, not of all energies.": (
                along.square().mean().sqrt() / whole
            ),
            "Take the root: these are squares.": along.square().mean() / between**2,
            "That is the inverse: zero should mean conserved.": energies.new_tensor(
                1 / right
            ),
            "Divide by the spread between trajectories, not by the mean: an energy is "
            "known up to a constant only.": (
                along.square().mean().sqrt() / energies.mean().abs()
            ),
        }
        hint = next(
            (text for text, v in named.items() if math.isclose(v.item(), found)),
            "Use std(correction=0), along a row and over the means of the rows.",
        )
        assert math.isclose(found, right, rel_tol=1e-9), (
            f"For energies of shape ({n}, {n_times}) it should be {right:.4f}, you "
            f"gave {found:.4f}. {hint}"
        )
    print("Passed: zero for a conserved quantity, and no constant can cheat.")


def _states(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(6, 4, generator=generator, dtype=torch.float64) - 1


def _slope(q: Tensor) -> Tensor:
    """Of sum of sinh(q) + q^2 + q1 q2: neither odd nor diagonal."""
    return q.cosh() + 2 * q + q.flip(-1)


def _named(named: dict[str, Tensor], found: Tensor, otherwise: str) -> str:
    return next(
        (text for text, wrong in named.items() if torch.allclose(found, wrong)),
        otherwise,
    )
