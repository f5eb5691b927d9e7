"""Tables 5 and 9, and what a state costs: seconds measured on one thread.

All candidates of a comparison take turns in one process, so that they share its slow
spells; the median is recorded. Seconds differ between machines: compare the ratios.
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from lecture_utils.flows import flow_map
from lecture_utils.hits import HierarchicalStepper
from lecture_utils.nets import MLP, FastStep, ScaledStep
from lecture_utils.types import FlowMap
from reproductions.hits.problems import LEVELS, N_STEPS, PROBLEMS
from reproductions.hits.scoring import (
    PAPER,
    data,
    load_stepper,
    mean_squared_error,
    provenance,
)
from reproductions.hits.training import load_flows, weights_file

PAPER_WIDTHS = {
    "hyperbolic": 128,
    "cubic": 256,
    "van_der_pol": 512,
    "hopf": 128,
    "lorenz": 1024,
}
N_REPEATS = 5
TOP = 1024  # substeps of the network at the top of the paper's hybrids
RK_LEVELS = (1, 2, 4, 8, 16)
WITHIN = 2.0  # how much worse than Runge-Kutta alone our hybrids may be


def median_seconds(
    calls: Mapping[str, Callable[[], object]], n_repeats: int = N_REPEATS
) -> dict[str, float]:
    """Median seconds of each call, after one that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(n_repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if repeat:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(measured) for name, measured in times.items()}


def float32(flows: Mapping[int, ScaledStep]) -> dict[int, nn.Module]:
    """The same flow maps, made fast, in single precision as the paper's are."""
    return {substeps: FastStep(flow).float() for substeps, flow in flows.items()}


def networks_of_the_paper(name: str, levels: tuple[int, ...]) -> dict[int, FlowMap]:
    """Residual steps of the published sizes, three layers of ReLU, random weights."""
    dim, width = PROBLEMS[name].field.dim, PAPER_WIDTHS[name]

    def step() -> FlowMap:
        net = MLP(dim, dim, width=width, depth=3, activation=nn.ReLU())
        with torch.no_grad():
            list(net.parameters())[-2].mul_(1e-3)  # random steps must not run away
        return lambda x: x + net(x)

    torch.manual_seed(0)
    return {substeps: step() for substeps in levels}


def table5(name: str) -> list[dict]:
    """Seconds per forecast of all test trajectories, single precision."""
    paper = json.loads(PAPER.read_text())["table 5"]
    dt, true = PROBLEMS[name].dt, data(name, "test", "accurate")
    x0 = true[:, 0].float()
    flows = float32(load_flows(name)[0])
    selected = load_stepper(name).levels
    steppers = {f"NNTS {k}": _stepper(flows, (n,), dt) for k, n in enumerate(LEVELS)}
    steppers["multiscale"] = _stepper(flows, selected, dt)
    rivals = networks_of_the_paper(name, selected)
    steppers["multiscale, networks of the paper's size"] = _stepper(
        rivals, selected, dt
    )
    calls = {scheme: _forecast(stepper, x0) for scheme, stepper in steppers.items()}
    seconds = median_seconds(calls, 3)
    records = []
    for scheme, stepper in steppers.items():
        random_weights = scheme not in paper
        error = None if random_weights else mean_squared_error(calls[scheme](), true)
        records.append(
            {"system": name, "scheme": scheme, "protocol": "accurate", "seed": 0}
            | {"levels": list(stepper.levels), "seconds": round(seconds[scheme], 5)}
            | {"mse_float32": error, "paper_seconds": paper.get(scheme, {}).get(name)}
            | {"trajectories": len(x0), "threads": 1, "dtype": "float32"}
            | provenance()
        )
    return records


def _stepper(
    flows: Mapping[int, FlowMap], levels: tuple[int, ...], dt: float
) -> HierarchicalStepper:
    chosen = {substeps: flows[substeps] for substeps in levels}
    return HierarchicalStepper(chosen, dt, interpolation="spline")


def _forecast(stepper: HierarchicalStepper, x0: Tensor) -> Callable[[], Tensor]:
    return partial(stepper, x0, N_STEPS)


def networks_on_top(name: str) -> dict[int, nn.Module]:
    """The networks for hybrids, two of them trained for longer, in single precision."""
    flows = load_flows(name)[0]
    if weights_file(name, 0, "hybrid").exists():
        flows |= load_flows(name, key="hybrid")[0]
    return float32(flows)


