"""Score the networks as Tables 6 to 8 do: mean squared error of whole forecasts.

Every forecast starts from the initial state of an unseen trajectory and sees nothing
else; the mean is over trajectories, all 5,120 steps and components. Every row of a
table has the same interpolant.
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
from reproductions.hits.problems import LEVELS, N_STEPS, PROBLEMS, solved, trajectories
from reproductions.hits.protocols import PROTOCOLS, measured
from reproductions.hits.training import load_flows
from reproductions.jobs import write_atomically

RESULTS = Path(__file__).parents[1] / "results"
PAPER = Path(__file__).with_name("paper_tables.json")
INTERPOLANTS = {"spline": cubic_spline, "linear": linear}


@cache
def data(name: str, split: str, key: str) -> Tensor:
    """Validation or test trajectories of a protocol, computed once per process."""
    return measured(PROBLEMS[name], split, 0, key)


def targets(name: str, key: str) -> dict[str, Tensor]:
    """What forecasts are compared with: the data and, if they are noisy, the truth."""
    noisy = PROTOCOLS[key].noise > 0
    clean = {"clean": trajectories(PROBLEMS[name], "test")} if noisy else {}
    return {"data": data(name, "test", key)} | clean


def mean_squared_error(states: Tensor, true: Tensor) -> float:
    """Mean over trajectories, steps 1 to 5,120 and components."""
    return (states - true)[:, 1:].square().mean().item()


def table(name: str, seed: int, key: str) -> Iterator[dict]:
    """The rows of one system and seed: multiscale first, then each network alone."""
    flows, trainings = load_flows(name, seed, key)
    protocol, dt = PROTOCOLS[key], PROBLEMS[name].dt
    paper = json.loads(PAPER.read_text())[_table_of_the_paper(key)]
    validation, true = data(name, "validation", key), targets(name, key)

    def records(scheme: str, levels: tuple[int, ...], how: str) -> Iterator[dict]:
        chosen = {substeps: flows[substeps] for substeps in levels}
        stepper = HierarchicalStepper(chosen, dt, interpolation=how)
        start = time.monotonic()
        try:
            forecast = stepper(true["data"][:, 0], N_STEPS)
        except FloatingPointError:
            forecast = torch.full_like(true["data"], torch.nan)  # it diverges
        seconds = round(time.monotonic() - start, 3)
        cpu = round(sum(trainings[str(k)]["cpu_seconds"] for k in levels), 1)
        for against, states in true.items():
            yield _record(name, scheme, how, seed, key, against) | {
                "mse": _number(mean_squared_error(forecast, states)),
                "paper": paper[scheme][name] if against == "data" else None,
                "levels": list(levels),
                "cpu_seconds": cpu,
                "forecast_seconds": seconds,
            }

    first = protocol.interpolants[0]
    selected = select_levels(flows, dt, validation, interpolation=first).stepper
    for how in protocol.interpolants:
        yield from records("multiscale", selected.levels, how)
        for k, substeps in enumerate(LEVELS):
            yield from records(f"NNTS {k}", (substeps,), how)


def floors(name: str, key: str) -> Iterator[dict]:
    """What perfect networks would score, from the same initial states."""
    problem, true = PROBLEMS[name], targets(name, key)
    tolerance = 1e-6 if PROTOCOLS[key].noise else 1e-8
    exact = solved(problem, true["data"][:, 0], tolerance)
    for how in PROTOCOLS[key].interpolants:
        for k, substeps in enumerate(LEVELS):
            states = INTERPOLANTS[how](exact[:, ::substeps], substeps)
            for against, wanted in true.items():
                yield _record(name, f"floor {k}", how, None, key, against) | {
                    "mse": mean_squared_error(states, wanted),
                    "paper": None,
                    "levels": [substeps],
                    "cpu_seconds": 0.0,
                }


def _table_of_the_paper(key: str) -> str:
    return {"hits_table7": "table 7", "hits_table8": "table 8"}.get(
        PROTOCOLS[key].table, "table 6"
    )


def _number(mse: float) -> float | None:
    return mse if math.isfinite(mse) else None


def _record(
    name: str, scheme: str, how: str, seed: int | None, key: str, against: str
) -> dict:
    return {
        "system": name,
        "scheme": scheme,
        "protocol": PROTOCOLS[key].name,
        "interpolant": how,
        "noise": PROTOCOLS[key].noise,
        "scored_against": against,
        "seed": seed,
    } | provenance()


def provenance() -> dict[str, str]:
    """Versions, machine and day, for a record."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": f"{platform.machine()} {platform.system()}",
        "date": time.strftime("%Y-%m-%d"),
    }


def read_records(key: str = "accurate", table: str | None = None) -> list[dict]:
    """The records of a protocol so far; none if its file is missing.

    Args:
        key: One of ``PROTOCOLS``.
        table: Name of another file of results; all of its records are returned.
    """
    protocol = PROTOCOLS[key]
    path = RESULTS / f"{table or protocol.table}.json"
    records = json.loads(path.read_text()) if path.exists() else []
    return [r for r in records if table or r["protocol"] == protocol.name]


def replace_records(new: list[dict], table: str) -> None:
    """Put new records into a file, in place of those of the same system and seed."""

    def belongs(record: dict) -> tuple:
        return tuple(record.get(part) for part in ("system", "seed", "protocol"))

    fresh = {belongs(record) for record in new}
    path = RESULTS / f"{table}.json"
    old = json.loads(path.read_text()) if path.exists() else []
    kept = [record for record in old if belongs(record) not in fresh]
    rows = ",\n".join(json.dumps(record) for record in kept + new)
    write_atomically(path, f"[\n{rows}\n]\n".encode())


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
