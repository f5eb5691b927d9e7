"""Structured fields to compare `lecture_utils.onsager.OnsagerField` with."""

import torch
from torch import Tensor, nn

from lecture_utils.onsager import (
    Activation,
    Energy,
    Trunk,
    checked_states,
    requr,
    small,
    times,
)
from lecture_utils.types import Time


class SymmetricField(nn.Module):
    r"""Onsager's principle of 1931: :math:`\dot h = -(R R^\top + \alpha I)\,\nabla V`.

    The matrix is symmetric, so near rest nothing turns. It may depend on the state, and
    can imitate a rotation elsewhere, but only by becoming nearly singular.

    Args:
        dim: Number of components of the state.
        width: Features of the trunk.
        depth: Layers of the trunk, residual from the second on.
        drive: Network that is added, ``(..., d) -> (..., d)``, or None.
        alpha: Least dissipation, 0 or more.
        beta: Least growth of the potential, 0 or more.
        activation: Function that returns value and slope.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        dim: int,
        *,
        width: int,
        depth: int = 1,
        drive: nn.Module | None = None,
        alpha: float = 0.1,
        beta: float = 0.1,
        activation: Activation = requr,
    ):
        super().__init__()
        if alpha < 0:
            raise ValueError(f"alpha must be 0 or more, got {alpha}.")
        self.energy = Energy(
            dim, width=width, depth=depth, beta=beta, activation=activation
        )
        self.root = _near_one(width, dim)
        self.drive = drive
        self.dim, self.alpha = dim, alpha

    def potential(self, h: Tensor) -> Tensor:
        """The potential ``V``, shape ``(..., d) -> (...)``; never negative."""
        return self.energy(checked_states(h, self.dim))[1]

    def forward(self, t: Time, h: Tensor) -> Tensor:
        """Velocity, shape ``(..., d) -> (..., d)``."""
        features, _, slope = self.energy(checked_states(h, self.dim))
        root = _square(self.root(features), self.dim)
        free = -times(root, times(root.mT, slope)) - self.alpha * slope
        return free if self.drive is None else free + self.drive(h)


class SymplecticField(nn.Module):
    r"""Hamilton's equations with a friction that depends on positions only.

    :math:`\dot x = (J - D(q))\,\nabla H` for the state :math:`x = (q, p)`, with
    :math:`D = R R^\top` and :math:`H = |P\phi(q) + b|^2 + \frac12 |S(q)^\top p|^2`.

    Source: Zhong, Dey & Chakraborty (2020), "Dissipative SymODEN", in the form that Yu,
    Tian, E & Li (2021) compare with.

    Args:
        dim: Number of components of the state, even.
        width: Features of the trunk.
        depth: Layers of the trunk, residual from the second on.
        activation: Function that returns value and slope.

    Raises:
        ValueError: If ``dim`` is odd or a size is not positive.
    """

    def __init__(
        self, dim: int, *, width: int, depth: int = 1, activation: Activation = requr
    ):
        super().__init__()
        if dim < 2 or dim % 2:
            raise ValueError(f"dim must be even for a state (q, p), got {dim}.")
        half = dim // 2
        self.trunk = Trunk(half, width=width, depth=depth, activation=activation)
        self.end = small(nn.Linear(width, half))  # P and b
        self.mass = _near_one(width, half)  # S
        self.friction = _near_one(width, dim)  # R
        self.dim = dim

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, p = checked_states(x, self.dim).chunk(2, dim=-1)
        features, slopes = self.trunk(q)
        mass = _square(self.mass(features), self.dim // 2)
        root, speed = self.end(features), times(mass.mT, p)
        bend = (p[..., :, None] * speed[..., None, :]).flatten(-2)  # dH/dS
        inner = 2 * root @ self.end.weight + bend @ self.mass.weight
        slope = [self.trunk.pull_back(slopes, inner), times(mass, speed)]
        energy = root.square().sum(-1) + speed.square().sum(-1) / 2
        return features, energy, torch.cat(slope, dim=-1)

    def hamiltonian(self, x: Tensor) -> Tensor:
        """The energy ``H``, shape ``(..., d) -> (...)``; never grows."""
        return self._parts(x)[1]

    def forward(self, t: Time, x: Tensor) -> Tensor:
        """Velocity, shape ``(..., d) -> (..., d)``."""
        features, _, slope = self._parts(x)
        root = _square(self.friction(features), self.dim)
        q_slope, p_slope = slope.chunk(2, dim=-1)
        turn = torch.cat([p_slope, -q_slope], dim=-1)
        return turn - times(root, times(root.mT, slope))


def _near_one(width: int, dim: int) -> nn.Linear:
    """A layer whose output is a square matrix, the identity to begin with."""
    layer = small(nn.Linear(width, dim * dim))
    layer.bias.data.copy_(torch.eye(dim).flatten())
    return layer


def _square(entries: Tensor, dim: int) -> Tensor:
    return entries.unflatten(-1, (dim, dim))
