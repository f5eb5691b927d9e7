"""Choose a step size each, then train for equal epochs, and for equal seconds."""

import json
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from lecture_utils import checkpoints
from lecture_utils.integrators import heun_step
from lecture_utils.training import fit, fit_least_squares
from reproductions.jobs import run_jobs, write_atomically
from reproductions.onsager.problems import PROBLEMS, SPACING, TEST, TRAIN, build, pairs

ROOT = Path(__file__).parents[2]
WORK = ROOT / "_build" / "onsager"  # finished jobs, while a run is going on
WEIGHTS = Path(__file__).parents[1] / "weights" / "onsager"  # what is shipped
SEEDS = (0, 1, 2)
TUNING_SEED = 100
RATES = (0.01, 0.02, 0.04)  # the trials of everybody
BATCH = 200
EPOCHS = {"pendulum": 80, "lorenz": 50}  # of 50 steps
TRIAL_EPOCHS = {"pendulum": 25, "lorenz": 50}
LM_SECONDS = {"pendulum": 2.0, "lorenz": 6.0}

# A job: (system, kind, mode, setting, seed). The mode is "epochs", by Adam with a step
# size for so many steps, or "lm" for so many seconds.
Job = tuple[str, str, str, tuple[float, float], int]


def train_network(job: Job) -> tuple[nn.Module, dict]:
    """Train one field; returns it and its record."""
    name, kind, mode, (rate, amount), seed = job
    h, later = pairs(name, TRAIN, torch.Generator().manual_seed(seed))
    # the midpoint rule: as accurate as Heun's step and half as dear
    middle, speed = (
        ((h + later) / 2).flatten(0, 1),
        ((later - h) / SPACING).flatten(0, 1),
    )
    torch.manual_seed(seed)
    field = build(name, kind)
    start = time.process_time()
    if mode == "lm":
        n_steps = _least_squares(field, middle, speed, amount)
    else:
        n_steps = int(amount)
        _adam(field, middle, speed, rate, n_steps, seed)
    spent = time.process_time() - start
    return field, {
        "rate": rate if mode != "lm" else None,
        "parameters": sum(p.numel() for p in field.parameters()),
        "steps": n_steps,
        "cpu_seconds": round(spent, 1),
        "validation": unseen_error(name, field, 998),
        "mse": unseen_error(name, field, 999),
    }


def unseen_error(name: str, field: nn.Module, seed: int) -> float:
    """Mean of |(predicted - true) / dt|^2 by one Heun step, on unseen trajectories.

    Settings are chosen on the trajectories of one seed and judged on those of another.
    """
    h, later = pairs(name, TEST, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        missed = (heun_step(field, 0.0, h, SPACING) - later) / SPACING
    return PROBLEMS[name].scale ** 2 * missed.square().sum(-1).mean().item()


def _adam(
    field: nn.Module, h: Tensor, speed: Tensor, rate: float, n_steps: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)

    def loss() -> Tensor:
        batch = torch.randint(len(h), (BATCH,), generator=generator)
        return (field(0.0, h[batch]) - speed[batch]).square().sum(-1).mean()

    fit(
        loss,
        field.parameters(),
        n_steps=n_steps,
        learning_rate=rate,
        decay=True,
        progress=False,
    )


def _least_squares(field: nn.Module, h: Tensor, speed: Tensor, seconds: float) -> int:
    end, n_steps = time.process_time() + seconds, 0
    some = slice(None, None, 5)  # a fifth of the pairs is plenty for so few parameters
    while time.process_time() < end:
        history = fit_least_squares(
            lambda net, h, v: net(0.0, h) - v,
            field,
            (h[some], speed[some]),
            n_steps=5,
            progress=False,
        )
        n_steps += len(history) - 1
        if len(history) < 6:
            break  # no step lowers the loss any more
    return n_steps


def train_job(*job) -> tuple[bytes, dict]:
    """Train one field, on whatever machine; returns its checkpoint and record."""
    torch.set_num_threads(1)
    field, record = train_network(job)
    about = {"what": "_".join(job[:3]), "training": record, "seed": job[4]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network"
        checkpoints.save(path, field, about=about)
        return path.read_bytes(), record


def job_file(job: Job) -> Path:
    """Where a run keeps a finished job; its record lies beside it."""
    name, kind, mode, (rate, amount), seed = job
    return WORK / f"{name}_{kind}_{mode}_{rate:g}_{amount:g}_seed{seed}.safetensors"


def run(jobs: list[Job]) -> dict[Job, dict]:
    """Run the jobs that are not finished; returns the record of every one."""
    missing = [job for job in jobs if not job_file(job).with_suffix(".json").exists()]
    for job, (checkpoint, record) in run_jobs(train_job, missing):
        write_atomically(job_file(job), checkpoint)
        record_file = job_file(job).with_suffix(".json")
        write_atomically(record_file, json.dumps(record).encode())
        print(job, record, flush=True)
    return {
        job: json.loads(job_file(job).with_suffix(".json").read_text()) for job in jobs
    }


def pack(name: str, jobs: list[Job]) -> None:
    """Put the chosen fields of a system into the one file that is shipped."""
    tensors, trainings = {}, {}
    for job in jobs:
        state, header = checkpoints.load(job_file(job))
        key = f"{job[1]}/{job[2]}/{job[4]}"
        tensors |= {f"{key}/{entry}": value for entry, value in state.items()}
        trainings[key] = header["about"]["training"]
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    about = {"what": f"fields of {name}", "training": trainings, "seed": list(SEEDS)}
    checkpoints.save(WEIGHTS / f"{name}.safetensors", tensors, about=about)


def load_field(name: str, kind: str, mode: str = "epochs", seed: int = 0) -> nn.Module:
    """A shipped field, its parameters frozen; it acts on scaled states.

    Raises:
        FileNotFoundError: If no fields of this system are shipped.
        KeyError: If there is none of this kind, mode and seed.
    """
    tensors, header = checkpoints.load(WEIGHTS / f"{name}.safetensors")
    key = f"{kind}/{mode}/{seed}"
    if key not in header["about"]["training"]:
        raise KeyError(
            f"{name} has no {key}, only {sorted(header['about']['training'])}."
        )
    field, prefix = build(name, kind), key + "/"
    field.load_state_dict(
        {
            entry.removeprefix(prefix): value
            for entry, value in tensors.items()
            if entry.startswith(prefix)
        }
    )
    return field.requires_grad_(False)
