"""Train the trial flows that ship with the book; independent jobs, resumable."""

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from lecture_utils import checkpoints
from lecture_utils.pinn import TrialFlow, WithVelocity
from lecture_utils.training import fit_least_squares
from reproductions.jobs import run_jobs, write_atomically
from reproductions.solvers.problems import (
    PROBLEMS,
    blank_flow,
    errors,
    misses,
    sobol_points,
)

HERE = Path(__file__).parents[1]
WEIGHTS = HERE / "weights" / "solvers"
RESULTS = HERE / "results"
METHOD = "Levenberg-Marquardt on the residual at Sobol points"


def train_job(name: str, seed: int) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Train one trial flow; its weights and how it went."""
    torch.set_num_threads(1)
    problem = PROBLEMS[name]
    cpu = time.process_time()
    flow = blank_flow(problem, seed)
    points = sobol_points(problem, problem.n_points, seed)
    history = fit_least_squares(
        misses(problem), WithVelocity(flow), points, n_steps=problem.n_steps
    )
    cpu = time.process_time() - cpu
    found = errors(problem, flow)
    record = {
        "system": name,
        "seed": seed,
        "parameters": sum(p.numel() for p in flow.parameters()),
        "steps": len(history) - 1,
        "rms_residual": history[-1].sqrt().item(),
        "median_error": found.median().item(),
        "largest_error": found.max().item(),
        "cpu_seconds": round(cpu, 1),
    } | provenance()
    return flow.state_dict(), record


def provenance() -> dict[str, str]:
    """Versions, machine and day, for a record."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "machine": f"{platform.machine()} {platform.system()}",
        "date": time.strftime("%Y-%m-%d"),
    }


def weights_file(name: str, seed: int) -> Path:
    """The shipped weights of a system and seed."""
    return WEIGHTS / f"{name}-seed{seed}.safetensors"


def train(names: list[str], seeds: list[int]) -> None:
    """Train what is missing and record it."""
    missing = [(n, s) for s in seeds for n in names if not weights_file(n, s).exists()]
    for (name, seed), (state, record) in run_jobs(train_job, missing):
        replace_records("solvers_flows", [record], keys=("system", "seed"))
        what = f"trial flow of {name} for times up to {PROBLEMS[name].interval}"
        about = {"what": what, "training": record | {"method": METHOD}, "seed": seed}
        WEIGHTS.mkdir(parents=True, exist_ok=True)
        checkpoints.save(weights_file(name, seed), state, about=about)
        print(record, flush=True)


def load_flow(name: str, seed: int = 0) -> TrialFlow:
    """A trial flow as it was trained; its weights do not require gradients.

    Raises:
        FileNotFoundError: If the flow of this seed is not shipped.
    """
    flow = blank_flow(PROBLEMS[name], seed)
    checkpoints.load_into(weights_file(name, seed), flow)
    return flow.requires_grad_(False)


def read_records(name: str) -> list[dict[str, Any]]:
    """What was measured, one dictionary a run; empty if nothing was."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else []


def replace_records(
    name: str, records: list[dict[str, Any]], *, keys: tuple[str, ...]
) -> None:
    """Put records into a results file, in place of those with the same keys."""
    label: Callable[[dict[str, Any]], tuple] = lambda r: tuple(r[k] for k in keys)  # noqa: E731
    kept = {label(r): r for r in read_records(name)} | {label(r): r for r in records}
    lines = ",\n".join(json.dumps(kept[key]) for key in sorted(kept))
    write_atomically(RESULTS / f"{name}.json", f"[\n{lines}\n]\n".encode())
