"""Trajectories at r = 28 from random initial states, simulated once and kept."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor
from tqdm.auto import tqdm

from reproductions.convection.equations import Convection
from reproductions.convection.stepping import ExponentialStep
from reproductions.jobs import write_atomically

WORK = Path(__file__).parents[2] / "_build" / "convection"
R = 28.0
RESOLUTION = 16  # modes in each direction
DT = 0.005
SPIN_UP = 1.0  # time before a trajectory begins, to forget the choice of modes
SPACING = 0.1  # of snapshots up to DENSE; after that they are 1 apart
DENSE = 20
END = 99
STILL = 1e-4  # relative motion in five units of time below which a state stays put
# Seeds of the parts, 100 trajectories each.
SPLITS = {"train": (0, 1), "validation": (2,), "test": (3, 4)}
PER_SEED = 100


def snapshot_times() -> Tensor:
    """0, 0.1, ..., 20, 21, ..., 99: shape ``(T,)``, float64."""
    dense = torch.arange(round(DENSE / SPACING) + 1, dtype=torch.float64) * SPACING
    return torch.cat([dense, torch.arange(DENSE + 1.0, END + 1.0).to(dense)])


def convection(dtype: torch.dtype = torch.float64) -> Convection:
    """The field behind the data."""
    return Convection(R, RESOLUTION, RESOLUTION, dtype=dtype)


def initial_states(field: Convection, n: int, generator: torch.Generator) -> Tensor:
    """Normal coefficients of the waves with n up to 3 and m up to 2, ``(n, d)``.

    Their standard deviations, 0.5 for psi and 0.1 for theta, are those of a flow at
    r = 28 within a factor of a few. Everything else is zero.

    Raises:
        ValueError: If ``field`` has fewer than 3 x 2 modes.
    """
    if field.nx < 3 or field.nz < 2:
        raise ValueError(
            f"Initial states need 3 x 2 modes, found {field.nx} x {field.nz}."
        )
    psi, theta = field.split(torch.zeros(n, field.dim, dtype=field.dtype))
    for coefficients, waves, size in zip(
        (psi, theta), field.waves, (0.5, 0.1), strict=True
    ):
        low = (waves.abs() <= 3).nonzero().squeeze(-1)
        drawn = torch.randn(n, 2, len(low), generator=generator, dtype=torch.float64)
        coefficients[:, :2, low] = (size * drawn).to(field.dtype)
    return field.join(psi, theta)


@torch.no_grad()
def simulate(field: Convection, x: Tensor, *, progress: bool = False) -> Tensor:
    """Snapshots at `snapshot_times` after the spin-up, ``(n, d) -> (n, T, d)``.

    A trajectory that moved by less than ``STILL`` of its norm in five units of time
    has reached a steady state and stays there.

    Raises:
        FloatingPointError: If a trajectory stops being finite.
    """
    step, times = ExponentialStep(field, DT), snapshot_times()
    for _ in range(round(SPIN_UP / DT)):
        x = step(x)
    x, snapshots = x.clone(), [x.clone()]
    still = torch.zeros(len(x), dtype=torch.bool)
    for i in tqdm(range(1, len(times)), disable=not progress):
        moving = ~still
        if moving.any():
            part = x[moving]
            for _ in range(round((times[i] - times[i - 1]).item() / DT)):
                part = step(part)
            x[moving] = part
        if not x.isfinite().all():
            raise FloatingPointError(f"A state is not finite at t = {times[i]:g}.")
        snapshots.append(x.clone())
        if times[i] >= 5:
            before = snapshots[int(torch.searchsorted(times, times[i] - 5.0 - 1e-9))]
            still = (x - before).norm(dim=-1) < STILL * x.norm(dim=-1)
    return torch.stack(snapshots, dim=1)


def trajectories(split: str) -> Tensor:
    """Simulated snapshots of a part, float32, ``(n, T, d)``; simulated if missing.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``.

    Raises:
        ValueError: If there is no such part.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {list(SPLITS)}, got {split!r}.")
    return torch.cat([_part(seed) for seed in SPLITS[split]])


def _part(seed: int) -> Tensor:
    path = WORK / f"r{R:g}_{RESOLUTION}_{seed}.safetensors"
    if not path.exists():
        field = convection(torch.float32)
        generator = torch.Generator().manual_seed(seed)
        x = simulate(field, initial_states(field, PER_SEED, generator), progress=True)
        write_atomically(path, save({"x": x}))
    return load_file(path)["x"]
