r"""The Boussinesq equations between two free-slip walls, in two dimensions.

Lengths are in units of the height, temperatures in units of the difference between the
walls. **Time is in Lorenz's unit** :math:`H^2 / (\kappa (k_1^2 + \pi^2))` with
:math:`k_1 = \pi/\sqrt2`: one thermal diffusion time :math:`H^2/\kappa` is
:math:`3\pi^2/2 = 14.8` of them, and Lorenz 63 needs no change of units. With the
streamfunction :math:`\psi` (:math:`u = -\psi_z`, :math:`w = \psi_x`), the vorticity
:math:`\omega = \nabla^2\psi`, the deviation :math:`\theta` from the linear temperature
profile, :math:`\nu = 2/(3\pi^2)` and :math:`J(a, b) = a_x b_z - a_z b_x`:

.. math::
    \omega_t + J(\psi, \omega) &= \sigma\,(\nu \nabla^2\omega + 3 r\,\theta_x), \\
    \theta_t + J(\psi, \theta) &= \psi_x + \nu \nabla^2\theta,

with :math:`\psi = \omega = \theta = 0` at :math:`z = 0, 1`, period :math:`2\sqrt2` in
x, Prandtl number :math:`\sigma` and :math:`r = Ra / Ra_c`, :math:`Ra_c = 27\pi^4/4`.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lecture_utils.types import Time

K1 = math.pi / math.sqrt(2)  # smallest wavenumber of the period 2 sqrt 2
NU = 2 / (3 * math.pi**2)  # thermal diffusivity in these units
CRITICAL_RAYLEIGH = 27 * math.pi**4 / 4


@dataclass(frozen=True)
class Convection:
    r"""The equations as a vector field on :math:`n_x \times n_z` Galerkin modes.

    Products are formed on a grid fine enough that no mode is aliased, so the truncated
    field is the exact Galerkin projection: like the equations, its advection neither
    makes nor destroys energy, enstrophy or temperature variance.

    A state holds the coefficients of :math:`\psi`, then those of :math:`\theta`. With
    ``mirror`` (what the book uses) the flow is its own mirror image at x = 0,

    .. math::
        \psi = \sum_{n=1}^{n_x} \sum_{m=1}^{n_z} a_{nm} \sin(n k_1 x) \sin(m \pi z),
        \quad
        \theta = \sum_{n=0}^{n_x} \sum_{m=1}^{n_z} b_{nm} \cos(n k_1 x) \sin(m \pi z),

    which is convection in a box of width :math:`\sqrt2` with slippery, insulating
    sides; such flows stay so. Without it both sums have cosines and sines.

    Args:
        r: Rayleigh number in units of its critical value, not negative.
        nx: Largest multiple of :math:`k_1` in x.
        nz: Largest multiple of :math:`\pi` in z.
        prandtl: Prandtl number.
        mirror: Whether to keep the mirror symmetry.
        dtype: Of the states.

    Raises:
        ValueError: If a parameter is out of its range.

    Source: Saltzman (1962), J. Atmos. Sci. 19, 329; Lorenz (1963), J. Atmos. Sci. 20,
    130; the length and the Prandtl number are those of Yu, Tian, E & Li (2021).
    """

    r: float
    nx: int = 12
    nz: int = 12
    prandtl: float = 10.0
    mirror: bool = True
    dtype: torch.dtype = torch.float64

    def __post_init__(self):
        if not 0 <= self.r < math.inf:
            raise ValueError(f"r = Ra / Ra_c must be 0 or more, got {self.r}.")
        if not 0 < self.prandtl < math.inf:
            raise ValueError(f"prandtl must be positive, got {self.prandtl}.")
        for name in ("nx", "nz"):
            n = getattr(self, name)
            if isinstance(n, bool) or not isinstance(n, int) or n < 1:
                raise ValueError(f"{name} must be a whole number >= 1, got {n!r}.")

    @cached_property
    def waves(self) -> tuple[Tensor, Tensor]:
        """The n of psi and of theta, as in `wave`."""
        n = torch.arange(-self.nx, self.nx + 1)
        return (n[n > 0], n[n >= 0]) if self.mirror else (n, n)

    @property
    def dim(self) -> int:
        """Number of components of a state."""
        return self.nz * sum(len(n) for n in self.waves)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients of psi and theta, ``(..., d) -> (..., nz, n)`` twice.

        Raises:
            ValueError: If the states do not have ``dim`` components.
        """
        if x.shape[-1:] != (self.dim,):
            raise ValueError(
                f"States of {self.nx} x {self.nz} modes have {self.dim} components, "
                f"shape (..., {self.dim}), but these have shape {tuple(x.shape)}."
            )
        sizes = [self.nz * len(n) for n in self.waves]
        psi, theta = x.split(sizes, dim=-1)
        return psi.unflatten(-1, (self.nz, -1)), theta.unflatten(-1, (self.nz, -1))

    def join(self, psi: Tensor, theta: Tensor) -> Tensor:
        """The inverse of `split`."""
        return torch.cat([psi.flatten(-2), theta.flatten(-2)], dim=-1)

    @cached_property
    def laplacian(self) -> tuple[Tensor, Tensor]:
        r""":math:`-(n^2 k_1^2 + m^2 \pi^2)` for psi and theta, ``(nz, n)`` each."""
        m = torch.arange(1, self.nz + 1, dtype=self.dtype)[:, None]
        psi, theta = (-((n.to(m) * K1) ** 2) - (m * math.pi) ** 2 for n in self.waves)
        return psi, theta

    @cached_property
    def damping(self) -> Tensor:
        """The stiff, diagonal part: rates of diffusion, shape ``(d,)``, negative."""
        psi, theta = self.laplacian
        return NU * self.join(self.prandtl * psi, theta)

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        """Velocity of the state, shape ``(..., d) -> (..., d)``."""
        return self.gentle(x) + self.damping * x

    def gentle(self, x: Tensor) -> Tensor:
        """Velocity less diffusion: buoyancy, and advection with its sign."""
        psi, theta = self.split(x)
        waves, laplacian = self.waves[0].to(x) * K1, self.laplacian[0]
        advected_vorticity, advected_heat = self.advection(psi, theta)
        buoyancy = -3 * self.r * self.prandtl * waves * theta[..., -len(waves) :]
        heating = torch.nn.functional.pad(
            waves * psi, (theta.shape[-1] - psi.shape[-1], 0)
        )
        return self.join(
            (buoyancy - advected_vorticity) / laplacian, heating - advected_heat
        )

    def advection(self, psi: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        r"""Coefficients of :math:`J(\psi, \omega)` and :math:`J(\psi, \theta)`."""
        batch = psi.shape[:-2]
        # The batch comes last inside: a few large matrix products.
        psi, theta = (
            c.flatten(0, -3).movedim(0, -1) if batch else c[..., None]
            for c in (psi, theta)
        )
        omega = self.laplacian[0][..., None] * psi
        (value, slope), (s, s_x), (c, c_x) = self._functions
        n_psi = psi.shape[1]
        both = torch.cat([psi, omega, theta], dim=1)
        plain, risen = (torch.tensordot(z, both, 1) for z in (value, slope))
        parts = [n_psi, n_psi, theta.shape[1]]
        (psi_0, omega_0, theta_0), (psi_z, omega_z, theta_z) = (
            f.split(parts, dim=1) for f in (plain, risen)
        )
        w, minus_u = s_x @ psi_0, s @ psi_z
        spin = w * (s @ omega_z) - minus_u * (s_x @ omega_0)
        heat = w * (c @ theta_z) - minus_u * (c_x @ theta_0)
        back = (2 / len(value)) * value.mT
        spin = torch.tensordot(back, self._project(s) @ spin, 1)
        heat = torch.tensordot(back, self._project(c) @ heat, 1)
        return tuple(
            f.movedim(-1, 0).unflatten(0, batch) if batch else f[..., 0]
            for f in (spin, heat)
        )

    @staticmethod
    def _project(functions: Tensor) -> Tensor:
        return functions.mT / functions.square().sum(dim=0)[:, None]

    @cached_property
    def _functions(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """Values and derivatives of the basis on the grid: z, x of psi, x of theta.

        Midpoints; more than 3/2 points per mode integrate triple products exactly.
        """
        z = torch.arange(3 * self.nz // 2 + 1, dtype=self.dtype) + 0.5
        z = z / len(z)
        x = (torch.arange((2 - self.mirror) * (3 * self.nx // 2 + 1)) + 0.5).to(z)
        x = x * (2 - self.mirror) * math.sqrt(2) / len(x)
        m = torch.arange(1, self.nz + 1, dtype=self.dtype) * math.pi
        n_psi, n_theta = (n.to(z) for n in self.waves)
        s, c = psi_waves(n_psi, x), theta_waves(n_theta, x)
        s_x = n_psi * K1 * theta_waves(n_psi, x)
        c_x = -n_theta * K1 * psi_waves(n_theta, x)
        z = m * z[:, None]
        return (z.sin(), m * z.cos()), (s, s_x), (c, c_x)


def theta_waves(n: Tensor, x: Tensor) -> Tensor:
    r""":math:`\cos(n k_1 x)`; for negative n :math:`\sin(|n| k_1 x)`: ``(P, n)``."""
    phase = K1 * n * x[:, None]
    return torch.where(n >= 0, phase.cos(), -phase.sin())


def psi_waves(n: Tensor, x: Tensor) -> Tensor:
    r""":math:`\sin(n k_1 x)`; for n of 0 and less :math:`\cos(n k_1 x)`: ``(P, n)``.

    For every n, :math:`s_n' = n k_1 c_n` and :math:`c_n' = -n k_1 s_n`.
    """
    phase = K1 * n * x[:, None]
    return torch.where(n > 0, phase.sin(), phase.cos())
