"""Differential equations with known behaviour, as vector fields f(t, x).

Every system is a frozen dataclass: its fields are physical parameters, ``dim`` is the
number of state components, ``region`` the box ``((low, high), ...)`` from which the
book samples initial states. Where they are known, ``energy`` gives a conserved (or
decaying) quantity and ``flow(t, x)`` the exact state a time ``t`` later.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor

from lecture_utils.types import Time

Region: TypeAlias = tuple[tuple[float, float], ...]  # (low, high) of each component


@dataclass(frozen=True)
class HarmonicOscillator:
    r"""Harmonic oscillator, :math:`\dot q = p,\ \dot p = -\omega^2 q`.

    The state is :math:`x = (q, p)`: position and velocity of a unit mass on a spring.
    Orbits are ellipses, all with the period :math:`2\pi/\omega`.
    """

    omega: float = 1.0  # rad/s
    dim: ClassVar[int] = 2
    region: ClassVar[Region] = ((-1.0, 1.0), (-1.0, 1.0))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        q, p = x.unbind(-1)
        return torch.stack([p, -(self.omega**2) * q], dim=-1)

    def energy(self, x: Tensor) -> Tensor:
        """Energy per unit mass, shape ``(..., d) -> (...)``."""
        q, p = x.unbind(-1)
        return (p**2 + self.omega**2 * q**2) / 2

    def flow(self, t: float, x: Tensor) -> Tensor:
        """Exact state a time ``t`` later, shape ``(..., d) -> (..., d)``."""
        q, p = x.unbind(-1)
        c, s = math.cos(self.omega * t), math.sin(self.omega * t)
        return torch.stack([c * q + s / self.omega * p, c * p - self.omega * s * q], -1)


@dataclass(frozen=True)
class DampedOscillator:
    r"""Damped oscillator, :math:`\dot q = p,\ \dot p = -\omega^2 q - \gamma p`.

    The state is :math:`x = (q, p)`; the energy decays at the rate
    :math:`\dot H = -\gamma p^2`.
    """

    omega: float = 1.0  # rad/s, without damping
    damping: float = 0.1  # gamma, 1/s
    dim: ClassVar[int] = 2
    region: ClassVar[Region] = ((-1.0, 1.0), (-1.0, 1.0))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        q, p = x.unbind(-1)
        return torch.stack([p, -(self.omega**2) * q - self.damping * p], dim=-1)

    def energy(self, x: Tensor) -> Tensor:
        """Energy per unit mass, shape ``(..., d) -> (...)``; never increases."""
        q, p = x.unbind(-1)
        return (p**2 + self.omega**2 * q**2) / 2

    def flow(self, t: float, x: Tensor) -> Tensor:
        """Exact state a time ``t`` later, shape ``(..., d) -> (..., d)``."""
        matrix = x.new_tensor([[0.0, 1.0], [-(self.omega**2), -self.damping]])
        return LinearSystem(matrix).flow(t, x)


@dataclass(frozen=True)
class Pendulum:
    r"""Undamped pendulum, :math:`\ddot\theta = -\omega_0^2 \sin\theta`.

    The state is :math:`x = (\theta, \dot\theta)`, in rad and rad/s. The energy is
    conserved along exact solutions, so it measures what an integrator loses.

    Source: Hairer, Lubich & Wanner, *Geometric Numerical Integration*, Sec. I.1.
    """

    omega0: float = 1.0  # rad/s, frequency of small oscillations
    dim: ClassVar[int] = 2
    region: ClassVar[Region] = ((-math.pi / 2, math.pi / 2), (-1.0, 1.0))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        theta, velocity = x.unbind(-1)
        return torch.stack([velocity, -(self.omega0**2) * theta.sin()], dim=-1)

    def energy(self, x: Tensor) -> Tensor:
        """Energy per unit inertia, shape ``(..., d) -> (...)``; zero at rest."""
        theta, velocity = x.unbind(-1)
        return velocity**2 / 2 + self.omega0**2 * (1 - theta.cos())


@dataclass(frozen=True, eq=False)
class LinearSystem:
    r"""Linear system :math:`\dot x = A x`, whose flow map is :math:`e^{A\,t}`."""

    matrix: Tensor  # (d, d)

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        return x @ self.matrix.mT

    def flow(self, t: float, x: Tensor) -> Tensor:
        """Exact state a time ``t`` later, shape ``(..., d) -> (..., d)``."""
        return x @ torch.linalg.matrix_exp(t * self.matrix).mT


@dataclass(frozen=True)
class HyperbolicFixedPoint:
    r"""Hyperbolic fixed point, :math:`\dot x = \mu x,\ \dot y = \lambda (y - x^2)`.

    With two decay rates far apart, orbits fall fast onto the slow curve
    :math:`y = \lambda x^2 / (\lambda - 2\mu)` and then creep along it to the origin.

    Source: Liu, Kutz & Brunton (2022), "Hierarchical deep learning of multiscale
    differential equation time-steppers", App. B; parameters and region are theirs.
    """

    mu: float = -0.05
    lam: float = -1.0  # must differ from 2 mu
    dim: ClassVar[int] = 2
    region: ClassVar[Region] = ((-1.0, 1.0), (-1.0, 1.0))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        x1, x2 = x.unbind(-1)
        return torch.stack([self.mu * x1, self.lam * (x2 - x1**2)], dim=-1)

    def flow(self, t: float, x: Tensor) -> Tensor:
        """Exact state a time ``t`` later, shape ``(..., d) -> (..., d)``."""
        x1, x2 = x.unbind(-1)
        x1_later = math.exp(self.mu * t) * x1
        slow = self.lam / (self.lam - 2 * self.mu)
        x2_later = slow * x1_later**2 + math.exp(self.lam * t) * (x2 - slow * x1**2)
        return torch.stack([x1_later, x2_later], dim=-1)


@dataclass(frozen=True)
class CubicOscillator:
    r"""Cubic oscillator, :math:`\dot x = -a x^3 + b y^3,\ \dot y = -b x^3 - a y^3`.

    The frequency falls with the amplitude, so the pace of the motion slows down as the
    orbit spirals in: one time step does not suit all of it.

    Source: Liu, Kutz & Brunton (2022), App. B; parameters and region are theirs.
    """

    damping: float = 0.1  # a
    coupling: float = 2.0  # b
    dim: ClassVar[int] = 2
    region: ClassVar[Region] = ((-1.0, 1.0), (-1.0, 1.0))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        x1, x2 = (x**3).unbind(-1)
        a, b = self.damping, self.coupling
        return torch.stack([-a * x1 + b * x2, -b * x1 - a * x2], dim=-1)

    def energy(self, x: Tensor) -> Tensor:
        r""":math:`(x^4 + y^4)/4`, shape ``(..., d) -> (...)``; never increases."""
        return (x**4).sum(-1) / 4


@dataclass(frozen=True)
class VanDerPol:
    r"""Van der Pol oscillator, :math:`\dot x = y,\ \dot y = \mu (1 - x^2) y - x`.

    Slow drift, then a sudden jump, over and over: a relaxation oscillation that
    attracts every orbit but the fixed point at the origin.

    Source: Van der Pol (1926); ``mu`` and the regions as in Liu, Kutz & Brunton (2022),
    who train on ``region`` and test on ``test_region``.
    """

    mu: float = 2.0
    dim: ClassVar[int] = 2
    region: ClassVar[Region] = ((-2.0, 2.0), (-4.0, 4.0))
    test_region: ClassVar[Region] = ((-2.0, 2.0), (-2.0, 2.0))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        x1, x2 = x.unbind(-1)
        return torch.stack([x2, self.mu * (1 - x1**2) * x2 - x1], dim=-1)


@dataclass(frozen=True)
class HopfNormalForm:
    r"""Hopf normal form with its parameter as a state, :math:`x = (\mu, x, y)`.

    .. math:: \dot\mu = 0,\quad \dot x = \mu x + y - x r^2,\quad
              \dot y = \mu y - x - y r^2,\qquad r^2 = x^2 + y^2.

    For :math:`\mu \le 0` orbits spiral into the origin, for :math:`\mu > 0` onto a
    circle of radius :math:`\sqrt\mu`.

    Source: Liu, Kutz & Brunton (2022), App. B; the region is theirs.
    """

    dim: ClassVar[int] = 3
    region: ClassVar[Region] = ((-0.2, 0.6), (-1.0, 2.0), (-1.0, 1.0))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        mu, x1, x2 = x.unbind(-1)
        growth = mu - x1**2 - x2**2
        velocity = [torch.zeros_like(mu), growth * x1 + x2, growth * x2 - x1]
        return torch.stack(velocity, dim=-1)

    def flow(self, t: float, x: Tensor) -> Tensor:
        """Exact state a time ``t`` later, shape ``(..., d) -> (..., d)``."""
        mu, x1, x2 = x.unbind(-1)
        # r(t)^2 = r0^2 e^(2 mu t) / (1 + 2 r0^2 I), where I = int_0^t e^(2 mu s) ds
        # tends to t as mu tends to 0.
        safe_mu = torch.where(mu == 0, torch.ones_like(mu), mu)
        growth = torch.expm1(2 * mu * t) / (2 * safe_mu)
        integral = torch.where(mu == 0, torch.full_like(mu, t), growth)
        radius_squared = x1**2 + x2**2
        scale = torch.exp(mu * t) / torch.sqrt(1 + 2 * radius_squared * integral)
        c, s = math.cos(t), math.sin(t)
        rotated = [mu, scale * (c * x1 + s * x2), scale * (c * x2 - s * x1)]
        return torch.stack(rotated, dim=-1)


@dataclass(frozen=True)
class Lorenz63:
    r"""Lorenz's three-mode model of convection, the textbook case of chaos.

    .. math:: \dot x = \sigma (y - x),\quad \dot y = x (\rho - z) - y,\quad
              \dot z = x y - \beta z.

    Neighbouring states separate like :math:`e^{0.9 t}` on average, so a trajectory can
    be predicted for a few time units only. ``region`` is where warm-up starts; useful
    states lie on the attractor.

    Source: Lorenz (1963); region as in Liu, Kutz & Brunton (2022).
    """

    sigma: float = 10.0
    rho: float = 28.0
    beta: float = 8 / 3
    dim: ClassVar[int] = 3
    region: ClassVar[Region] = ((-0.1, 0.1), (-0.1, 0.1), (-0.1, 0.1))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        x1, x2, x3 = x.unbind(-1)
        velocity = [
            self.sigma * (x2 - x1),
            x1 * (self.rho - x3) - x2,
            x1 * x2 - self.beta * x3,
        ]
        return torch.stack(velocity, dim=-1)


@dataclass(frozen=True)
class HenonHeiles:
    r"""Henon-Heiles system: a star in a galaxy, :math:`x = (q_1, q_2, p_1, p_2)`.

    .. math::
        H = \tfrac12 |p|^2 + \tfrac12 |q|^2 + \lambda (q_1^2 q_2 - \tfrac13 q_2^3).

    Orbits in the well stay bounded for :math:`H < 1/6` (at :math:`\lambda = 1`); the
    higher the energy, the more are chaotic. Part of the region lies above it.

    Source: Henon & Heiles (1964), Astron. J. 69, 73.
    """

    lam: float = 1.0
    dim: ClassVar[int] = 4
    region: ClassVar[Region] = ((-0.6, 0.6),) * 4

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        q1, q2, p1, p2 = x.unbind(-1)
        force1 = -q1 - 2 * self.lam * q1 * q2
        force2 = -q2 - self.lam * (q1**2 - q2**2)
        return torch.stack([p1, p2, force1, force2], dim=-1)

    def energy(self, x: Tensor) -> Tensor:
        """The Hamiltonian, shape ``(..., d) -> (...)``."""
        q1, q2, p1, p2 = x.unbind(-1)
        quadratic = (q1**2 + q2**2 + p1**2 + p2**2) / 2
        return quadratic + self.lam * (q1**2 * q2 - q2**3 / 3)


@dataclass(frozen=True)
class ClassificationFlow:
    r"""A planar flow that unmixes two classes, :math:`\dot x_1 = -x_2 \sin t`,
    :math:`\dot x_2 = -\tfrac12 (1 - x_1^2) x_2 + x_1 \cos t`.

    The label of a point is the sign of :math:`x_1` at the final time. Where
    :math:`|x_1| > 1` the damping of :math:`x_2` turns into growth, and some orbits
    reach infinity in finite time.

    Source: Li (2021), slides "Machine learning and dynamical systems".
    """

    dim: ClassVar[int] = 2
    region: ClassVar[Region] = ((-1.5, 1.5), (-1.5, 1.5))

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        x1, x2 = x.unbind(-1)
        t = torch.as_tensor(t).to(x)
        velocity = [-x2 * t.sin(), -(1 - x1**2) * x2 / 2 + x1 * t.cos()]
        return torch.stack(velocity, dim=-1)
