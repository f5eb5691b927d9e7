"""The steady flows at r = 28: their heat transport, refinement, and Lorenz's chaos."""

from dataclasses import replace

import torch
from torch import Tensor

from reproductions.convection.data import R, trajectories
from reproductions.convection.diagnostics import from_lorenz, nusselt_numbers
from reproductions.convection.equations import Convection
from reproductions.convection.stepping import ExponentialStep


def resampled(x: Tensor, field: Convection, other: Convection) -> Tensor:
    """States of ``field`` as states of ``other``: waves are added as zeros, or cut."""
    parts = [
        torch.nn.functional.pad(c, (0, other.nx - field.nx, 0, other.nz - field.nz))
        for c in field.split(x)
    ]
    return other.join(*parts)


@torch.no_grad()
def run(field: Convection, x: Tensor, time: float, dt: float) -> Tensor:
    """The state after ``time``, ``(..., d) -> (..., d)``."""
    step = ExponentialStep(field, dt)
    for _ in range(round(time / dt)):
        x = step(x)
    return x


def kind_of(field: Convection, x: Tensor) -> Tensor:
    """Which steady flow: 1, 2 or 3 for the number of pairs of rolls, ``(...)``.

    2 stands for the skewed flows, in which the waves n = 1 and n = 2 are alike.
    """
    psi = field.split(x)[0][..., 0, :3].abs()
    return torch.where(
        psi[..., 1] > 0.3, 2, torch.where(psi[..., 2] > psi[..., 0], 3, 1)
    )


def steady_flows(field: Convection) -> Tensor:
    """One steady flow of each kind as the test data end, ``(3, d)``, float64."""
    x = trajectories("test")[:, -1].double()
    kinds = kind_of(field, x)
    return torch.stack([x[kinds == kind][0] for kind in (1, 2, 3)])


@torch.no_grad()
def jacobian(field: Convection, x: Tensor) -> Tensor:
    """Derivative of the field at one state, ``(d,) -> (d, d)``.

    The field is quadratic, so central differences are exact for any step.
    """
    steps = torch.eye(field.dim, dtype=x.dtype)
    return ((field(0.0, x + steps) - field(0.0, x - steps)) / 2).mT


@torch.no_grad()
def steady_state(field: Convection, x: Tensor) -> Tensor:
    """The steady state near ``x``, by Newton's method, ``(d,) -> (d,)``.

    Raises:
        ValueError: If eight steps do not reach one.
    """
    for _ in range(8):
        velocity = field(0.0, x)
        if velocity.norm() < 1e-9 * (field.damping * x).norm():
            return x
        x = x - torch.linalg.solve(jacobian(field, x), velocity)
    raise ValueError(
        f"No steady state found; the speed is still {velocity.norm():.1e}. Start from "
        "a flow that has nearly settled."
    )


def unmirrored(field: Convection, x: Tensor) -> tuple[Convection, Tensor]:
    """The same flow where the mirror symmetry is not imposed."""
    free = replace(field, mirror=False)
    blocks = zip(field.split(x), field.waves, free.waves, strict=True)
    parts = [torch.nn.functional.pad(c, (len(w) - len(n), 0)) for c, n, w in blocks]
    return free, free.join(*parts)


def nusselt_records(
    resolutions: tuple[int, ...] = (8, 12, 16, 20, 24),
) -> list[dict]:
    """Nusselt numbers of the three kinds of steady flow for several resolutions.

    At 12 modes also the largest growth rates of disturbances: ``mirror_rate`` of those
    with the mirror symmetry, ``free_rates`` the two largest of all. One of these is
    zero: a roll may be shifted.
    """
    data = Convection(R, 16, 16)
    start, records = steady_flows(data), []
    for n in resolutions:
        field = Convection(R, n, n)
        for kind, x in enumerate(resampled(start, data, field), start=1):
            x = steady_state(field, x)
            numbers = nusselt_numbers(field, x)
            record = {"kind": "nusselt", "modes": n, "flow": kind}
            record |= {key: value.item() for key, value in numbers.items()}
            if n == 12:
                rates = torch.linalg.eigvals(jacobian(field, x)).real
                free = torch.linalg.eigvals(jacobian(*unmirrored(field, x))).real
                record |= {
                    "mirror_rate": rates.max().item(),
                    "free_rates": free.topk(2).values.tolist(),
                }
            records.append(record)
            print(records[-1], flush=True)
    return records


@torch.no_grad()
def truncation_record(nx: int, nz: int) -> dict:
    """Twelve states of Lorenz's waves, slightly disturbed, under a truncation.

    ``steady`` counts those at rest after 40 units of time; ``nusselt`` is the mean over
    the next 10, and ``exponent`` the mean rate at which neighbours separate meanwhile.
    """
    field, generator = Convection(R, nx, nz), torch.Generator().manual_seed(0)
    xyz = 8 * torch.randn(12, 3, generator=generator, dtype=torch.float64)
    xyz[:, 2] += 25
    x = from_lorenz(field, xyz)
    x += 1e-3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    x = run(field, x, 40.0, 0.005)
    nudge = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    pair, total = torch.stack([x, x + 1e-8 * nudge]), 0.0
    for _ in range(100):
        pair = run(field, pair, 0.1, 0.005)
        total += nusselt_numbers(field, pair[0])["volume"].mean().item() / 100
    before, after = 1e-8 * nudge.norm(dim=-1), (pair[1] - pair[0]).norm(dim=-1)
    speed = field(0.0, pair[0]).norm(dim=-1) / pair[0].norm(dim=-1)
    return {
        "kind": "truncation",
        "nx": nx,
        "nz": nz,
        "states": len(x),
        "steady": int((speed < 1e-3).sum()),
        "nusselt": total,
        "exponent": ((after / before).log() / 10).mean().item(),
    }
