"""Checks of the exercises on convection."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils._answers import call, number


def check_threshold(threshold: Callable[..., object]) -> None:
    r"""Check the Rayleigh number at which a layer of a given period starts to move.

    Called as ``threshold(period)``; a wave fits if its wavenumber is
    :math:`2\pi n / \text{period}` for a whole n.

    Raises:
        AssertionError: With a hint, if the number is wrong.
    """
    for period in (2 * math.sqrt(2), 4.0, 2.0, 7.3, 1.0, 4.15, 7.0):
        found = number(threshold, (period,))
        tried = [_neutral(2 * math.pi * n / period) for n in range(1, 40)]
        lowest = min(tried)
        free = 27 * math.pi**4 / 4
        half = [_neutral(math.pi * n / period) for n in range(1, 40)]
        if math.isclose(found, lowest, rel_tol=1e-6):
            continue
        hint = "The threshold of the wavenumber k is (k^2 + pi^2)^3 / k^2."
        for value, words in (
            (free, "Only some wavenumbers fit: 2 pi n / period, with whole n."),
            (tried[0], "n = 1 is not always the first to move: try larger n, too."),
            (min(half), "A whole period must fit: k = 2 pi n / period."),
            (max(tried), "The first wave to move has the smallest threshold."),
        ):
            if math.isclose(found, value, rel_tol=1e-6):
                hint = words
                break
        raise AssertionError(
            f"With period {period:.4g} the fluid moves from {lowest:.6g} on, but you "
            f"found {found:.6g}. {hint}"
        )
    print("Passed: never below 27 pi^4 / 4; how far above depends on which waves fit.")


def check_half_a_period(half_a_period: Callable[..., object]) -> None:
    """Check the flow shifted by half a period, from ``half_a_period(a, b)``.

    ``a`` of shape ``(nz, nx)`` belongs to n = 1, 2, ..., ``b`` of shape
    ``(nz, nx + 1)`` to n = 0, 1, ...; both come back with the same shapes.

    Raises:
        AssertionError: With a hint, if a coefficient is wrong.
    """
    generator = torch.Generator().manual_seed(1)
    a = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    b = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    kept = a.clone(), b.clone()
    found = call(half_a_period, (a, b))
    assert torch.equal(a, kept[0]) and torch.equal(b, kept[1]), (
        "Leave the given coefficients as they are, and return new ones."
    )
    assert isinstance(found, tuple | list) and len(found) == 2, (
        "Return two tensors: the new a and the new b."
    )
    for name, one, other, first in (("a", found[0], a, 1), ("b", found[1], b, 0)):
        assert isinstance(one, Tensor) and one.shape == other.shape, (
            f"The new {name} must be a tensor of shape {tuple(other.shape)}."
        )
        sign = (-1.0) ** torch.arange(first, first + other.shape[1])
        if torch.allclose(one, sign * other):
            continue
        hint = "cos(n k (x - half)) with k half = pi is (-1)^n cos(n k x)."
        if torch.allclose(one, -sign * other):
            hint = f"The first column of {name} belongs to n = {first}."
        elif torch.allclose(one, -other):
            hint = "Only the odd waves change their sign."
        elif torch.allclose(one, other):
            hint = "Nothing has moved."
        raise AssertionError(f"Your {name} is not the shifted one. {hint}")
    print("Passed: each of the eight flows gives another one for nothing.")


def check_follow_nearest(follow_nearest: Callable[..., object]) -> None:
    """Check forecasts by look-up, ``follow_nearest(h0, known)``.

    ``h0`` has the shape ``(n, m)``, ``known`` ``(N, T, m)``; the answer is
    ``(n, T, m)``.

    Raises:
        AssertionError: With a hint, if another trajectory is followed.
    """
    generator = torch.Generator().manual_seed(2)
    known = torch.randn(12, 6, 3, generator=generator, dtype=torch.float64)
    h0 = known[[7, 2, 7, 0, 11], 0] + 0.05
    h0[0] = known[3, 0] + torch.tensor([0.0, 0.0, 0.3])
    h0[2] = torch.cat([known[9, 0, :1], known[5, 0, 1:]])
    known[4, 3] = h0[1]  # nearer than any first snapshot, but later
    found = call(follow_nearest, (h0, known))
    assert isinstance(found, Tensor), f"Return a tensor, not {type(found).__name__}."
    assert found.shape == (5, 6, 3), (
        f"For h0 of shape (5, 3) and known of shape (12, 6, 3) return (5, 6, 3), not "
        f"{tuple(found.shape)}."
    )
    apart = torch.cdist(h0, known[:, 0])
    if not torch.equal(found, known[apart.argmin(dim=1)]):
        hint = "Measure the distance to known[:, 0] over all components."
        others = torch.cdist(h0, known[:, -1]).argmin(dim=1)
        later = torch.cdist(h0, known.flatten(0, 1)).argmin(dim=1) // known.shape[1]
        alone = (h0[:, None, 0] - known[None, :, 0, 0]).abs().argmin(dim=1)
        signed = (h0[:, None] - known[None, :, 0]).sum(-1).argmin(dim=1)
        for rows, words in (
            (apart.argmax(dim=1), "You follow the farthest one."),
            (others, "Compare with the first snapshots, not with the last."),
            (later, "Compare with the first snapshots only, not with later ones."),
            (alone, "All components count, not only the first."),
            (signed, "Differences cancel in a sum: square them first."),
        ):
            if torch.equal(found, known[rows]):
                hint = words
                break
        raise AssertionError(f"Another trajectory is nearer. {hint}")
    print("Passed: the rival every network has to beat.")


def _neutral(k: float) -> float:
    return (k**2 + math.pi**2) ** 3 / k**2
