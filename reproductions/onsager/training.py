"""Choose a step size each, then train for equal epochs, and for equal seconds."""

import copy
import json
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from lecture_utils import checkpoints
from lecture_utils.integrators import heun_step
from lecture_utils.training import fit, fit_least_squares
from lecture_utils.types import VectorField
from reproductions.jobs import run_jobs, write_atomically
from reproductions.onsager.problems import (
    PROBLEMS,
    SPACING,
    TEST,
    TRAIN,
    VALIDATION,
    build,
    pairs,
)

ROOT = Path(__file__).parents[2]
WORK = ROOT / "_build" / "onsager"  # finished jobs, while a run is going on
WEIGHTS = Path(__file__).parents[1] / "weights" / "onsager"  # what is shipped
SEEDS = (0, 1, 2)
TUNING_SEED = 100
RATES = (0.01, 0.02, 0.04)  # the trials of everybody
BATCH = 200
EPOCHS = {"pendulum": 200, "lorenz": 200}  # of 50 steps; the paper takes 600
TRIAL_EPOCHS = {"pendulum": 25, "lorenz": 50}
LM_SECONDS = {"pendulum": 2.0, "lorenz": 6.0}

# A job: (system, kind, mode, setting, seed). The mode is "epochs", by Adam with a step
# size for so many steps, or "lm" for so many seconds.
Job = tuple[str, str, str, tuple[float, float], int]


def train_networks(jobs: Sequence[Job]) -> list[tuple[nn.Module, dict]]:
    """Train one field, or several that differ only in the seed; fields and records.

    The CPU seconds of several seeds are shared equally.
    """
    name, kind, mode, (rate, amount), _ = jobs[0]
    seeds = [job[4] for job in jobs]
    samples = [velocities(name, seed) for seed in seeds]
    fields = []
    for seed in seeds:
        torch.manual_seed(seed)
        fields.append(build(name, kind))
    start = time.process_time()
    if mode == "lm":
        (field,), (sample,) = fields, samples
        n_steps = _least_squares(field, *sample, amount)
    else:
        n_steps = int(amount)
        _adam(fields, samples, rate, n_steps, seeds)
    spent = (time.process_time() - start) / len(jobs)
    about = {"rate": rate if mode != "lm" else None, "steps": n_steps}
    about["cpu_seconds"] = round(spent, 1)
    return [(field, _record(name, field, about)) for field in fields]


def velocities(name: str, seed: int) -> tuple[Tensor, Tensor]:
    """Where each pair has its middle, and how fast it moves, ``(n, d)`` both.

    The midpoint rule: as accurate as Heun's step and half as dear.
    """
    h, later = pairs(name, TRAIN, torch.Generator().manual_seed(seed))
    return ((h + later) / 2).flatten(0, 1), ((later - h) / SPACING).flatten(0, 1)


def _record(name: str, field: nn.Module, about: dict) -> dict:
    return {
        "rate": about["rate"],
        "parameters": sum(p.numel() for p in field.parameters()),
        "steps": about["steps"],
        "cpu_seconds": about["cpu_seconds"],
        "validation": unseen_error(name, field, 998, VALIDATION),
        "mse": unseen_error(name, field),
    }


@cache
def unseen(name: str, seed: int, n: int = TEST) -> tuple[Tensor, Tensor]:
    """The pairs of ``n`` trajectories that no training saw."""
    return pairs(name, n, torch.Generator().manual_seed(seed))


def unseen_error(
    name: str, field: VectorField, seed: int = 999, n: int = TEST
) -> float:
    """Mean of |(predicted - true) / dt|^2 by one Heun step, on unseen trajectories.

    Settings are chosen on the trajectories of one seed and judged on those of another.
    The squares have a heavy tail, a few trajectories make most of the mean: of 40 of
    them the mean of one and the same field differs up to sevenfold.
    """
    h, later = unseen(name, seed, n)
    with torch.no_grad():
        missed = (heun_step(field, 0.0, h, SPACING) - later) / SPACING
    return PROBLEMS[name].scale ** 2 * missed.square().sum(-1).mean().item()


def errors_of_seeds(
    name: str, kind: str, mode: str, draw: int = 999
) -> tuple[float, float, float]:
    """Test MSE of the shipped seeds, measured anew: smallest, median, largest.

    ``draw`` is the seed of the test trajectories.
    """
    seeds = shipped_seeds(name, kind, mode)
    fields = [load_field(name, kind, mode, seed) for seed in seeds]
    found = sorted(unseen_error(name, field, draw) for field in fields)
    return found[0], found[len(found) // 2], found[-1]


def _adam(
    fields: list[nn.Module],
    samples: list[tuple[Tensor, Tensor]],
    rate: float,
    n_steps: int,
    seeds: list[int],
) -> None:
    """Train the seeds in step, each on its own data: Adam treats them separately."""
    states, _ = stack_module_state(fields)
    parameters = {
        name: value.detach().requires_grad_() for name, value in states.items()
    }
    base = copy.deepcopy(fields[0]).to("meta")
    h, speed = (torch.stack(part) for part in zip(*samples, strict=True))
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    rows = torch.arange(len(seeds))[:, None]

    def velocity(parameters: dict, h: Tensor) -> Tensor:
        return functional_call(base, parameters, (0.0, h))

    def loss() -> Tensor:
        batch = torch.stack(
            [torch.randint(h.shape[1], (BATCH,), generator=g) for g in generators]
        )
        missed = vmap(velocity)(parameters, h[rows, batch]) - speed[rows, batch]
        return missed.square().sum(-1).mean(-1).sum()

    fit(
        loss,
        parameters.values(),
        n_steps=n_steps,
        learning_rate=rate,
        decay=True,
        progress=False,
    )
    for i, field in enumerate(fields):
        field.load_state_dict({name: p[i].detach() for name, p in parameters.items()})


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


def train_group(*jobs: Job) -> list[tuple[bytes, dict]]:
    """Train some fields, on whatever machine; returns checkpoints and records."""
    torch.set_num_threads(1)
    results = []
    for job, (field, record) in zip(jobs, train_networks(jobs), strict=True):
        about = {"what": "_".join(job[:3]), "training": record, "seed": job[4]}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network"
            checkpoints.save(path, field, about=about)
            results.append((path.read_bytes(), record))
    return results


def groups(jobs: Sequence[Job]) -> list[tuple[Job, ...]]:
    """Jobs that share their steps: those by Adam that differ only in the seed."""
    together: dict[tuple, list[Job]] = {}
    for job in jobs:
        together.setdefault(job[:4] if job[2] == "epochs" else job, []).append(job)
    return [tuple(group) for group in together.values()]


def job_file(job: Job) -> Path:
    """Where a run keeps a finished job; its record lies beside it."""
    name, kind, mode, (rate, amount), seed = job
    return WORK / f"{name}_{kind}_{mode}_{rate:g}_{amount:g}_seed{seed}.safetensors"


def run(jobs: list[Job]) -> dict[Job, dict]:
    """Run the jobs that are not finished; returns the record of every one."""
    missing = [job for job in jobs if not job_file(job).with_suffix(".json").exists()]
    for group, results in run_jobs(train_group, groups(missing)):
        for job, (checkpoint, record) in zip(group, results, strict=True):
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


def shipped_seeds(name: str, kind: str, mode: str) -> list[int]:
    """Seeds of which a field of this system, kind and mode is shipped."""
    _, header = checkpoints.load(WEIGHTS / f"{name}.safetensors")
    keys = [key.split("/") for key in header["about"]["training"]]
    return sorted(int(seed) for *about, seed in keys if about == [kind, mode])


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
