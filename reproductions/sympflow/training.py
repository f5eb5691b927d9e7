"""Choose by three trials each, then train every competitor for the same seconds."""

import json
import math
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from lecture_utils import checkpoints
from lecture_utils.training import fit, fit_least_squares
from reproductions.jobs import run_jobs, write_atomically
from reproductions.sympflow.networks import Residual, build
from reproductions.sympflow.problems import SYSTEMS, training_states

ROOT = Path(__file__).parents[2]
WORK = ROOT / "_build" / "sympflow"  # finished jobs, while a run is going on
WEIGHTS = Path(__file__).parents[1] / "weights" / "sympflow"  # what is shipped
SECONDS = {"oscillator": 8.0, "henon_heiles": 24.0, "damped": 10.0}  # process time
TRIAL_SECONDS = {"oscillator": 8.0, "henon_heiles": 8.0}
N_SAMPLES = {"oscillator": 600, "henon_heiles": 1500, "damped": 1000}
SEEDS = (0, 1, 2)
TUNING_SEED = 100
DIM = {"oscillator": 2, "henon_heiles": 4, "damped": 4}

# Three trials for each competitor: (size, learning rate or None, matching).
_SYMP = {"oscillator": (3, 12), "henon_heiles": (6, 24)}
_SYMP_LM = {
    "oscillator": [(3, 12), (3, 20), (5, 12)],
    "henon_heiles": [(6, 16), (6, 24), (8, 24)],
}
_PLAIN = {"oscillator": [12, 20, 30], "henon_heiles": [20, 30, 40]}


def trials(name: str, competitor: str) -> list[tuple]:
    """The settings ``(size, learning_rate, matching)`` a competitor may choose from."""
    if name == "damped":
        return [((6, 16), None, 0.0)]
    symp, plain = _SYMP[name], _PLAIN[name]
    return {
        "symplectic-lm": [(size, None, 0.0) for size in _SYMP_LM[name]],
        "symplectic-adam": [(symp, rate, 0.0) for rate in (5e-3, 1e-2, 2e-2)],
        "matched-lm": [(symp, None, weight) for weight in (0.1, 1.0, 10.0)],
        "matched-adam": [(symp, rate, 1.0) for rate in (5e-3, 1e-2, 2e-2)],
        "plain-lm": [((width,), None, 0.0) for width in plain],
        "plain-adam": [((plain[1],), rate, 0.0) for rate in (5e-3, 1e-2, 2e-2)],
        "plain-lm-long": [((plain[1],), None, 0.0)],
    }[competitor]


COMPETITORS = {
    "oscillator": [
        "symplectic-lm",
        "symplectic-adam",
        "matched-lm",
        "matched-adam",
        "plain-lm",
        "plain-adam",
    ],
    "henon_heiles": [
        "symplectic-lm",
        "plain-lm",
        "plain-adam",
        "symplectic-adam",
        "matched-lm",
    ],
}
LONG = 8.0  # how many times as long as the others "plain-lm-long" is trained


