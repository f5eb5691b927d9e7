"""How much a score depends on the test data: other states and other noise.

The tables have one test set, as those of the paper do. Here the shipped networks of
Tables 7 to 9 meet several fresh ones, of states and noise that nothing else uses.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from lecture_utils.hits import HierarchicalStepper
from reproductions.hits.problems import N_STEPS, PROBLEMS, drawn_states, solved
from reproductions.hits.protocols import PROTOCOLS, noise
from reproductions.hits.scoring import (
    RESULTS,
    mean_squared_error,
    provenance,
    read_records,
)
from reproductions.hits.timing import RK_LEVELS, hybrid, networks_on_top, runge_kutta
from reproductions.hits.training import load_flows
from reproductions.jobs import write_atomically

KEYS = ("noise1", "noise2")
DRAWS, N_TRAJECTORIES, FIRST_SEED = 5, 320, 10_000


def _states(name: str, draw: int, n: int) -> tuple[Tensor, torch.Generator]:
    """Accurate trajectories of a fresh draw, and the generator for what follows."""
    problem = PROBLEMS[name]
    generator = torch.Generator().manual_seed(FIRST_SEED + draw)
    x0 = drawn_states(problem, problem.test_region, n, generator)
    return solved(problem, x0), generator


def noisy_draw(name: str, draw: int, n: int = N_TRAJECTORIES) -> Iterator[dict]:
    """Score the hierarchy and the exact flow on one fresh draw, at both noise levels.

    Yields one record for each, with the mean squared errors of whole forecasts against
    the noisy data; ``exact`` is that of the exact flow from the same noisy states, at
    the finest step.
    """
    problem, (clean, generator) = PROBLEMS[name], _states(name, draw, n)
    for key in KEYS:
        data = clean + noise(clean, PROTOCOLS[key].noise, generator)
        ours = noisy_stepper(name, key)(data[:, 0], N_STEPS)
        exact = solved(problem, data[:, 0], 1e-6)
        yield {
            "system": name,
            "noise": PROTOCOLS[key].noise,
            "draw": draw,
            "trajectories": n,
            "mse": mean_squared_error(ours, data),
            "exact": mean_squared_error(exact, data),
        } | provenance()


def noisy_stepper(name: str, key: str) -> HierarchicalStepper:
    """The hierarchy behind the first row of Table 7 or 8."""
    flows, _ = load_flows(name, 0, key)
    (levels,) = (
        record["levels"]
        for record in read_records(key)
        if (record["system"], record["scheme"], record["scored_against"])
        == (name, "multiscale", "data")
        and record["interpolant"] == "spline"
        and record["seed"] == 0
    )
    chosen = {substeps: flows[substeps] for substeps in levels}
    return HierarchicalStepper(chosen, PROBLEMS[name].dt, interpolation="spline")


def hybrid_draw(name: str, draw: int, n: int = N_TRAJECTORIES) -> Iterator[dict]:
    """Score Runge-Kutta alone and the hybrids of Table 9 on one fresh draw.

    Yields one record for each hybrid of the table; ``alone`` is the mean squared error
    of Runge-Kutta with the same step.
    """
    true, _ = _states(name, draw, n)
    x0, networks = true[:, 0].float(), networks_on_top(name)
    table = [r for r in read_records(table="hits_table9") if r["system"] == name]
    for substeps in RK_LEVELS:
        wanted, alone = true[:, ::substeps], runge_kutta(name, substeps)(x0)
        for row in table:
            if row["top"] is None or row["step"] != substeps * PROBLEMS[name].dt:
                continue
            stepper = hybrid(name, networks[row["top"]], row["top"], substeps)
            forecast = stepper(x0, N_STEPS // substeps)
            yield {
                "system": name,
                "scheme": row["scheme"],
                "draw": draw,
                "trajectories": n,
                "mse": mean_squared_error(forecast.double(), wanted),
                "alone": mean_squared_error(alone.double(), wanted),
            } | provenance()


DRAWN: dict[str, Callable[[str, int], Iterator[dict]]] = {
    "hits_noise_draws": noisy_draw,
    "hits_hybrid_draws": hybrid_draw,
}


def read_draws(table: str = "hits_noise_draws") -> list[dict]:
    """The records so far; none if the file is missing."""
    path = _file(table)
    return json.loads(path.read_text()) if path.exists() else []


def measure_draws(names: Sequence[str], n_draws: int = DRAWS) -> None:
    """Measure the draws that are missing; each is written as it is finished."""
    for table, measure in DRAWN.items():
        for name in names:
            done = {r["draw"] for r in read_draws(table) if r["system"] == name}
            for draw in sorted(set(range(n_draws)) - done):
                records = read_draws(table) + list(measure(name, draw))
                rows = ",\n".join(json.dumps(record) for record in records)
                write_atomically(_file(table), f"[\n{rows}\n]\n".encode())
                print(f"{table}, {name}, draw {draw}", flush=True)


def _file(table: str) -> Path:
    return RESULTS / f"{table}.json"
