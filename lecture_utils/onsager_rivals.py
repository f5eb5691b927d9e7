"""Structured fields to compare `lecture_utils.onsager.OnsagerField` with."""

import torch
from torch import Tensor, nn

from lecture_utils.checks import check_even
from lecture_utils.onsager import (
    Activation,
    OnsagerField,
    Trunk,
    checked_states,
    near_one,
    requr,
    small,
    square_of,
    times,
)
from lecture_utils.types import Time


class SymmetricField(OnsagerField):
    r"""Onsager's principle of 1931: :math:`\dot h = -(R R^\top + \alpha I)\,\nabla V`.

    The matrix is symmetric, so near rest nothing turns. It may depend on the state, and
    can imitate a rotation elsewhere, but only by becoming nearly singular. Everything
    else, arguments and errors too, is that of `OnsagerField`.
    """

    def _triangles(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The whole square as the root ``R`` of ``M``, and nothing that turns."""
        root = square_of(self.matrix(features), self.dim)
        return root, torch.zeros_like(root)


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
        ValueError: If ``dim`` is odd or a size is not positive; later, if the states do
            not have ``dim`` components.
    """

    def __init__(
        self, dim: int, *, width: int, depth: int = 1, activation: Activation = requr
    ):
        super().__init__()
        check_even(dim)
        half = dim // 2
        self.trunk = Trunk(half, width=width, depth=depth, activation=activation)
        self.end = small(nn.Linear(width, half))  # P and b
        self.mass = near_one(width, half)  # S
        self.friction = near_one(width, dim)  # R
        self.dim = dim

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, p = checked_states(x, self.dim).chunk(2, dim=-1)
        features, slopes = self.trunk(q)
        mass = square_of(self.mass(features), self.dim // 2)
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
        root = square_of(self.friction(features), self.dim)
        q_slope, p_slope = slope.chunk(2, dim=-1)
        turn = torch.cat([p_slope, -q_slope], dim=-1)
        return turn - times(root, times(root.mT, slope))
