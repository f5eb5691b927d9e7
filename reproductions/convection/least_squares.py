r"""Reduced dynamics by least squares: exact velocities, states along the paths.

The velocities of the data are exact, so nothing is noise and Levenberg-Marquardt
applies. How states are spread and weighted decides what the networks see of the slow
motion near the steady flows.
"""

import itertools
import json
import time
from functools import cache

import torch
from torch import Tensor, nn

from lecture_utils import checkpoints
from lecture_utils.training import fit_least_squares
from reproductions.convection.data import (
    DENSE,
    SPACING,
    WORK,
    convection,
    snapshot_times,
    trajectories,
)
from reproductions.convection.dynamics import build
from reproductions.convection.reduction import Reduction
from reproductions.convection.scoring import (
    WEIGHTS,
    failures,
    forecast,
    load_components,
    load_reduction,
    relative_errors,
    score_field,
)
from reproductions.jobs import write_atomically

KINDS = ("onsager", "product", "plain")
STATES = 15  # per trajectory
N_STEPS = 80
SPREAD, SLOW_COUNT = "length", True  # the states and weights of what is shipped
SEEDS = (0, 1, 2)
SLOW = 0.01  # of the mean squared speed: below it, all states count alike


def spread_rows(h: Tensor, n: int, spread: str) -> Tensor:
    """Which n snapshots of every trajectory to learn from, ``(N, T, m) -> (N, n)``.

    Args:
        h: Trajectories with equally spaced snapshots.
        n: At least 2; the first and the last snapshot are among them.
        spread: ``"time"``: evenly in time; ``"length"``: evenly along the path.

    Raises:
        ValueError: If there is no such way to spread them.
    """
    if spread not in ("time", "length"):
        raise ValueError(f"spread must be 'time' or 'length', got {spread!r}.")
    moved = h.diff(dim=1).norm(dim=-1)
    if spread == "time":
        moved = torch.ones_like(moved)
    travelled = nn.functional.pad(moved.cumsum(dim=1), (1, 0))
    share = torch.linspace(0, 1, n).to(h)
    wanted = share * travelled[:, -1:]
    return torch.searchsorted(travelled, wanted - 1e-6 * travelled[:, -1:])


def weights(velocity: Tensor, slow: bool) -> Tensor:
    """Weights of the residuals, ``(n, m) -> (n, 1)``; a zero field has the loss 1.

    With ``slow`` a residual is measured against the speed of its own state.
    """
    square = velocity.square().sum(-1, keepdim=True)
    weight = torch.ones_like(square)
    if slow:
        weight = (square + SLOW * square.mean()).rsqrt()
    return weight / (weight * velocity).square().mean().sqrt()


@cache
def samples(how: str, m: int, spread: str, used: int = 200) -> list[Tensor]:
    """Reduced states and exact velocities, float64, ``(n, m)`` each.

    They are taken from the first ``used`` training trajectories, up to t = 20.
    """
    field, components = convection(), load_components()
    dense = round(DENSE / SPACING) + 1
    x = trajectories("train")[:used, :dense]
    z = components.encode(x)
    reduction = Reduction(m, nonlinear=how == "autoencoder")
    reduction.load_state_dict(load_reduction(m, how).state_dict())
    with torch.no_grad():
        rows = spread_rows(reduction.encode(z), STATES, spread)
        x = x.gather(1, rows[..., None].expand(-1, -1, x.shape[-1])).flatten(0, 1)
        parts = []
        for some in x.double().split(1000):
            z, velocity = components.encode(some), components.push(field(0.0, some))
            reduction.double()
            parts.append((reduction.encode(z), reduction.push(z, velocity)))
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def validation_errors(field: nn.Module, how: str, m: int) -> dict[str, float]:
    """Error at t = 99 and number of failures on the 100 validation trajectories."""
    times = snapshot_times()
    whole = (times - times.round()).abs() < 1e-6
    z = load_components().encode(trajectories("validation")[:, whole])
    true = load_reduction(m, how).encode(z)
    h = forecast(field, true[:, 0], times[whole])
    return {
        "validation_t99": relative_errors(h, true).mean().item(),
        "validation_failed": int(failures(h, true).sum()),
    }


def train(
    kind: str,
    data: list[Tensor],
    *,
    slow: bool,
    seed: int,
    n_steps: int,
) -> tuple[nn.Module, dict]:
    """Fit one field; returns it and its record.

    In float32, which halves the seconds and is far more accurate than the fit.
    """
    h, velocity = (part.float() for part in data)
    torch.manual_seed(seed)
    field = build(kind, h.shape[-1])
    weight = weights(velocity, slow)

    def residual(net, h, velocity, weight):
        return weight * (net(0.0, h) - velocity)

    start = time.process_time()
    history = fit_least_squares(residual, field, (h, velocity, weight), n_steps=n_steps)
    seconds = time.process_time() - start
    with torch.no_grad():
        missed = (field(0.0, h) - velocity).square().sum() / velocity.square().sum()
    return field.requires_grad_(False), {
        "steps": len(history) - 1,
        "states": len(h),
        "slow": slow,
        "loss": history[-1].item(),
        "misfit": missed.item(),
        "cpu_seconds": round(seconds, 2),
        "parameters": sum(p.numel() for p in field.parameters()),
    }


def job(
    how: str,
    m: int,
    kind: str,
    seed: int,
    spread: str,
    slow: bool,
    used: int = 200,
) -> dict:
    """Train and validate one field unless that is done; returns its record."""
    words = ["ls", f"{how}{m}", kind, seed, spread, "slow" if slow else "all", N_STEPS]
    path = WORK / ("_".join(map(str, [*words, used])) + ".safetensors")
    if path.with_suffix(".json").exists():
        return json.loads(path.with_suffix(".json").read_text())
    data = samples(how, m, spread, used)
    field, record = train(kind, data, slow=slow, seed=seed, n_steps=N_STEPS)
    record |= {"spread": spread, "used": used} | validation_errors(field, how, m)
    record["file"] = path.name
    about = {"what": f"{kind} field", "training": record, "seed": seed}
    checkpoints.save(path, field, about=about)
    write_atomically(path.with_suffix(".json"), json.dumps(record).encode())
    print(how, m, kind, seed, record, flush=True)
    return record


def train_case(how: str, m: int) -> list[dict]:
    """Train every kind and seed, ship the fields, score; returns the records."""
    tensors, trainings, records = {}, {}, []
    for kind, seed in itertools.product(KINDS, SEEDS):
        training = job(how, m, kind, seed, SPREAD, SLOW_COUNT)
        values, _ = checkpoints.load(WORK / training["file"])
        field = build(kind, m)
        field.load_state_dict(values)
        row = {"kind": "score", "competitor": f"{kind}-ls", "how": how, "m": m}
        row |= {"seed": seed} | score_field(field.requires_grad_(False), m, how)
        records.append(row | training)
        trainings[f"{kind}-ls/{seed}"] = training
        tensors |= {f"{kind}-ls/{seed}/{key}": v for key, v in values.items()}
    about = {"what": f"fields on {how}, m = {m}, by least squares"}
    about |= {"seed": list(SEEDS), "training": trainings}
    path = WEIGHTS / f"fields-ls-{how}{m}.safetensors"
    checkpoints.save(path, tensors, about=about)
    return records
