"""How long the two loops under every chapter take, measured on one thread.

``python -m reproductions.speed`` compares `integrate` with ``torchdiffeq.odeint``,
both with a Runge-Kutta step of order 4 on the same grid, and times an iteration of
`fit_least_squares`. ``--small`` does so on small problems, to see that it runs.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor
from torchdiffeq import odeint

from lecture_utils.integrators import integrate
from lecture_utils.nets import MLP
from lecture_utils.training import fit_least_squares
from lecture_utils.types import Time, VectorField


def oscillator(t: Time, x: Tensor) -> Tensor:
    """Harmonic oscillator, ``x'' = -x``."""
    position, velocity = x.unbind(-1)
    return torch.stack([velocity, -position], dim=-1)


def van_der_pol(t: Time, x: Tensor) -> Tensor:
    """Van der Pol oscillator, ``x'' = 2 (1 - x^2) x' - x``."""
    position, velocity = x.unbind(-1)
    force = 2 * (1 - position**2) * velocity - position
    return torch.stack([velocity, force], dim=-1)


def seconds(calls: Sequence[Callable[[], object]], n_repeats: int) -> list[float]:
    """Median seconds of each call; the calls take turns, so they share slow spells."""
    for call in calls:
        call()
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(n_repeats):
        for call, measured in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            measured.append(time.perf_counter() - start)
    return [statistics.median(measured) for measured in times]


def compare_integrators(
    name: str, field: VectorField, *, n_states: int, n_steps: int, n_repeats: int
) -> float:
    """Print and return how many times as fast as torchdiffeq `integrate` is."""
    generator = torch.Generator().manual_seed(0)
    x0 = 4 * torch.rand(n_states, 2, generator=generator) - 2
    times = torch.linspace(0, n_steps / 100, n_steps + 1)

    def ours() -> Tensor:
        return integrate(field, x0, times)

    def theirs() -> Tensor:
        return cast(Tensor, odeint(field, x0, times, method="rk4"))

    gap = (ours() - theirs().movedim(0, -2)).abs().max().item()
    our_seconds, their_seconds = seconds([ours, theirs], n_repeats)
    ratio = their_seconds / our_seconds
    print(
        f"{name}: {n_states} x 2 states, {n_steps} steps, float32: integrate "
        f"{our_seconds:.4f} s, torchdiffeq {their_seconds:.4f} s, "
        f"ratio {ratio:.2f}, largest difference {gap:.0e}"
    )
    return ratio


def time_least_squares(*, width: int, n_samples: int, n_steps: int) -> float:
    """Print and return the seconds of one Levenberg-Marquardt iteration."""
    torch.manual_seed(0)
    model = MLP(2, 2, width=width, depth=2).to(torch.float64)
    x = 4 * torch.rand(n_samples, 2, dtype=torch.float64) - 2
    data = (x, van_der_pol(0.0, x))

    def run(n_steps: int) -> Tensor:
        return fit_least_squares(
            lambda net, x, y: net(x) - y, model, data, n_steps=n_steps, progress=False
        )

    run(1)
    start = time.perf_counter()
    n_taken = max(1, len(run(n_steps)) - 1)
    per_step = (time.perf_counter() - start) / n_taken
    n_parameters = sum(p.numel() for p in model.parameters())
    print(
        f"fit_least_squares: {n_parameters} parameters, {n_samples} samples, "
        f"2 outputs, float64: {per_step:.3f} s per iteration"
    )
    return per_step


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every measurement on one thread and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="small problems only")
    small = parser.parse_args(arguments).small
    sizes = {"n_states": 8, "n_steps": 16} if small else {}
    sizes = sizes or {"n_states": 320, "n_steps": 1024}
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        print(f"Python {platform.python_version()}, torch {torch.__version__}")
        for name, field in (("oscillator", oscillator), ("Van der Pol", van_der_pol)):
            compare_integrators(name, field, **sizes, n_repeats=3 if small else 9)
        time_least_squares(
            width=4 if small else 36, n_samples=30 if small else 3000, n_steps=3
        )
    finally:
        torch.set_num_threads(n_threads)


if __name__ == "__main__":
    main()
