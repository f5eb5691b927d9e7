"""How far, and to which steady flow, the reduced dynamics carry held-out states."""

import json
import platform
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils import checkpoints
from lecture_utils.integrators import rk4_step
from lecture_utils.types import VectorField
from reproductions.convection.data import convection, snapshot_times
from reproductions.convection.dynamics import build
from reproductions.convection.reduction import Components, Reduction
from reproductions.jobs import write_atomically

RESULTS = Path(__file__).parents[1] / "results" / "convection.json"
WEIGHTS = Path(__file__).parents[1] / "weights" / "convection"
DT = 0.05  # of the forecasts; halving it moved the errors of one by 0.3 %
FAILED = 0.3  # of the largest amplitude
ESCAPED = 1e3  # a forecast this far away has left


class HeldOut(NamedTuple):
    """Test trajectories as components: ``z``, ``(n, T, 32)``, at ``times``, ``(T,)``.

    The times are 0, 0.1, ..., 5 and then 6, 7, ..., 99.
    """

    times: Tensor
    z: Tensor


def kept_times() -> Tensor:
    """Which of `snapshot_times` are shipped, boolean, ``(T,)``."""
    times = snapshot_times()
    return (times < 5.05) | ((times - times.round()).abs() < 1e-6)


@cache
def load_held_out() -> HeldOut:
    """The shipped 200 test trajectories, float32."""
    tensors, _ = checkpoints.load(WEIGHTS / "held_out.safetensors")
    return HeldOut(snapshot_times()[kept_times()], tensors["z"].float())


@cache
def load_components() -> Components:
    """The shipped principal components; ``decode`` gives states of `convection`."""
    components = Components(convection().dim).float()
    checkpoints.load_into(WEIGHTS / "components.safetensors", components)
    return components


@cache
def load_reduction(m: int, how: str = "autoencoder") -> Reduction:
    """The shipped reduction to m coordinates, its parameters frozen.

    Args:
        m: 3, 5 or 7.
        how: ``"autoencoder"`` or ``"components"``.

    Raises:
        ValueError: If there is no such reduction.
    """
    _check_reduction(m, how)
    reduction = Reduction(m, nonlinear=how == "autoencoder").float()
    if how == "autoencoder":
        path = WEIGHTS / f"autoencoder{m}.safetensors"
        checkpoints.load_into(path, reduction)
    return reduction.requires_grad_(False)


def load_field(
    name: str, m: int, seed: int = 0, *, how: str = "autoencoder"
) -> nn.Module:
    """A shipped reduced field, ``field(t, h)``, its parameters frozen.

    Args:
        name: ``"onsager"``, ``"plain"`` (equal epochs) or ``"plain-long"`` (equal CPU
            seconds) after Adam; ``"onsager-ls"``, ``"product-ls"`` or ``"plain-ls"``
            after least squares.
        m: Number of coordinates: 3, 5 or 7.
        seed: Of the training.
        how: The reduction, as in `load_reduction`.

    Raises:
        ValueError: If there is no such field.
    """
    _check_reduction(m, how)
    least_squares = name.endswith("-ls")
    file = f"fields-{'ls-' * least_squares}{how}{m}.safetensors"
    tensors, _ = checkpoints.load(WEIGHTS / file)
    prefix = f"{name}/{seed}/"
    state = {
        key.removeprefix(prefix): value
        for key, value in tensors.items()
        if key.startswith(prefix)
    }
    if not state:
        known = sorted({key.rsplit("/", 1)[0] for key in tensors})
        raise ValueError(f"No field {prefix[:-1]!r}; there are {known}.")
    field = build(name.split("-")[0], m).float()
    field.load_state_dict(state)
    return field.requires_grad_(False)


def _check_reduction(m: int, how: str) -> None:
    if m not in (3, 5, 7) or how not in ("autoencoder", "components"):
        raise ValueError(
            "m must be 3, 5 or 7 and how 'autoencoder' or 'components', "
            f"got {m!r} and {how!r}."
        )


