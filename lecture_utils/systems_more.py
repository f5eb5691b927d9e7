"""More systems, of single chapters; built as those of `lecture_utils.systems`."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lecture_utils.systems import Region
from lecture_utils.types import Time


@dataclass(frozen=True)
class ExponentialDecay:
    r"""Exponential decay, :math:`\dot x = -\lambda x`, the test equation of solvers."""

    rate: float = 1.0  # lambda, 1/s
    dim: ClassVar[int] = 1
    region: ClassVar[Region] = ((-1.0, 1.0),)

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        return -self.rate * x

    def flow(self, t: float, x: Tensor) -> Tensor:
        """Exact state a time ``t`` later, shape ``(..., d) -> (..., d)``."""
        return math.exp(-self.rate * t) * x


@dataclass(frozen=True)
class ParametricVanDerPol:
    r"""Van der Pol oscillator with its parameter as a state, :math:`x = (x, y, \mu)`.

    .. math:: \dot x = y,\quad \dot y = \mu (1 - x^2) y - x,\quad \dot\mu = 0.

    ``region`` covers where the states from ``test_region`` are within 2 time units.

    Source: Van der Pol (1926).
    """

    dim: ClassVar[int] = 3
    region: ClassVar[Region] = ((-2.5, 2.5), (-4.2, 4.2), (0.5, 1.5))
    test_region: ClassVar[Region] = ((-2.0, 2.0), (-2.0, 2.0), (0.5, 1.5))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        x1, x2, mu = x.unbind(-1)
        velocity = [x2, mu * (1 - x1**2) * x2 - x1, torch.zeros_like(mu)]
        return torch.stack(velocity, dim=-1)


@dataclass(frozen=True)
class SIR:
    r"""Epidemic among susceptible and infected, :math:`x = (s, i, R_0)`.

    .. math:: \dot s = -R_0 s i,\quad \dot i = R_0 s i - i,\quad \dot R_0 = 0.

    Shares of the population; the unit of time is the mean duration of an infection.
    :math:`R_0`, how many a first case infects, is kept as a state. The infected peak
    when :math:`s` has fallen to :math:`1/R_0`.

    Source: Kermack & McKendrick (1927), without births and deaths.
    """

    dim: ClassVar[int] = 3
    region: ClassVar[Region] = ((0.0, 1.0), (0.0, 0.6), (1.5, 3.5))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        s, i, r0 = x.unbind(-1)
        infections = r0 * s * i
        return torch.stack([-infections, infections - i, torch.zeros_like(r0)], dim=-1)

    def invariant(self, x: Tensor) -> Tensor:
        r""":math:`s + i - \log(s) / R_0`, constant; ``(..., d) -> (...)``, s > 0."""
        s, i, r0 = x.unbind(-1)
        return s + i - s.log() / r0


@dataclass(frozen=True)
class CoupledQuartics:
    r"""Two coupled quartic springs, :math:`x = (q_1, q_2, p_1, p_2)`.

    .. math::
        H = \tfrac12\, p^\top M p + \tfrac14 (q_1^4 + q_2^4) + q_1 q_2,
        \quad M = \begin{pmatrix} 5 & -1 \\ -1 & 5 \end{pmatrix}.

    Bounded below: two wells at :math:`\pm(1, -1)`, of depth 1/2 below the saddle at
    the origin. With ``damping`` :math:`\gamma` the momenta obey
    :math:`\dot p = -\nabla U - \gamma p`, and the energy decays.

    Source: the notebook of Celledoni, Leone, Murari & Owren (2023), arXiv:2201.13254.
    """

    damping: float = 0.0  # gamma, per unit of time
    dim: ClassVar[int] = 4
    region: ClassVar[Region] = ((-1.0, 1.0),) * 4

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        q, p = x.chunk(2, dim=-1)
        force = -self.slope(q) - self.damping * p
        return torch.cat([p @ self.inverse_mass.to(x), force], dim=-1)

    @property
    def inverse_mass(self) -> Tensor:
        """The matrix M, shape ``(2, 2)``, float64."""
        return torch.tensor([[5.0, -1.0], [-1.0, 5.0]], dtype=torch.float64)

    def potential(self, q: Tensor) -> Tensor:
        """U, shape ``(..., 2) -> (...)``; zero at the origin."""
        return (q**4).sum(-1) / 4 + q.prod(-1)

    def slope(self, q: Tensor) -> Tensor:
        """Gradient of U, shape ``(..., 2) -> (..., 2)``."""
        return q**3 + q.flip(-1)

    def curvature(self, q: Tensor) -> Tensor:
        """Second derivatives of U, shape ``(..., 2) -> (..., 2, 2)``."""
        swap = torch.eye(2).flip(0).to(q)
        return torch.diag_embed(3 * q**2) + swap

    def energy(self, x: Tensor) -> Tensor:
        """The Hamiltonian, shape ``(..., d) -> (...)``."""
        q, p = x.chunk(2, dim=-1)
        kinetic = ((p @ self.inverse_mass.to(x)) * p).sum(-1) / 2
        return kinetic + self.potential(q)


@dataclass(frozen=True)
class FrictionPendulum:
    r"""Pendulum whose friction grows with its energy,
    :math:`\ddot x = -\gamma (x^2 + \dot x^2)\, \dot x - \frac{\kappa}{c} \sin(c x)`.

    The state is :math:`(x, v)`, with :math:`c = \pi/2`: the angle is measured in
    quarter turns. The friction depends on the position and on the velocity.

    Source: Yu, Tian, E & Li (2021), Phys. Rev. Fluids 6, 114402, their Langevin
    equation of a pendulum, with the nonlinear resistance of their code.
    """

    gamma: float = 3.0  # friction
    kappa: float = 4.0  # stiffness
    dim: ClassVar[int] = 2
    region: ClassVar[Region] = ((-1.0, 1.0), (-1.0, 1.0))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        position, velocity = x.unbind(-1)
        c = math.pi / 2
        friction = self.gamma * x.square().sum(-1) * velocity
        force = -self.kappa / c * (c * position).sin()
        return torch.stack([velocity, force - friction], dim=-1)

    def energy(self, x: Tensor) -> Tensor:
        """Energy per unit mass, shape ``(..., d) -> (...)``; never increases."""
        position, velocity = x.unbind(-1)
        c = math.pi / 2
        return velocity**2 / 2 + self.kappa / c**2 * (1 - (c * position).cos())
