"""Score the networks as Table 6 does: mean squared error of whole forecasts.

Every forecast starts from an unseen initial state and sees nothing else; the mean is
over trajectories, all 5,120 steps and components. The truth is accurate to 1e-8 or
better (the paper's is not), and every row of a table has the same interpolant.
"""

import json
import math
import platform
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from lecture_utils.hits import HierarchicalStepper
from lecture_utils.interpolation import cubic_spline, linear
from lecture_utils.level_selection import select_levels
from reproductions.hits.problems import LEVELS, N_STEPS, PROBLEMS, trajectories
from reproductions.hits.training import load_flows
from reproductions.jobs import write_atomically

RESULTS = Path(__file__).parents[1] / "results"
TABLE6 = RESULTS / "hits_table6.json"
INTERPOLANTS = {"spline": cubic_spline, "linear": linear}


@cache
def truth(name: str, split: str) -> Tensor:
    """Accurate validation or test trajectories, computed once per process."""
    return trajectories(PROBLEMS[name], split)


def mean_squared_error(states: Tensor, true: Tensor) -> float:
    """Mean over trajectories, steps 1 to 5,120 and components."""
    return (states - true)[:, 1:].square().mean().item()


def score(stepper: HierarchicalStepper, name: str) -> tuple[float | None, float]:
    """Error on the test trajectories (None if the forecast diverges), and seconds."""
    true, start = truth(name, "test"), time.monotonic()
    try:
        error = mean_squared_error(stepper(true[:, 0], N_STEPS), true)
    except FloatingPointError:
        error = None
    return error, round(time.monotonic() - start, 3)


def table6(name: str, seed: int, paper: dict[str, dict[str, float]]) -> Iterator[dict]:
    """The rows of one system and seed: multiscale first, then each network alone."""
    flows, trainings = load_flows(name, seed)
    dt = PROBLEMS[name].dt

    def record(scheme: str, levels: tuple[int, ...], interpolation: str) -> dict:
        chosen = {substeps: flows[substeps] for substeps in levels}
        stepper = HierarchicalStepper(chosen, dt, interpolation=interpolation)
        mse, seconds = score(stepper, name)
        cpu = sum(trainings[str(k)]["cpu_seconds"] for k in levels)
        return _record(
            name, scheme, interpolation, seed, mse, paper.get(scheme, {}).get(name)
        ) | {
            "levels": list(levels),
            "cpu_seconds": round(cpu, 1),
            "forecast_seconds": seconds,
        }

    validation = truth(name, "validation")
    selected = select_levels(flows, dt, validation, interpolation="spline").stepper
    for interpolation in INTERPOLANTS:
        yield record("multiscale", selected.levels, interpolation)
        for k, substeps in enumerate(LEVELS):
            yield record(f"NNTS {k}", (substeps,), interpolation)


def floors(name: str) -> Iterator[dict]:
    """What a perfect network of each level would score under each interpolant."""
    true = truth(name, "test")
    for interpolation, interpolate in INTERPOLANTS.items():
        for k, substeps in enumerate(LEVELS):
            states = interpolate(true[:, ::substeps], substeps)
            mse = mean_squared_error(states, true)
            yield _record(name, f"floor {k}", interpolation, None, mse, None) | {
                "levels": [substeps],
                "cpu_seconds": 0.0,
            }


def _record(
    name: str,
    scheme: str,
    interpolation: str,
    seed: int | None,
    mse: float | None,
    paper: float | None,
) -> dict:
    return {
        "system": name,
        "scheme": scheme,
        "protocol": "accurate",
        "interpolant": interpolation,
        "noise": 0.0,
        "seed": seed,
        "mse": mse if mse is None or math.isfinite(mse) else None,
        "paper": paper,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": f"{platform.machine()} {platform.system()}",
        "date": time.strftime("%Y-%m-%d"),
    }


def read_records() -> list[dict]:
    """The records of Table 6 so far; none if the file is missing."""
    return json.loads(TABLE6.read_text()) if TABLE6.exists() else []


def replace_records(new: list[dict]) -> None:
    """Put new records into the file, in place of those of the same system and seed."""
    fresh = {(r["system"], r["seed"]) for r in new}
    kept = [r for r in read_records() if (r["system"], r["seed"]) not in fresh]
    rows = ",\n".join(json.dumps(record) for record in kept + new)
    write_atomically(TABLE6, f"[\n{rows}\n]\n".encode())


def load_stepper(name: str, seed: int = 0) -> HierarchicalStepper:
    """The stepper behind the accurate multiscale row of Table 6.

    Args:
        name: hyperbolic, cubic, van_der_pol, hopf or lorenz.
        seed: Of the training.

    Raises:
        ValueError: If there is no such row.
    """
    for record in read_records():
        row = record["system"], record["scheme"], record["interpolant"], record["seed"]
        if row == (name, "multiscale", "spline", seed):
            flows, _ = load_flows(name, seed)
            chosen = {substeps: flows[substeps] for substeps in record["levels"]}
            dt = PROBLEMS[name].dt
            return HierarchicalStepper(chosen, dt, interpolation="spline")
    known = sorted({r["system"] for r in read_records() if r["seed"] == seed})
    raise ValueError(
        f"No multiscale row of {name!r} with seed {seed}; there are {known}."
    )
