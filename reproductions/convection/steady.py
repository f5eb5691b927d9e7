"""The steady flows at r = 28: their heat transport, refinement, and Lorenz's chaos."""

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


def nusselt_records(resolutions: tuple[int, ...] = (8, 12, 16, 24, 32)) -> list[dict]:
    """Nusselt numbers of the three kinds of steady flow for several resolutions."""
    data = Convection(R, 16, 16)
    start, records = steady_flows(data), []
    for n in resolutions:
        field = Convection(R, n, n)
        x = run(field, resampled(start, data, field), 12.0, 0.005 if n < 20 else 0.003)
        numbers = nusselt_numbers(field, x)
        speed = field(0.0, x).norm(dim=-1) / (field.damping * x).norm(dim=-1)
        for i, kind in enumerate((1, 2, 3)):
            record = {"kind": "nusselt", "modes": n, "flow": kind}
            record |= {key: value[i].item() for key, value in numbers.items()}
            records.append(record | {"speed": speed[i].item()})
            print(records[-1], flush=True)
    return records


def truncation_records(sizes=((1, 2), (4, 4), (8, 8), (16, 16))) -> list[dict]:
    """Twelve states of Lorenz's waves, slightly disturbed, under several truncations.

    ``steady`` counts those at rest after 40 units of time; ``nusselt`` is the mean over
    the next 10, and ``exponent`` the mean rate at which neighbours separate meanwhile.
    """
    records = []
    for nx, nz in sizes:
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
        records.append(
            {
                "kind": "truncation",
                "nx": nx,
                "nz": nz,
                "states": len(x),
                "steady": int((speed < 1e-3).sum()),
                "nusselt": total,
                "exponent": ((after / before).log() / 10).mean().item(),
            }
        )
        print(records[-1], flush=True)
    return records
