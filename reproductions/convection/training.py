"""What is trained, on which data, for how long; finished jobs are kept."""

import itertools
import json
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from lecture_utils import checkpoints
from reproductions.convection.data import (
    DENSE,
    SPACING,
    WORK,
    convection,
    snapshot_times,
    trajectories,
)
from reproductions.convection.dynamics import train_fields
from reproductions.convection.reduction import (
    Components,
    Reduction,
    relative_error,
    stretches,
    train_reduction,
)
from reproductions.convection.scoring import (
    WEIGHTS,
    forecast,
    kept_times,
    load_components,
    load_held_out,
    load_reduction,
    relative_errors,
    scores,
)
from reproductions.jobs import write_atomically

COORDINATES = (3, 5, 7)
REDUCTIONS = tuple(itertools.product(("autoencoder", "components"), COORDINATES))
N_STEPS = 4000  # of Adam
LONG = 2  # times as many steps fill OnsagerNet's seconds, for "plain-long"
TRIAL_STEPS, RATES = 1000, (3e-3, 1e-2, 3e-2)  # each competitor's trials
SEEDS = (0, 1, 2)
TUNING_SEED = 100


def ship_data() -> None:
    """Principal components of the training data, and the test trajectories."""
    if (WEIGHTS / "held_out.safetensors").exists():
        return
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    field = convection()
    dense = round(DENSE / SPACING) + 1
    snapshots = trajectories("train")[:, :dense].flatten(0, 1)
    components = Components(field.dim).fit(field, snapshots)
    about = {"what": "components of convection at r = 28", "seed": [0, 1]}
    about["training"] = f"{len(snapshots)} snapshots"
    checkpoints.save(WEIGHTS / "components.safetensors", components, about=about)
    z = components.encode(trajectories("test")[:, kept_times()])
    about = {"what": "test trajectories as components", "seed": [3, 4]}
    about["training"] = "simulated"
    checkpoints.save(WEIGHTS / "held_out.safetensors", {"z": z.half()}, about=about)


@cache
def training_pairs() -> tuple[Tensor, Tensor]:
    """Components and their exact velocities, float64, ``(n, 32)`` each.

    They are those of the snapshots up to t = 20.
    """
    field, components = convection(), load_components()
    dense = round(DENSE / SPACING) + 1
    z, velocity = [], []
    for x in trajectories("train")[:, :dense].flatten(0, 1).double().split(2000):
        z.append(components.encode(x))
        velocity.append(components.push(field(0.0, x)))
    return torch.cat(z), torch.cat(velocity)


def ship_autoencoder(m: int) -> None:
    """Train the auto-encoder with m coordinates, unless it is there."""
    path = WEIGHTS / f"autoencoder{m}.safetensors"
    if path.exists():
        return
    reduction, record = train_reduction(m, training_pairs()[0], seed=0)
    about = {"what": f"auto-encoder 32-{m}", "training": record, "seed": 0}
    checkpoints.save(path, reduction, about=about)


def reduced_pairs(how: str, m: int) -> tuple[Tensor, Tensor]:
    """Reduced training states and velocities, float32, ``(n, m)`` each."""
    z, velocity = training_pairs()
    reduction = Reduction(m, nonlinear=how == "autoencoder")
    reduction.load_state_dict(load_reduction(m, how).state_dict())
    reduction.double()
    with torch.no_grad():
        return reduction.encode(z).float(), reduction.push(z, velocity).float()


def job_file(case: str, name: str, seeds: tuple, steps: int, rate: float) -> Path:
    """Where a finished training is kept; its record lies beside it."""
    words = [case, name, f"{steps}steps", f"rate{rate:g}", "seeds", *seeds]
    return WORK / ("_".join(map(str, words)) + ".safetensors")


