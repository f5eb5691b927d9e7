"""Which optimiser, and which collocation points: comparisons at equal cost."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lecture_utils.pinn import TrialFlow, WithVelocity
from lecture_utils.training import fit, fit_least_squares
from reproductions.jobs import run_jobs
from reproductions.solvers.problems import (
    PROBLEMS,
    blank_flow,
    errors,
    misses,
    random_points,
    sobol_points,
)
from reproductions.solvers.training import provenance, read_records, replace_records

BUDGETS = (2.0, 8.0)  # process seconds
FRESH_POINTS = 700  # per step of Adam
Points = tuple[Tensor, Tensor]


def adam(flow: TrialFlow, seed: int, n_steps: int) -> None:
    """Fresh random points in every step, step size falling from 5e-3 to zero."""
    problem, pair = PROBLEMS["oscillator"], WithVelocity(flow)
    generator = torch.Generator().manual_seed(seed)

    def loss() -> Tensor:
        points = random_points(problem, FRESH_POINTS, generator=generator)
        return misses(problem)(pair, *points).square().mean()

    fit(loss, flow.parameters(), n_steps=n_steps, learning_rate=5e-3, decay=True)


def lbfgs(flow: TrialFlow, seed: int, n_steps: int) -> None:
    """Fixed Sobol points, strong Wolfe line search, 50 pairs remembered."""
    problem, pair = PROBLEMS["oscillator"], WithVelocity(flow)
    points = sobol_points(problem, problem.n_points, seed)
    optimizer = torch.optim.LBFGS(
        flow.parameters(),
        max_iter=n_steps,
        history_size=50,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = misses(problem)(pair, *points).square().mean()
        value.backward()
        return value

    optimizer.step(loss)


def levenberg_marquardt(flow: TrialFlow, seed: int, n_steps: int) -> None:
    """The same fixed Sobol points."""
    problem, pair = PROBLEMS["oscillator"], WithVelocity(flow)
    points = sobol_points(problem, problem.n_points, seed)
    fit_least_squares(misses(problem), pair, points, n_steps=n_steps)


METHODS: dict[str, tuple[Callable[[TrialFlow, int, int], None], int]] = {
    "Adam": (adam, 100),  # and how many steps its speed is measured with
    "L-BFGS": (lbfgs, 60),
    "Levenberg-Marquardt": (levenberg_marquardt, 6),
}


def optimiser_job(method: str, budget: float, seed: int) -> dict[str, Any]:
    """As many steps as the budget allows at the speed measured before."""
    torch.set_num_threads(1)
    problem = PROBLEMS["oscillator"]
    train, n_probe = METHODS[method]
    train(blank_flow(problem, seed), seed, 2)  # warm up
    cpu = time.process_time()
    train(blank_flow(problem, seed), seed, n_probe)
    n_steps = int(n_probe * budget / (time.process_time() - cpu))
    flow = blank_flow(problem, seed)
    cpu = time.process_time()
    train(flow, seed, max(1, n_steps))
    cpu = time.process_time() - cpu
    return {
        "method": method,
        "budget": budget,
        "seed": seed,
        "steps": n_steps,
        "cpu_seconds": round(cpu, 2),
        "median_error": errors(problem, flow).median().item(),
    } | provenance()


def compare_optimisers(seeds: list[int]) -> None:
    """Adam, L-BFGS and Levenberg-Marquardt for the oscillator at equal seconds."""
    keys = ("method", "budget", "seed")
    _run(
        "solvers_optimisers",
        optimiser_job,
        [(m, b, s) for s in seeds for m in METHODS for b in BUDGETS],
        keys,
    )


N_COLLOCATION, N_LM = 300, 20  # points, and steps of each of three rounds
SMALL = replace(PROBLEMS["van_der_pol"], width=14)


def collocation_job(kind: str, n_points: int, seed: int) -> dict[str, Any]:
    """Three rounds of training; only the adaptive points differ between rounds."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    flow = blank_flow(SMALL, seed)
    pair = WithVelocity(flow)
    points = random_points(SMALL, n_points, generator=generator)
    if kind == "Sobol":
        points = sobol_points(SMALL, n_points, seed)
    if kind == "adaptive":
        points = (points[0][: n_points // 2], points[1][: n_points // 2])
    for _ in range(3):
        fit_least_squares(misses(SMALL), pair, points, n_steps=N_LM)
        if kind == "adaptive" and len(points[0]) < n_points:
            points = _with_worst(pair, points, n_points // 4, generator)
    found = errors(SMALL, flow)
    return {
        "kind": kind,
        "points": n_points,
        "seed": seed,
        "median_error": found.median().item(),
        "largest_error": found.max().item(),
    } | provenance()


@torch.no_grad()
def _with_worst(
    pair: WithVelocity, points: Points, n: int, generator: torch.Generator
) -> Points:
    """Add ``n`` of many random points, likelier where the residual is large."""
    t, x = random_points(SMALL, 20 * n, generator=generator)
    size = misses(SMALL)(pair, t, x).square().sum(-1)
    chosen = torch.multinomial(size, n, generator=generator)
    return torch.cat([points[0], t[chosen]]), torch.cat([points[1], x[chosen]])


def compare_collocation(seeds: list[int]) -> None:
    """Random, Sobol and residual-adaptive points for Van der Pol's oscillator."""
    kinds, sizes = ("random", "Sobol", "adaptive"), (300, 1200)
    _run(
        "solvers_collocation",
        collocation_job,
        [(k, n, s) for s in seeds for k in kinds for n in sizes],
        ("kind", "points", "seed"),
    )


def _run(
    name: str,
    job: Callable[..., dict[str, Any]],
    jobs: list[tuple],
    keys: tuple[str, ...],
) -> None:
    done = {tuple(record[k] for k in keys) for record in read_records(name)}
    for _, record in run_jobs(job, [j for j in jobs if j not in done]):
        replace_records(name, [record], keys=keys)
        print(record, flush=True)
