"""Train one flow map per system, level and seed; independent jobs, resumable."""

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from lecture_utils import checkpoints
from lecture_utils.nets import MLP, ScaledStep
from lecture_utils.training import fit_least_squares
from reproductions.hits.noisy import fit_windows
from reproductions.hits.problems import PROBLEMS, Problem
from reproductions.hits.protocols import PROTOCOLS, windows
from reproductions.jobs import run_jobs, write_atomically

ROOT = Path(__file__).parents[2]
WORK = ROOT / "_build" / "hits"  # data and single networks, while a run is going on
POOR = 1e-4  # scaled loss above which another initialisation is tried
MAX_ATTEMPTS = 3
WEIGHTS = Path(__file__).parents[1] / "weights" / "hits"  # what is shipped


def train_network(
    problem: Problem, pairs: Tensor, seed: int, n_steps: int | None = None
) -> tuple[ScaledStep, Tensor]:
    """Fit a flow map to pairs ``(n, 2, d)``; returns it with its loss history.

    A long step can end in a poor local minimum: then up to two other initial weights
    are tried, and the best network on the training pairs is kept. With a number of
    steps of its own (data that are not exact end anywhere) there is one attempt.
    """
    x, x_next = pairs.unbind(1)
    attempts = []
    for attempt in range(1 if n_steps else MAX_ATTEMPTS):
        torch.manual_seed(seed + 1000 * attempt)
        dim = x.shape[-1]
        net = MLP(dim, dim, width=problem.width, depth=2).double()
        step = ScaledStep(net, x, x_next)
        history = _fit(step, x, x_next, n_steps or problem.n_steps)
        attempts.append((step, history))
        if history[-1] < POOR:
            break
    return min(attempts, key=lambda attempt: attempt[1][-1].item())


def _fit(step: ScaledStep, x: Tensor, x_next: Tensor, n_steps: int) -> Tensor:
    return fit_least_squares(
        lambda network, x, x_next: (network(x) - x_next) / step.scale,
        step,
        (x, x_next),
        n_steps=n_steps,
    )


def label(name: str, seed: int, key: str) -> str:
    """What the files of one system, seed and protocol are called."""
    return f"{name}-seed{seed}" if key == "accurate" else f"{name}-{key}-seed{seed}"


def windows_file(name: str, seed: int, key: str) -> Path:
    """The training data of all levels of a system, made once per seed and machine."""
    path = WORK / f"{label(name, seed, key)}.windows"
    if not path.exists():
        found = windows(PROBLEMS[name], seed, key)
        tensors = {str(substeps): states for substeps, states in found}
        write_atomically(path, safetensors.torch.save(tensors))
    return path


def network_file(name: str, substeps: int, seed: int, key: str) -> Path:
    """Where a run keeps a network until all of its system are there."""
    return WORK / f"{label(name, seed, key)}-step{substeps}.safetensors"


def train_job(name: str, substeps: int, seed: int, key: str) -> bytes:
    """Train one network, on whatever machine; returns its checkpoint."""
    torch.set_num_threads(1)
    states = safetensors.torch.load_file(windows_file(name, seed, key))[str(substeps)]
    cpu, wall = time.process_time(), time.monotonic()
    protocol, problem = PROTOCOLS[key], PROBLEMS[name]
    problem = replace(problem, width=protocol.width or problem.width)
    method = "Levenberg-Marquardt on one-step errors, scaled"
    chosen = torch.randperm(len(states), generator=torch.Generator().manual_seed(seed))
    few = states[chosen[: problem.n_pairs]] if protocol.noise else states
    step, history = train_network(problem, few[:, :2], seed, protocol.n_steps)
    if protocol.noise and problem.n_noisy_windows:
        method += ", then on windows with unknown starts"
        history = torch.cat([history, fit_windows(step, states)])
    training = {
        "method": method,
        "steps": len(history) - 1,
        "loss": history[-1].item(),
        "pairs": len(states) * (states.shape[1] - 1),
        "width": problem.width,
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "seconds": round(time.monotonic() - wall, 1),
    }
    what = f"{name}, step {substeps} dt, seed {seed}, data: {key}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network"
        about = {"what": what, "training": training, "seed": seed}
        checkpoints.save(path, step, about=about)
        return path.read_bytes()


def train(names: list[str], seeds: list[int], key: str = "accurate") -> None:
    """Train what is missing, in parallel, and put it into the shipped files."""
    levels = PROTOCOLS[key].levels
    wanted = [(n, k, s, key) for s in seeds for n in names for k in levels]
    missing = [
        job
        for job in wanted
        if not network_file(*job).exists()
        and not weights_file(job[0], job[2], key).exists()
    ]
    # On one machine the workers share the data; made here, they are made once.
    if "SCHEDULER" not in os.environ:
        for name, seed in dict.fromkeys((n, s) for n, _, s, _ in missing):
            print(f"data of {name}, seed {seed}, {key}", flush=True)
            windows_file(name, seed, key)
    for job, checkpoint in run_jobs(train_job, missing):
        write_atomically(network_file(*job), checkpoint)
        _, header = checkpoints.load(network_file(*job))
        training = header["about"]["training"]
        print(f"{header['about']['what']}: loss {training['loss']:.0e}", flush=True)
    for seed in seeds:
        for name in names:
            if not weights_file(name, seed, key).exists():
                pack(name, seed, key)


def weights_file(name: str, seed: int, key: str = "accurate") -> Path:
    """The shipped networks of a system, seed and protocol."""
    return WEIGHTS / f"{label(name, seed, key)}.safetensors"


def pack(name: str, seed: int, key: str) -> None:
    """Put the networks of all levels into the one file that is shipped."""
    tensors, trainings = {}, {}
    for substeps in PROTOCOLS[key].levels:
        state, header = checkpoints.load(network_file(name, substeps, seed, key))
        tensors |= {f"{substeps}/{part}": value for part, value in state.items()}
        trainings[str(substeps)] = header["about"]["training"]
    path = weights_file(name, seed, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    what = f"flow maps of {name} for {len(trainings)} time steps"
    about = {"what": what, "training": trainings, "seed": seed, "data": key}
    checkpoints.save(path, tensors, about=about)


def load_flows(
    name: str, seed: int = 0, key: str = "accurate"
) -> tuple[dict[int, ScaledStep], dict]:
    """The shipped flow maps of a system, by number of substeps, and their training.

    Raises:
        FileNotFoundError: If the networks of this seed are not shipped.
    """
    tensors, header = checkpoints.load(weights_file(name, seed, key))
    flows = {}
    for substeps in PROTOCOLS[key].levels:
        prefix = f"{substeps}/"
        state = {
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
        width, dim = state["net.layers.0.weight"].shape
        blank = torch.zeros(2, dim, dtype=torch.float64)
        net = MLP(dim, dim, width=width, depth=2).double()
        flows[substeps] = ScaledStep(net, blank, blank)
        flows[substeps].load_state_dict(state)
        flows[substeps].requires_grad_(False)
    return flows, header["about"]["training"]
