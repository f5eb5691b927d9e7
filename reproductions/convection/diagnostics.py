"""What a flow carries, keeps and loses; linear theory; the bridge to Lorenz 63."""

import math

import torch
from torch import Tensor

from reproductions.convection.equations import (
    K1,
    NU,
    Convection,
    psi_waves,
    theta_waves,
)


def growth_rates(n: int, m: int, r: float, prandtl: float = 10.0) -> tuple[float, ...]:
    r"""Both growth rates of the waves (n, m) on the resting fluid, larger one first.

    With :math:`q^2 = n^2 k_1^2 + m^2 \pi^2` they solve
    :math:`(s + \sigma\nu q^2)(s + \nu q^2) = 3 r \sigma n^2 k_1^2 / q^2`.

    Source: Rayleigh (1916), Phil. Mag. 32, 529, in the units of this package.
    """
    q2 = (n * K1) ** 2 + (m * math.pi) ** 2
    mean, half = NU * q2 * (prandtl + 1) / 2, NU * q2 * (prandtl - 1) / 2
    root = math.sqrt(half**2 + 3 * r * prandtl * (n * K1) ** 2 / q2)
    return root - mean, -root - mean


def _squared(
    coefficients: Tensor, waves: Tensor, other: Tensor | None = None
) -> Tensor:
    """Mean over the fluid of the product of two sums of waves, ``(...)``."""
    share = torch.where(waves == 0, 0.5, 0.25).to(coefficients)
    product = coefficients * (coefficients if other is None else other)
    return (product * share).sum(dim=(-2, -1))


def heat_flux(field: Convection, x: Tensor) -> Tensor:
    r"""Convected heat :math:`\langle w\theta\rangle`, ``(..., d) -> (...)``."""
    psi, theta = field.split(x)
    waves = field.waves[0]
    w = K1 * waves.to(x) * psi
    return _squared(w, waves, theta[..., -len(waves) :])


def nusselt_numbers(field: Convection, x: Tensor) -> dict[str, Tensor]:
    r"""Heat transport over that of the resting fluid, by four formulas, ``(...)`` each.

    ``volume``: :math:`1 + \langle w\theta\rangle / \nu`; ``heat``:
    :math:`1 + \langle|\nabla\theta|^2\rangle`; ``friction``:
    :math:`1 + \langle\omega^2\rangle / (3 r)`; ``wall``: :math:`1 - \langle\theta_z
    \rangle` at z = 0. In a steady state of the truncated equations the first three are
    equal; the fourth, whose sum converges slowly, is equal to them for many modes only.
    """
    psi, theta = field.split(x)
    laplacian, theta_laplacian = field.laplacian
    waves, theta_wave_numbers = field.waves
    m = torch.arange(1, field.nz + 1).to(x) * math.pi
    mean = theta[..., theta_wave_numbers == 0].squeeze(-1)
    return {
        "volume": 1 + heat_flux(field, x) / NU,
        "heat": 1 + _squared(theta, theta_wave_numbers, -theta_laplacian * theta),
        "friction": 1 + _squared(laplacian * psi, waves) / (3 * field.r),
        "wall": 1 - (m * mean).sum(dim=-1),
    }


def energies(field: Convection, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""Kinetic energy :math:`\langle u^2 + w^2\rangle/2` and temperature variance
    :math:`\langle\theta^2\rangle/2`, ``(..., d) -> (...)`` each.
    """
    psi, theta = field.split(x)
    kinetic = _squared(psi, field.waves[0], -field.laplacian[0] * psi) / 2
    return kinetic, _squared(theta, field.waves[1]) / 2


def temperature(field: Convection, x: Tensor, points: int = 40) -> Tensor:
    r"""Temperature :math:`1 - z + \theta`, ``(..., d) -> (..., points, points)``.

    Rows go from the hot wall up, columns over one period; both ends are included.
    """
    theta = field.split(x)[1]
    z = torch.linspace(0, 1, points, dtype=x.dtype)
    across = theta_waves(field.waves[1].to(x), 2 * math.sqrt(2) * z)
    return (1 - z)[:, None] + _sines(field, z) @ theta @ across.mT


def streamfunction(field: Convection, x: Tensor, points: int = 40) -> Tensor:
    """Streamfunction on the grid of `temperature`, same shape."""
    psi = field.split(x)[0]
    z = torch.linspace(0, 1, points, dtype=x.dtype)
    across = psi_waves(field.waves[0].to(x), 2 * math.sqrt(2) * z)
    return _sines(field, z) @ psi @ across.mT


def _sines(field: Convection, z: Tensor) -> Tensor:
    m = torch.arange(1, field.nz + 1).to(z)
    return (math.pi * m * z[:, None]).sin()


def from_lorenz(field: Convection, xyz: Tensor) -> Tensor:
    r"""The flow that Lorenz calls (X, Y, Z), ``(..., 3) -> (..., d)``.

    :math:`\psi = \tfrac{2}{\pi^2} X \sin k_1x \sin\pi z` and :math:`\theta = \tfrac{1}
    {\pi r} (\sqrt2\,Y \cos k_1x \sin\pi z - Z \sin 2\pi z)`.

    Raises:
        ValueError: If ``field`` lacks one of the three waves, or r is zero.
    """
    if field.nz < 2 or not field.r > 0:
        raise ValueError(
            "Lorenz's waves need nz of 2 or more and r above 0, found "
            f"nz = {field.nz}, r = {field.r}."
        )
    psi, theta = field.split(xyz.new_zeros(*xyz.shape[:-1], field.dim))
    psi, theta = psi.clone(), theta.clone()
    for coefficients, i, m, n, size in (
        (psi, 0, 0, 1, 2 / math.pi**2),
        (theta, 1, 0, 1, math.sqrt(2) / (math.pi * field.r)),
        (theta, 2, 1, 0, -1 / (math.pi * field.r)),
    ):
        column = field.waves[coefficients is theta] == n
        coefficients[..., m, column] = size * xyz[..., i, None]
    return field.join(psi, theta)


def to_lorenz(field: Convection, x: Tensor) -> Tensor:
    """X, Y and Z of a flow, its other waves ignored, ``(..., d) -> (..., 3)``."""
    psi, theta = field.split(x)
    one, two = field.waves[0] == 1, field.waves[1] == 1
    zero = field.waves[1] == 0
    parts = [
        math.pi**2 / 2 * psi[..., 0, one],
        math.pi * field.r / math.sqrt(2) * theta[..., 0, two],
        -math.pi * field.r * theta[..., 1, zero],
    ]
    return torch.cat(parts, dim=-1)