def hybrid(name: str, network: FlowMap, top: int, substeps: int) -> HierarchicalStepper:
    """Runge-Kutta steps of ``substeps * dt`` below a network with ``top`` of ``dt``."""
    problem = PROBLEMS[name]
    h = substeps * problem.dt
    return HierarchicalStepper(
        {top // substeps: network, 1: flow_map(problem.field, h)}, h
    )


def runge_kutta(name: str, substeps: int) -> Callable[[Tensor], Tensor]:
    """The loop of steps of ``substeps * dt`` until the end, nothing else."""
    problem = PROBLEMS[name]
    step = flow_map(problem.field, substeps * problem.dt)

    def states(x0: Tensor) -> Tensor:
        states = [x0]
        with torch.inference_mode():
            for _ in range(N_STEPS // substeps):
                states.append(step(states[-1]))
        return torch.stack(states, dim=1)

    return states


def table9(name: str) -> list[dict]:
    """Runge-Kutta alone, the paper's hybrid, and ours with a shorter step on top.

    Errors are over the states on the grid of the Runge-Kutta step. Ours takes the
    step on top that makes the chain of calls shortest, of those that cost at most
    `WITHIN` times the error of Runge-Kutta alone on validation data.
    """
    paper = json.loads(PAPER.read_text())["table 9"]
    better = networks_on_top(name)
    true = data(name, "test", "accurate")
    x0 = true[:, 0].float()
    records = []
    for k, substeps in enumerate(RK_LEVELS):
        loop = runge_kutta(name, substeps)
        calls: dict[str, Callable[[], Tensor]] = {f"RK {k}": partial(loop, x0)}
        own = own_top(name, better, substeps)
        tops = {f"Hybrid {k}": TOP, f"Hybrid {k}, own top": own}
        for scheme, top in tops.items():
            if top is not None:
                stepper = hybrid(name, better[top], top, substeps)
                calls[scheme] = partial(stepper, x0, N_STEPS // substeps)
        seconds = median_seconds(calls)
        for scheme, call in calls.items():
            error = mean_squared_error(call().double(), true[:, ::substeps])
            records.append(
                {"system": name, "scheme": scheme, "protocol": "accurate", "seed": 0}
                | {"step": substeps * PROBLEMS[name].dt, "top": tops.get(scheme)}
                | {"seconds": round(seconds[scheme], 5), "mse": error}
                | {
                    "times_faster_than_rk": round(
                        seconds[f"RK {k}"] / seconds[scheme], 3
                    )
                }
                | {"paper_seconds": paper.get(scheme, {}).get(name)}
                | {"trajectories": len(x0), "threads": 1, "dtype": "float32"}
                | provenance()
            )
    return records


def own_top(
    name: str,
    flows: Mapping[int, FlowMap],
    substeps: int,
    *,
    within: float = WITHIN,
) -> int | None:
    """The step on top with the shortest chain of calls, of those accurate enough.

    None if there is none.
    """
    true = data(name, "validation", "accurate")
    x0, wanted = true[:, 0].float(), true[:, ::substeps]
    limit = within * mean_squared_error(
        runge_kutta(name, substeps)(x0).double(), wanted
    )
    n_steps, chains = N_STEPS // substeps, {}
    for top in (n for n in LEVELS if n > substeps):
        stepper = hybrid(name, flows[top], top, substeps)
        try:
            error = mean_squared_error(stepper(x0, n_steps).double(), wanted)
        except FloatingPointError:
            continue
        if error <= limit:
            chains[top] = stepper.calls(n_steps)
    return min(chains, key=chains.__getitem__, default=None)


def inference() -> list[dict]:
    """Nanoseconds per state and network, in one batch and in chunks, two threads.

    The share is that of the rate of large matrix products measured in the same run. The
    steps are those of `FastStep`, and for comparison the same with tanh.
    """
    records = []
    torch.set_num_threads(2)
    try:
        a = torch.rand(2048, 2048)
        seconds = median_seconds({"product": lambda: a @ a})["product"]
        rate = 2 * len(a) ** 3 / seconds
        for width in (36, 48, 128):
            records += _inference_of(width, rate)
    finally:
        torch.set_num_threads(1)
    return records


def _inference_of(width: int, rate: float) -> list[dict]:
    torch.manual_seed(0)
    net, x = MLP(2, 2, width=width, depth=2), torch.rand(320_000, 2)
    flops = 2 * sum(p.numel() for p in net.parameters() if p.ndim == 2)
    step = ScaledStep(net, x, 1.1 * x)
    steppers = {
        "chunks of 3000": (FastStep(step), 3000),
        "one batch": (FastStep(step), len(x)),
        "chunks of 3000, tanh": (step, 3000),
        "one batch, tanh": (step, len(x)),
    }
    calls = {
        how: partial(_steps, flow, chunk, x) for how, (flow, chunk) in steppers.items()
    }
    seconds = median_seconds(calls)
    return [
        {"width": width, "how": how, "threads": 2, "dtype": "float32"}
        | {"nanoseconds_per_state": round(1e9 * taken / len(x), 1)}
        | {"share_of_product_rate": round(flops * len(x) / taken / rate, 4)}
        | {"product_rate_gflops": round(rate / 1e9, 1)}
        | provenance()
        for how, taken in seconds.items()
    ]


def _steps(flow: FlowMap, chunk: int, x: Tensor) -> list[Tensor]:
    with torch.inference_mode():
        return [flow(part) for part in x.split(chunk)]
