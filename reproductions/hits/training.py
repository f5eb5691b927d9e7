"""Train one flow map per system, level and seed; independent jobs, resumable."""

import json
import os
import resource
import sys
import time
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from lecture_utils import checkpoints
from lecture_utils.nets import MLP, ScaledStep
from lecture_utils.training import fit_least_squares
from reproductions.hits.problems import LEVELS, PROBLEMS, Problem, training_pairs

ROOT = Path(__file__).parents[2]
WORK = ROOT / "_build" / "hits"  # pairs and single networks, while a run is going on
WEIGHTS = Path(__file__).parents[1] / "weights" / "hits"  # what is shipped


def train_network(
    problem: Problem, x: Tensor, x_next: Tensor, seed: int
) -> tuple[ScaledStep, Tensor]:
    """Fit a flow map to pairs ``(n, d)``; returns it with its loss history."""
    torch.manual_seed(seed)
    dim = x.shape[-1]
    net = MLP(dim, dim, width=problem.width, depth=2).double()
    step = ScaledStep(net, x, x_next)

    def error(network, x, x_next):
        return (network(x) - x_next) / step.scale

    data = (x, x_next)
    history = fit_least_squares(error, step, data, n_steps=problem.n_steps)
    return step, history


def pairs_file(name: str, seed: int) -> Path:
    """The training pairs of all levels of a system, made once per seed."""
    path = WORK / f"{name}-seed{seed}.pairs"
    if not path.exists():
        tensors = {}
        for substeps, x, x_next in training_pairs(PROBLEMS[name], seed):
            tensors |= {f"{substeps}.x": x, f"{substeps}.x_next": x_next}
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(safetensors.torch.save(tensors))
        os.replace(temporary, path)
    return path


def network_file(name: str, substeps: int, seed: int) -> Path:
    """Where a job leaves its network."""
    return WORK / f"{name}-seed{seed}-step{substeps}.safetensors"


def train_job(name: str, substeps: int, seed: int) -> str:
    """Train and save one network, unless it is there; returns one line about it."""
    path = network_file(name, substeps, seed)
    label = f"{name}, step {substeps} dt, seed {seed}"
    if path.exists():
        return f"{label}: kept"
    torch.set_num_threads(1)
    pairs = safetensors.torch.load_file(pairs_file(name, seed))
    x, x_next = pairs[f"{substeps}.x"], pairs[f"{substeps}.x_next"]
    cpu, wall = _cpu_seconds(), time.monotonic()
    step, history = train_network(PROBLEMS[name], x, x_next, seed)
    training = {
        "method": "Levenberg-Marquardt on one-step errors, scaled",
        "steps": len(history) - 1,
        "loss": history[-1].item(),
        "pairs": len(x),
        "width": PROBLEMS[name].width,
        "cpu_seconds": round(_cpu_seconds() - cpu, 1),
        "seconds": round(time.monotonic() - wall, 1),
    }
    about = {"what": label, "training": training, "seed": seed}
    checkpoints.save(path, step, about=about)
    return f"{label}: loss {history[-1].item():.1e} in {training['seconds']:.0f} s"


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def pack(name: str, seed: int) -> Path:
    """Put the networks of all levels into the one file that is shipped."""
    tensors, trainings = {}, {}
    for substeps in LEVELS:
        state, header = checkpoints.load(network_file(name, substeps, seed))
        tensors |= {f"{substeps}/{key}": value for key, value in state.items()}
        trainings[str(substeps)] = header["training"]
    path = WEIGHTS / f"{name}-seed{seed}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    what = f"flow maps of {name} for {len(LEVELS)} time steps"
    about = {"what": what, "training": trainings, "seed": seed}
    checkpoints.save(path, tensors, about=about)
    return path


def load_flows(name: str, seed: int = 0) -> tuple[dict[int, ScaledStep], dict]:
    """The shipped flow maps of a system by number of substeps, and how each was trained.

    Raises:
        FileNotFoundError: If the networks of this seed are not shipped.
    """
    tensors, header = checkpoints.load(WEIGHTS / f"{name}-seed{seed}.safetensors")
    problem, flows = PROBLEMS[name], {}
    for substeps in LEVELS:
        prefix = f"{substeps}/"
        state = {
            k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)
        }
        dim = len(state["centre"])
        blank = torch.zeros(2, dim, dtype=torch.float64)
        net = MLP(dim, dim, width=problem.width, depth=2).double()
        flows[substeps] = ScaledStep(net, blank, blank)
        flows[substeps].load_state_dict(state)
        flows[substeps].requires_grad_(False)
    return flows, header["training"]


if __name__ == "__main__":  # one job, for a scheduler of one's own
    arguments = json.loads(sys.argv[1])
    print(train_job(*arguments), flush=True)