@torch.no_grad()
def forecast(field: VectorField, h0: Tensor, times: Tensor, dt: float = DT) -> Tensor:
    """Integrate a reduced field with RK4, ``(n, m) -> (n, T, m)``.

    Forecasts that leave stop there, at a distance of ``ESCAPED``.

    Args:
        field: Reduced field.
        h0: States at ``times[0]``.
        times: Increasing multiples of ``dt``.
        dt: Step.

    Raises:
        ValueError: If the gaps between the times are not multiples of ``dt``.
    """
    counts = times.diff() / dt
    if len(counts) == 0 or (counts - counts.round()).abs().max() > 1e-6:
        raise ValueError(f"Times must be multiples of dt = {dt} apart, got {times}.")
    h, states = h0, [h0]
    for count in counts.round().long().tolist():
        for _ in range(count):
            h = rk4_step(field, 0.0, h, dt)
            size = h.norm(dim=-1, keepdim=True).nan_to_num(nan=torch.inf)
            h = torch.where(size < ESCAPED, h, torch.full_like(h, ESCAPED))
        states.append(h)
    return torch.stack(states, dim=1)


def relative_errors(h: Tensor, true: Tensor) -> Tensor:
    """RMS-in-time error over RMS norm, ``(n, T, m) -> (n,)``.

    At most 2, the error of the mirror image of the right flow, so that a forecast that
    escapes does not decide a mean.
    """
    missed, size = ((x.square().sum(-1).mean(-1)) for x in (h - true, true))
    return (missed / size).sqrt().clamp(max=2.0)


def failures(h: Tensor, true: Tensor) -> Tensor:
    """Whether the final error exceeds 0.3 of the largest amplitude, ``(n,)``."""
    amplitude = true.norm(dim=-1).amax(dim=-1)
    return ~((h - true)[:, -1].norm(dim=-1) <= FAILED * amplitude)


def score(name: str, m: int, seed: int = 0, *, how: str = "autoencoder") -> dict:
    """Errors at t = 1 and t = 99 and number of failures on the test trajectories.

    ``t1`` and ``t99`` are means over trajectories of `relative_errors` in the m
    coordinates; ``flow_t99`` is the same for the decoded 32 components, which includes
    what the reduction loses. The first uses snapshots 0.1 apart, the others 1 apart.
    """
    return score_field(load_field(name, m, seed, how=how), m, how)


def score_field(field: VectorField, m: int, how: str) -> dict:
    """`score` of any field in the m coordinates of a reduction."""
    times, z = load_held_out()
    reduction = load_reduction(m, how)
    true = reduction.encode(z)
    h = forecast(field, true[:, 0], times)
    return scores(h, true, reduction, z, times)


def scores(
    h: Tensor, true: Tensor, reduction: Reduction, z: Tensor, times: Tensor
) -> dict:
    """The numbers of `score` for any forecast ``(n, T, m)``."""
    early = times < 1.05
    whole = (times - times.round()).abs() < 1e-6
    decoded = reduction.decode(h.clamp(-ESCAPED, ESCAPED))
    return {
        "t1": relative_errors(h[:, early], true[:, early]).mean().item(),
        "t99": relative_errors(h[:, whole], true[:, whole]).mean().item(),
        "flow_t99": relative_errors(decoded[:, whole], z[:, whole]).mean().item(),
        "failed": int(failures(h, true).sum()),
        "trajectories": len(h),
    }


def provenance() -> dict:
    """Versions and machine, for every record."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "machine": f"{platform.machine()} {platform.system()}",
        "date": date.today().isoformat(),
    }


def write_records(records: list[dict]) -> None:
    """One record per line, in a fixed order."""
    lines = ",\n".join(json.dumps(record) for record in records)
    write_atomically(RESULTS, f"[\n{lines}\n]\n".encode())


def read_records(kind: str | None = None) -> list[dict]:
    """All records, or those of one ``kind``."""
    records = json.loads(RESULTS.read_text())
    return [r for r in records if kind in (None, r["kind"])]