def train_job(
    how: str, m: int, name: str, seeds: tuple, steps: int, rate: float
) -> dict:
    """Train fields unless that is done, keep them; returns the record."""
    path = job_file(f"{how}{m}", name, seeds, steps, rate)
    if path.with_suffix(".json").exists():
        return json.loads(path.with_suffix(".json").read_text())
    h, velocity = reduced_pairs(how, m)
    fields, record = train_fields(
        name.split("-")[0], h, velocity, seeds=seeds, n_steps=steps, rate=rate
    )
    z = load_components().encode(trajectories("validation"))
    times = snapshot_times()
    whole = (times - times.round()).abs() < 1e-6
    true = load_reduction(m, how).encode(z[:, whole])
    errors, misfits = [], []
    for field in fields:
        h_forecast = forecast(field, true[:, 0], times[whole])
        errors.append(relative_errors(h_forecast, true).mean().item())
        with torch.no_grad():
            missed = (field(0.0, h) - velocity).square().mean()
        misfits.append((missed / velocity.square().mean()).item())
    record |= {"validation_t99": errors, "misfit": misfits}
    tensors = {
        f"{name}/{seed}/{key}": value
        for seed, field in zip(seeds, fields, strict=True)
        for key, value in field.state_dict().items()
    }
    about = {"what": f"{name} field", "training": record, "seed": list(seeds)}
    WORK.mkdir(parents=True, exist_ok=True)
    checkpoints.save(path, tensors, about=about)
    write_atomically(path.with_suffix(".json"), json.dumps(record).encode())
    print(how, m, name, seeds, record, flush=True)
    return record


def chosen_rate(how: str, m: int, name: str) -> tuple[float, list[dict]]:
    """The best of three learning rates on the validation data, and all trials."""
    tried = [
        train_job(how, m, name, (TUNING_SEED,), TRIAL_STEPS, rate) for rate in RATES
    ]
    best = min(range(len(RATES)), key=lambda i: tried[i]["validation_t99"][0])
    return RATES[best], [
        {"kind": "trial", "competitor": name, "how": how, "m": m} | row for row in tried
    ]


def train_case(
    how: str, m: int, names: tuple[str, ...] = ("onsager", "plain", "plain-long")
) -> tuple[dict[str, dict], list[dict]]:
    """Choose and train on one reduction; returns records by name, and trials."""
    tensors, records, trials = {}, {}, []
    for name in names:
        rate, tried = chosen_rate(how, m, name.removesuffix("-long"))
        steps = N_STEPS * (LONG if name.endswith("-long") else 1)
        records[name] = train_job(how, m, name, SEEDS, steps, rate)
        file = job_file(f"{how}{m}", name, SEEDS, steps, rate)
        tensors |= checkpoints.load(file)[0]
        trials += [] if name.endswith("-long") else tried
    if len(names) == 3:
        about = {"what": f"fields on {how}, m = {m}", "seed": list(SEEDS)}
        path = WEIGHTS / f"fields-{how}{m}.safetensors"
        checkpoints.save(path, tensors, about=about | {"training": records})
    return records, trials


def nearest_record(how: str, m: int, used: int = 200) -> dict:
    """Forecasts that follow the training trajectory with the nearest snapshot.

    Snapshots 1 apart, up to t = 15, of the first ``used`` trajectories are searched; a
    trajectory that has ended stays where it is.
    """
    times = snapshot_times()
    whole = (times - times.round()).abs() < 1e-6
    reduction, components = load_reduction(m, how), load_components()
    known = reduction.encode(components.encode(trajectories("train")[:used, whole]))
    shown, z = load_held_out()
    z = z[:, (shown - shown.round()).abs() < 1e-6]
    true = reduction.encode(z)
    distance = torch.cdist(true[:, 0], known[:, :16].flatten(0, 1))
    nearest = distance.argmin(dim=1)
    which, start = nearest // 16, nearest % 16
    last = known.shape[1] - 1
    rows = (start[:, None] + torch.arange(last + 1)).clamp(max=last)
    h = known[which[:, None], rows]
    found = scores(h, true, reduction, z, times[whole])
    return {"kind": "nearest", "how": how, "m": m, "used": used} | found


def reduction_record(how: str, m: int) -> dict:
    """Errors of a reduction on the test data, and how far it is from an isometry."""
    reduction = load_reduction(m, how)
    z = load_components().encode(trajectories("test"))
    dense = round(DENSE / SPACING) + 1
    rows = z[:, :dense].flatten(0, 1)
    stretch = stretches(reduction, rows, torch.Generator().manual_seed(1))
    low, high = stretch.quantile(torch.tensor([0.05, 0.95])).tolist()
    return {
        "kind": "reduction",
        "how": how,
        "m": m,
        "relative_error": relative_error(reduction, z[:, :dense]),
        "stretch_5": low,
        "stretch_95": high,
    }
