r"""Learn the energy of a mechanical system from short pieces of its motion.

The state is :math:`x = (q, p)`, and the unknown law Hamilton's equations for
:math:`H(q, p) = \tfrac12\, p^\top M p + U(q)`. In the loss a numerical method with the
time step of the data carries each state to the next one.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils.types import StepMethod, Time


class TanhSum(nn.Module):
    r"""A scalar :math:`U(x) = \sum_j w_j \tanh(a_j \cdot x + b_j)`.

    Its gradient and second derivatives are written out, so that training
    differentiates once, not twice. The initial weights bend it where :math:`|x|` is
    about one, and are large enough that few steps of training suffice.

    Args:
        dim: Number of components of ``x``.
        width: Number of terms.
    """

    def __init__(self, dim: int, *, width: int):
        super().__init__()
        self.inner = nn.Linear(dim, width)  # a_j and b_j
        self.weight = nn.Parameter(torch.randn(width))  # w_j
        nn.init.normal_(self.inner.weight, std=0.5)
        nn.init.normal_(self.inner.bias, std=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """The value, shape ``(..., dim) -> (...)``."""
        return torch.tanh(self.inner(x)) @ self.weight

    def slope(self, x: Tensor) -> Tensor:
        r""":math:`\nabla U(x)`, shape ``(..., dim) -> (..., dim)``."""
        s = torch.tanh(self.inner(x))
        return (self.weight * (1 - s**2)) @ self.inner.weight

    def curvature(self, x: Tensor) -> Tensor:
        """Matrix of second derivatives, shape ``(..., dim) -> (..., dim, dim)``."""
        s, a = torch.tanh(self.inner(x)), self.inner.weight
        bend = -2 * self.weight * s * (1 - s**2)
        return torch.einsum("...j,jk,jl->...kl", bend, a, a)


class LearnedMechanics(nn.Module):
    r"""Hamilton's equations for :math:`\tfrac12 |A p|^2 + U(q)`, A and U learned.

    :math:`M = A^\top A`, the inverse of the matrix of masses, is symmetric and cannot
    have a negative eigenvalue. ``(t, x) -> dx/dt`` is separable, as `verlet_step` asks.

    Source: Celledoni, Leone, Murari & Owren (2023), arXiv:2201.13254.

    Args:
        n: Number of positions, and of momenta.
        width: Terms of the potential.
    """

    def __init__(self, n: int, *, width: int):
        super().__init__()
        self.root = nn.Parameter(torch.eye(n) + 0.1 * torch.randn(n, n))  # A
        self.potential = TanhSum(n, width=width)

    @property
    def inverse_mass(self) -> Tensor:
        """:math:`A^T A`, shape ``(n, n)``."""
        return self.root.mT @ self.root

    def forward(self, t: Time, x: Tensor) -> Tensor:
        """Velocity, shape ``(..., 2 n) -> (..., 2 n)``."""
        q, p = x.chunk(2, dim=-1)
        return torch.cat([p @ self.inverse_mass, -self.potential.slope(q)], dim=-1)

    def energy(self, x: Tensor) -> Tensor:
        """The Hamiltonian, known up to a constant; ``(..., 2 n) -> (...)``."""
        q, p = x.chunk(2, dim=-1)
        return (p @ self.root.mT).square().sum(-1) / 2 + self.potential(q)


class LearnedHamiltonian(nn.Module):
    """Hamilton's equations for any learned function of the state.

    This is the network of Greydanus, Dzamba & Yosinski (2019), arXiv:1906.01563. It
    knows nothing of kinetic energy, and is not separable.

    Args:
        n: Number of positions, and of momenta.
        width: Terms of the function.
    """

    def __init__(self, n: int, *, width: int):
        super().__init__()
        self.energy = TanhSum(2 * n, width=width)

    def forward(self, t: Time, x: Tensor) -> Tensor:
        """Velocity, shape ``(..., 2 n) -> (..., 2 n)``."""
        q_slope, p_slope = self.energy.slope(x).chunk(2, dim=-1)
        return torch.cat([p_slope, -q_slope], dim=-1)


def step_misses(step: StepMethod, dt: float) -> Callable[..., Tensor]:
    """The residual that discovery makes small, for `fit_least_squares`.

    Args:
        step: Numerical method of the loss.
        dt: Time between neighbouring samples.

    Returns:
        Function ``(net, segments) -> misses``: ``segments`` of shape ``(n, T, d)`` are
        pieces of trajectories; the method starts from the first sample of each and is
        compared with the others, ``(n, T - 1, d)``. With ``T = 2`` it takes one step;
        with less it raises ValueError.
    """

    def misses(net: Callable, segments: Tensor) -> Tensor:
        if segments.ndim < 3 or segments.shape[1] < 2:
            raise ValueError(
                "segments must have shape (n, T, d) with T >= 2, a start and what "
                f"follows, got {tuple(segments.shape)}."
            )
        x, found = segments[:, 0], []
        for _ in range(segments.shape[1] - 1):
            x = step(net, 0.0, x, dt)
            found.append(x)
        return torch.stack(found, dim=1) - segments[:, 1:]

    return misses


def inverse_mass_bias(
    inverse_mass: Tensor, curvature: Tensor, p: Tensor, dt: float
) -> Tensor:
    r"""By how much exact data mislead :math:`A^\top A` when the loss steps by Verlet.

    To leading order it is the symmetric matrix :math:`S` for which :math:`S p` is, in
    the mean square over the data, nearest to
    :math:`-\tfrac{h^2}{6} M\, U''(q)\, M p`. If momenta and positions are independent,
    that is :math:`-\tfrac{h^2}{6} M \langle U'' \rangle M`. Derived in the chapter
    "Hamiltonian discovery", for kick, drift, kick (`verlet_step`).

    Args:
        inverse_mass: M, shape ``(n, n)``.
        curvature: Second derivatives of U at the data, shape ``(N, n, n)``.
        p: Momenta of the data, shape ``(N, n)``.
        dt: Time step h.

    Returns:
        Expected :math:`A^\top A - M`, shape ``(n, n)``.

    Raises:
        ValueError: If there are not as many momenta as curvatures.
    """
    if curvature.shape != (*p.shape, p.shape[-1]):
        raise ValueError(
            "Every sample needs a momentum (n,) and a curvature (n, n), but the shapes "
            f"are {tuple(p.shape)} and {tuple(curvature.shape)}. Take both at the same "
            "states."
        )
    pull = -(dt**2) / 6 * inverse_mass @ curvature @ inverse_mass  # (N, n, n)
    moments = p.mT @ p / len(p)
    wanted = (pull @ p[..., None] @ p[:, None]).mean(0)
    # S minimises the mean of |S p - pull p|^2 where S C + C S = wanted + wanted^T.
    size, axes = torch.linalg.eigh(moments)
    turned = axes.mT @ (wanted + wanted.mT) @ axes
    return axes @ (turned / (size[:, None] + size)) @ axes.mT
