"""Checks of the exercises on symplectic flows."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad, jacrev, vmap

from lecture_utils._answers import answer, call


def check_kick(kick: Callable[..., Tensor]) -> None:
    """Check a layer that changes the momenta, ``kick(gradient, t, x)``.

    ``gradient(t, q)`` is that of a potential; ``x`` holds ``(q, p)``.

    Raises:
        AssertionError: With a hint, if a new state is wrong.
    """
    for dim, t in ((1, 0.7), (2, 0.3), (2, 0.0)):
        x = _states(2 * dim, seed=dim)
        q, p = x.chunk(2, dim=-1)
        now, start = _gradient(t, q), _gradient(0.0, q)
        found = answer(kick, (_gradient, t, x), x)
        named = {
            "At t = 0 the layer must do nothing: take away the gradient at t = 0.": (
                torch.cat([q, p - now], dim=-1)
            ),
            "A force is minus the gradient: mind the sign.": (
                torch.cat([q, p + (now - start)], dim=-1)
            ),
            "The positions have moved: a kick changes only the momenta.": (
                torch.cat([q - (now - start), p], dim=-1)
            ),
            "The force depends on the positions: hand q to gradient, not p.": (
                torch.cat([q, p - (_gradient(t, p) - _gradient(0.0, p))], dim=-1)
            ),
        }
        expected = torch.cat([q, p - (now - start)], dim=-1)
        assert torch.allclose(found, expected, atol=1e-12), (
            f"For t = {t:g} and states of {2 * dim} components the new state is wrong. "
            + _named(named, found, "Split x with chunk(2, dim=-1) into q and p.")
        )
    print("Passed: a shear that is the identity at t = 0.")


def check_rotation(rotation: Callable[[float], tuple[float, float]]) -> None:
    """Check the two coefficients that make three shears a rotation.

    Raises:
        AssertionError: With a hint, if kick, drift, kick do not rotate by ``t``.
    """
    for t in (0.3, 1.0, 2.5):
        found = call(rotation, (t,))
        assert isinstance(found, tuple | list) and len(found) == 2, (
            f"Return the two coefficients (a, b), not {found!r}."
        )
        a, b = (float(value) for value in found)
        assert math.isfinite(a) and math.isfinite(b), f"At t = {t:g}: a = {a}, b = {b}."
        kick = torch.tensor([[1, 0], [-a, 1]], dtype=torch.float64)
        drift = torch.tensor([[1, b], [0, 1]], dtype=torch.float64)
        c, s = math.cos(t), math.sin(t)
        wanted = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
        gap = (kick @ drift @ kick - wanted).abs().max().item()
        hints = [
            (t / 2, t, "That is velocity Verlet, right for small t only."),
            (math.sin(t), math.tan(t / 2), "The two coefficients are swapped."),
            (-math.tan(t / 2), -math.sin(t), "That turns backwards: mind the sign."),
            (math.tan(t), math.sin(t), "Each kick does half the work: halve an angle."),
        ]
        right = (
            math.tan(t / 2),
            math.sin(t),
            "Right, but only to the digits of "
            "float32: compute with math.tan and math.sin, or in torch.float64.",
        )
        hint = next(
            (h for x, y, h in [*hints, right] if _near(a, x) and _near(b, y)),
            "Multiply the three matrices; the entry that holds b alone fixes it.",
        )
        assert gap < 1e-9, (
            f"At t = {t:g} the product of the shears misses the rotation by {gap:.1e}. "
            + hint
        )
    print("Passed: kick, drift, kick is the exact flow.")


def _near(found: float, expected: float) -> bool:
    """Whether they agree as far as float32 can tell."""
    return math.isclose(found, expected, rel_tol=1e-5)


def check_composed_hamiltonian(composed: Callable[..., Tensor]) -> None:
    """Check the Hamiltonian of ``second`` after ``first``.

    Called as ``composed(h_first, h_second, undo_second, t, x)``; the Hamiltonians are
    functions of ``(t, x)``, and so is the inverse of the second flow.

    Raises:
        AssertionError: With a hint, if the composition does not flow by it.
    """
    t, x = 0.8, _states(2, seed=5)
    first, second = _h_first(t, x), _h_second(t, x)
    undone = _undo_second(t, x)
    found = answer(composed, (_h_first, _h_second, _undo_second, t, x), first)
    named = {
        "Both are taken at x, but the first flow has left its state before the second "
        "one moved it: undo the second flow.": first + second,
        "It is the Hamiltonian of the first flow that is taken at the earlier state.": (
            first + _h_second(t, undone)
        ),
        "Only the first Hamiltonian is taken at the earlier state.": (
            _h_first(t, undone) + _h_second(t, undone)
        ),
        "The Hamiltonian of the second flow is missing.": _h_first(t, undone),
        "A sum is needed, not a difference.": second - _h_first(t, undone),
    }
    assert torch.allclose(found, _h_first(t, undone) + second, atol=1e-12), (
        "The composition does not flow by this Hamiltonian. "
        + _named(named, found, "At which state is each Hamiltonian needed?")
    )
    print("Passed: two flows in a row have a Hamiltonian, too.")


def check_doubled_energy(doubled: Callable[..., Tensor]) -> None:
    """Check a Hamiltonian ``doubled(field, z)`` that contains any field.

    ``z = (x, y)``: its equations must move ``x`` as ``field`` does, whatever ``y``.

    Raises:
        AssertionError: With a hint, if they do not.
    """
    for dim in (2, 3):
        z = _states(2 * dim, seed=10 + dim)
        x, y = z.chunk(2, dim=-1)
        found = answer(doubled, (_field, z), z[:, 0])
        named = {
            "That is y as position and x as momentum: swap their roles.": (
                (x * _field(0.0, y)).sum(-1)
            ),
            "With this sign x runs backwards.": -(y * _field(0.0, x)).sum(-1),
            "The field must be taken at x.": (y * _field(0.0, y)).sum(-1),
            "The mirror variables y do not enter.": (x * _field(0.0, x)).sum(-1),
            "Average is not sum: every component counts fully.": (
                (y * _field(0.0, x)).mean(-1)
            ),
        }
        hint = _named(named, found, "Its slope in y must be the field.")

        def energy(z: Tensor) -> Tensor:
            return call(doubled, (_field, z)).sum()  # type: ignore[attr-defined]

        velocity = vmap(grad(energy))(z[:, None])[:, 0, dim:]
        gap = (velocity - _field(0.0, x)).abs().max().item()
        assert gap < 1e-10, (
            f"With {dim} components x moves with a velocity wrong by {gap:.1e}. {hint}"
        )
        at_rest = jacrev(energy)(torch.cat([x, 0 * y], dim=-1))[:, :dim]
        assert at_rest.abs().max() < 1e-12, (
            "The mirror variables do not stay at zero: leave out what depends on x "
            "alone."
        )
    print("Passed: every field is half of a Hamiltonian system.")


def _states(dim: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(6, dim, generator=generator, dtype=torch.float64) - 1


def _gradient(t: float, q: Tensor) -> Tensor:
    """Of sum of cosh(q) * exp(t) + q^2 / 2: not zero at t = 0."""
    return q.sinh() * math.exp(t) + q


def _h_first(t: float, x: Tensor) -> Tensor:
    return x[..., 0] ** 3 * (1 + t) + x[..., 1]


def _h_second(t: float, x: Tensor) -> Tensor:
    return x[..., 1] ** 2 * (2 + t) + x[..., 0] / 2


def _undo_second(t: float, x: Tensor) -> Tensor:
    q, p = x[..., 0], x[..., 1] + t / 2
    return torch.stack([q - (4 * t + t**2) * p + t**2 + t**3 / 3, p], dim=-1)


def _field(t: float, x: Tensor) -> Tensor:
    return x.roll(1, dims=-1).sin() - 0.3 * x**2


def _named(named: dict[str, Tensor], found: Tensor, otherwise: str) -> str:
    return next(
        (text for text, wrong in named.items() if torch.allclose(found, wrong)),
        otherwise,
    )