def samples(name: str, n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Times in [0, 1] and initial states, shapes ``(n,)`` and ``(n, d)``."""
    generator = torch.Generator().manual_seed(seed)
    x = training_states(name, n, generator)
    return torch.rand(len(x), generator=generator, dtype=torch.float64), x


def train_network(
    name: str, competitor: str, setting: tuple, seed: int, seconds: float
) -> tuple[nn.Module, dict]:
    """Train for so many seconds of process time; returns the network and a record."""
    size, rate, matching = setting
    torch.manual_seed(seed)
    kind = "plain" if competitor.startswith("plain") else "symplectic"
    flow = build(kind, DIM[name], size)
    model = Residual(flow, SYSTEMS[name], matching)
    start = time.process_time()
    if rate is None:
        n_steps = _least_squares(model, samples(name, N_SAMPLES[name], seed), seconds)
    else:
        n_steps = _adam(model, samples(name, 20_000, seed), rate, seconds, seed)
    spent = time.process_time() - start
    with torch.no_grad():  # states that no training has seen
        t, x = samples(name, 2000, 777)
        missed = Residual(flow, SYSTEMS[name])(t, x).square().mean().sqrt()
    return flow, {
        "size": list(size),
        "learning_rate": rate,
        "matching": matching,
        "parameters": sum(p.numel() for p in flow.parameters()),
        "steps": n_steps,
        "cpu_seconds": round(spent, 1),
        "residual": missed.item(),
    }


def _least_squares(model: nn.Module, data: tuple, seconds: float) -> int:
    end, n_steps = time.process_time() + seconds, 0
    while time.process_time() < end:
        history = fit_least_squares(
            lambda net, t, x: net(t, x), model, data, n_steps=10, progress=False
        )
        n_steps += len(history) - 1
        if len(history) < 11:
            break  # no step lowers the loss any more
    return n_steps


def _adam(model: nn.Module, data: tuple, rate: float, seconds: float, seed: int) -> int:
    generator = torch.Generator().manual_seed(seed)
    t, x = data

    def loss() -> torch.Tensor:
        batch = torch.randint(len(t), (256,), generator=generator)
        return model(t[batch], x[batch]).square().mean()

    state = {key: value.clone() for key, value in model.state_dict().items()}
    start = time.process_time()
    fit(loss, model.parameters(), n_steps=50, learning_rate=rate, progress=False)
    per_step = (time.process_time() - start) / 50
    model.load_state_dict(state)
    n_steps = max(50, math.floor(seconds / per_step))
    fit(
        loss,
        model.parameters(),
        n_steps=n_steps,
        learning_rate=rate,
        decay=True,
        progress=False,
    )
    return n_steps


def train_job(
    name: str, competitor: str, setting: tuple, seed: int, seconds: float
) -> tuple[bytes, dict]:
    """Train one network, on whatever machine; returns its checkpoint and record."""
    torch.set_num_threads(1)
    flow, record = train_network(name, competitor, setting, seed, seconds)
    about = {"what": f"{name}, {competitor}", "training": record, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network"
        checkpoints.save(path, flow, about=about)
        return path.read_bytes(), record


def job_file(job: tuple) -> Path:
    """Where a run keeps a finished job; its record lies beside it."""
    name, competitor, (size, rate, matching), seed, _ = job
    words = [name, competitor, *size, rate, matching, f"seed{seed}"]
    return WORK / ("_".join(map(str, words)) + ".safetensors")


def run(jobs: list[tuple]) -> dict[tuple, dict]:
    """Run the jobs that are not finished; returns the record of every one."""
    missing = [job for job in jobs if not job_file(job).with_suffix(".json").exists()]
    for job, (checkpoint, record) in run_jobs(train_job, missing):
        write_atomically(job_file(job), checkpoint)
        write_atomically(
            job_file(job).with_suffix(".json"), json.dumps(record).encode()
        )
        print(job, f"residual {record['residual']:.1e}", flush=True)
    return {
        job: json.loads(job_file(job).with_suffix(".json").read_text()) for job in jobs
    }


def pack(name: str, jobs: list[tuple]) -> None:
    """Put the chosen networks of a system into the one file that is shipped."""
    tensors, trainings = {}, {}
    for job in jobs:
        state, header = checkpoints.load(job_file(job))
        key = f"{job[1]}/{job[3]}"
        tensors |= {f"{key}/{entry}": value for entry, value in state.items()}
        trainings[key] = header["about"]["training"]
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    about = {"what": f"flows of {name}", "training": trainings, "seed": list(SEEDS)}
    checkpoints.save(WEIGHTS / f"{name}.safetensors", tensors, about=about)


def load_network(name: str, competitor: str, seed: int = 0) -> nn.Module:
    """A shipped network, ``flow(t, x)``, its parameters frozen.

    Raises:
        FileNotFoundError: If no networks of this system are shipped.
        KeyError: If there is none of this competitor and seed.
    """
    tensors, header = checkpoints.load(WEIGHTS / f"{name}.safetensors")
    prefix = f"{competitor}/{seed}/"
    size = header["about"]["training"][prefix[:-1]]["size"]
    kind = "plain" if competitor.startswith("plain") else "symplectic"
    flow = build(kind, DIM[name], tuple(size))
    flow.load_state_dict(
        {
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
    )
    return flow.requires_grad_(False)
