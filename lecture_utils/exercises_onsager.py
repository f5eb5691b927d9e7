"""Checks of the exercises on OnsagerNet."""

from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils._answers import call


def check_solved_form(solved_form: Callable[..., object]) -> None:
    """Check the two parts of the inverse of ``M + W``, from ``solved_form(m, w)``.

    Raises:
        AssertionError: With a hint, if a part is wrong.
    """
    for dim in (2, 3):
        m, w = _law(5, dim, seed=dim)
        inverse = torch.linalg.inv(m + w)
        wanted = (inverse + inverse.mT) / 2, (inverse - inverse.mT) / 2
        found = _matrices(call(solved_form, (m, w)), 2, m)
        separate = torch.linalg.inv(m)
        hints = [
            (
                "The inverse of a sum is not the sum of the inverses: invert M + W.",
                torch.allclose(found[0], separate),
            ),
            (
                "The two parts are swapped: first the symmetric one.",
                torch.allclose(found[0], wanted[1], atol=1e-10),
            ),
            (
                "Each part is half a sum, or half a difference: divide by 2.",
                torch.allclose(found[0], 2 * wanted[0])
                or torch.allclose(found[1], 2 * wanted[1]),
            ),
            (
                "The antisymmetric part has the wrong sign.",
                torch.allclose(found[1], -wanted[1]),
            ),
            (
                "Your first part is the whole inverse: take its symmetric part.",
                torch.allclose(found[0], inverse),
            ),
        ]
        _compare(found, wanted, hints, "Invert M + W, then split the inverse.")
    print("Passed: the inverse dissipates and turns, too.")


def check_parts_of_a_field(parts: Callable[..., object]) -> None:
    r"""Check matrices with :math:`f = -(M + W)\,u` for any :math:`f \cdot u \le 0`.

    Called as ``parts(f, u)`` with shapes ``(n, d)``; returns two of ``(n, d, d)``.

    Raises:
        AssertionError: With a hint, if they are not of the right kind or give another
            velocity.
    """
    for dim in (2, 4):
        generator = torch.Generator().manual_seed(dim)
        f, u = torch.randn(2, 6, dim, generator=generator, dtype=torch.float64)
        f = torch.where((f * u).sum(-1, keepdim=True) > 0, -f, f)
        f[0], u[0] = torch.eye(dim, dtype=f.dtype)[:2]  # at a right angle
        hint = "f may be at a right angle to u: do not divide by f . u."
        m, w = _matrices(call(parts, (f, u)), 2, f, hint)
        assert torch.allclose(m, m.mT, atol=1e-10), "Your M is not symmetric."
        assert torch.allclose(w, -w.mT, atol=1e-10), (
            "Your W is not antisymmetric: a product of columns u v^T needs its mirror, "
            "u v^T - v u^T."
        )
        lowest = torch.linalg.eigvalsh(m).min()
        assert lowest > -1e-9, (
            f"Your M has the eigenvalue {lowest:.2g}: mind the sign, -f . u is what "
            "must not be negative."
        )
        velocity = -((m + w) @ u[..., None])[..., 0]
        missed = (velocity - f).norm() / f.norm()
        along = ((velocity - f) * u).sum(-1).abs().max()
        where = (
            "What is missing lies along u: is M (u u^T) divided by |u|^4?"
            if along > 1e-9
            else "Along u it is right; what is missing stands across u: that is for W."
        )
        assert missed < 1e-9, (
            f"With {dim} components -(M + W) u misses f by {missed:.1e} of its size. "
            + where
        )
    print("Passed: every Lyapunov function is a potential.")


