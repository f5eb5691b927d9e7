"""How much a score depends on the test data: other states and other noise.

The tables have one test set, as those of the paper do. Here the shipped networks of
Tables 7 and 8 meet several fresh ones, of states and noise that nothing else uses.
"""

import json
from collections.abc import Iterator, Sequence

import torch

from lecture_utils.hits import HierarchicalStepper
from reproductions.hits.problems import N_STEPS, PROBLEMS, drawn_states, solved
from reproductions.hits.protocols import PROTOCOLS, noise
from reproductions.hits.scoring import (
    RESULTS,
    mean_squared_error,
    provenance,
    read_records,
)
from reproductions.hits.training import load_flows
from reproductions.jobs import write_atomically

KEYS = ("noise1", "noise2")
DRAWS, N_TRAJECTORIES, FIRST_SEED = 5, 320, 10_000
FILE = RESULTS / "hits_noise_draws.json"


def noisy_draw(name: str, draw: int, n: int = N_TRAJECTORIES) -> Iterator[dict]:
    """Score the hierarchy and the exact flow on one fresh draw, at both noise levels.

    Yields one record for each, with the mean squared errors of whole forecasts against
    the noisy data; ``exact`` is that of the exact flow from the same noisy states, at
    the finest step.
    """
    problem = PROBLEMS[name]
    generator = torch.Generator().manual_seed(FIRST_SEED + draw)
    x0 = drawn_states(problem, problem.test_region, n, generator)
    clean = solved(problem, x0)
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


def read_draws() -> list[dict]:
    """The records so far; none if the file is missing."""
    return json.loads(FILE.read_text()) if FILE.exists() else []


def measure_draws(names: Sequence[str], n_draws: int = DRAWS) -> None:
    """Measure the draws that are missing; each is written as it is finished."""
    for name in names:
        done = {r["draw"] for r in read_draws() if r["system"] == name}
        for draw in sorted(set(range(n_draws)) - done):
            records = read_draws() + list(noisy_draw(name, draw))
            rows = ",\n".join(json.dumps(record) for record in records)
            write_atomically(FILE, f"[\n{rows}\n]\n".encode())
            print(records[-2:], flush=True)
