"""Errors of one step, of the energy to T = 1000, and of the symmetry."""

import json
import platform
from datetime import date
from pathlib import Path

import torch
from torch import Tensor, nn

from lecture_utils.hamiltonian import symplecticity_defect
from lecture_utils.integrators import dop853_step, integrate
from reproductions.jobs import write_atomically
from reproductions.sympflow.problems import SYSTEMS, judged_states

RESULTS = Path(__file__).parents[1] / "results" / "sympflow.json"
N_STEPS = 1000  # of length 1


def energy_errors(flow: nn.Module, system, x: Tensor, n_steps: int = N_STEPS) -> Tensor:
    r""":math:`|H(x_k) - H(x_0)| / H(x_0)` after steps of length 1, ``(n, n_steps)``.

    A state that leaves the finite numbers counts as infinitely wrong.
    """
    start, errors = system.energy(x), []
    with torch.no_grad():
        for _ in range(n_steps):
            x = flow(1.0, x)
            errors.append((system.energy(x) - start).abs() / start)
    return torch.stack(errors, dim=-1).nan_to_num(nan=torch.inf)


def drift(errors: Tensor) -> float:
    """Slope of the median error over times 100 to 1000, per unit of time."""
    median = errors[:, 99:].median(dim=0).values
    times = torch.arange(100.0, 101.0 + errors.shape[1] - 100).to(median)
    times = times - times.mean()
    return ((times * median).sum() / times.square().sum()).item()


def score(name: str, flow: nn.Module) -> dict:
    """What the tables of the chapter hold about one network."""
    system = SYSTEMS[name]
    x = judged_states(name, torch.Generator().manual_seed(1))
    times = torch.tensor([0.0, 1.0], dtype=torch.float64)
    truth = integrate(system, x, times, step=dop853_step, n_substeps=20)[:, -1]
    errors = energy_errors(flow, system, x)
    worst = errors.amax(dim=-1)
    return {
        "one_step": (flow(1.0, x) - truth).norm(dim=-1).median().item(),
        "energy": min(worst.median().item(), 1e300),
        "energy_worst": min(worst.max().item(), 1e300),
        "drift": drift(errors.clamp(max=1e100)),
        "defect": symplecticity_defect(lambda x: flow(1.0, x), x).median().item(),
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


def read_records() -> list[dict]:
    """All recorded trials and scores."""
    return json.loads(RESULTS.read_text())