def check_lorenz_parts(parts: Callable[..., object]) -> None:
    r"""Check an Onsager form of the Lorenz system, ``parts(h) -> (M, W, slope, g)``.

    The slope is that of :math:`V = \frac12 (x^2 + y^2 + (z - \rho - \sigma)^2)`, and
    :math:`\sigma = 10,\ \rho = 28,\ \beta = 8/3`. The matrices have the shape
    ``(n, 3, 3)``, slope and :math:`g` the shape ``(n, 3)``.

    Raises:
        AssertionError: With a hint, if a part is of the wrong kind or the field is
            another one.
    """
    generator = torch.Generator().manual_seed(0)
    h = 20 * torch.randn(8, 3, generator=generator, dtype=torch.float64)
    found = call(parts, (h,))
    assert isinstance(found, tuple | list) and len(found) == 4, (
        "Return four tensors: M, W, the slope of V and g."
    )
    m, w = _matrices(found[:2], 2, h)
    slope, g = found[2:]
    for name, vector in (("the slope", slope), ("g", g)):
        assert isinstance(vector, Tensor) and vector.shape == h.shape, (
            f"For h of shape {tuple(h.shape)} {name} must have the same shape."
        )
    x, y, z = h.unbind(-1)
    wanted = torch.stack([x, y, z - 38], dim=-1)
    assert torch.allclose(slope, wanted), (
        "The slope of V is (x, y, z - rho - sigma): the centre is shifted along z."
    )
    assert torch.allclose(m, m.mT), "Your M is not symmetric."
    assert torch.linalg.eigvalsh(m).min() >= 0, (
        "Your M has a negative eigenvalue: what turns belongs into W."
    )
    assert torch.allclose(w, -w.mT), "Your W is not antisymmetric."
    assert torch.allclose(g, g[:1].expand_as(g)), (
        "g can be a constant here: with the shifted V nothing else is left over."
    )
    field = torch.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], dim=-1)
    velocity = g - ((m + w) @ slope[..., None])[..., 0]
    gap = (velocity - field).abs().amax(0)
    assert gap.max() < 1e-6 * field.abs().max(), (
        f"In {'xyz'[int(gap.argmax())]}' the velocity is wrong by {gap.max():.3g}. "
        "Write out -(M + W) slope, line by line."
    )
    print("Passed: a convex potential, constant friction, a constant drive.")


def check_real_form(real_form: Callable[..., object]) -> None:
    """Check a symmetric matrix with the eigenvalues of ``M B``, ``real_form(m, b)``.

    Both are symmetric positive definite, shape ``(n, d, d)``.

    Raises:
        AssertionError: With a hint, if it is not symmetric or not similar to ``M B``.
    """
    for dim in (2, 4):
        m, _ = _law(5, dim, seed=10 + dim)
        b, _ = _law(5, dim, seed=20 + dim)
        (found,) = _matrices([call(real_form, (m, b))], 1, m)
        hint = "Split one of the two into a root and its transpose."
        if torch.allclose(found, m @ b):
            hint = "M B itself is not symmetric, although M and B are."
        elif torch.allclose(found, (m @ b + b @ m) / 2):
            hint = "The symmetric part of M B has other eigenvalues."
        assert torch.allclose(found, found.mT, atol=1e-9), (
            "The matrix is not symmetric. " + hint
        )
        wanted = torch.linalg.eigvals(m @ b).real.sort().values
        gap = (torch.linalg.eigvalsh(found) - wanted).abs().max()
        assert gap < 1e-8 * wanted.max(), (
            f"An eigenvalue is wrong by {gap:.2g}. " + hint
        )
    print("Passed: a symmetric law has real rates, so it cannot oscillate.")


def _law(n: int, dim: int, seed: int) -> tuple[Tensor, Tensor]:
    """Symmetric positive definite and antisymmetric matrices, each ``(n, d, d)``."""
    generator = torch.Generator().manual_seed(seed)
    root, turn = torch.randn(2, n, dim, dim, generator=generator, dtype=torch.float64)
    return root @ root.mT + 0.3 * torch.eye(dim).to(root), turn - turn.mT


def _matrices(
    found: object, count: int, like: Tensor, hint: str = ""
) -> tuple[Tensor, ...]:
    shape = (len(like), like.shape[-1], like.shape[-1])
    kind = f"{count} tensors" if count > 1 else "one tensor"
    assert isinstance(found, tuple | list) and len(found) == count, (
        f"Return {kind} of shape {shape}."
    )
    for matrix in found:
        assert isinstance(matrix, Tensor) and matrix.shape == shape, (
            f"Return {kind} of shape {shape}, one matrix for each state."
        )
        assert matrix.isfinite().all(), f"An entry is not finite. {hint}".rstrip()
    return tuple(found)


def _compare(
    found: tuple[Tensor, ...],
    wanted: tuple[Tensor, ...],
    hints: list[tuple[str, bool]],
    otherwise: str,
) -> None:
    right = all(
        torch.allclose(f, w, atol=1e-10) for f, w in zip(found, wanted, strict=True)
    )
    hint = next((text for text, holds in hints if holds), otherwise)
    assert right, "These are not the two parts of the inverse. " + hint
