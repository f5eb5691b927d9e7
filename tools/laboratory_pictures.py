"""Still pictures of the laboratories, for paper and for pages without scripts."""

from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from lecture_utils.data import reference_trajectories, sample_box
from lecture_utils.flows import flow_map, rollout
from lecture_utils.hits import HierarchicalStepper
from lecture_utils.integrators import euler_step, integrate, rk4_step, verlet_step
from lecture_utils.plotting import scatter_classes, use_book_style
from lecture_utils.systems import ClassificationFlow, HarmonicOscillator
from reproductions.hits.problems import PROBLEMS
from reproductions.hits.training import load_flows
from reproductions.sympflow import load_network


def draw_phase_plane(path: Path) -> None:
    """The networks alone and together, from one state of Van der Pol's oscillator."""
    problem, (flows, _) = PROBLEMS["van_der_pol"], load_flows("van_der_pol")
    x0 = torch.tensor([1.0, 2.0], dtype=torch.float64)
    times = problem.dt * torch.arange(2049, dtype=torch.float64)
    truth = reference_trajectories(problem.field, x0, times, rtol=1e-10).states
    use_book_style()
    fig, axes = plt.subplots(1, 2, figsize=(7.5, 3.4))
    axes[0].plot(*truth.T, "k", lw=1)
    axes[0].plot(*x0, "o", color="k")
    axes[0].set(xlabel="$x$", ylabel="$y$")
    for levels in ((1,), (8, 4, 2), (1024,)):
        stepper = HierarchicalStepper(
            {k: flows[k] for k in levels}, problem.dt, interpolation="spline"
        )
        error = (stepper(x0, 2048) - truth).norm(dim=-1)[1:]
        largest = error.reshape(-1, 16).amax(dim=-1)  # nearby, or one sees only bars
        steps = ", ".join(f"{k * problem.dt:g}" for k in levels)
        axes[1].semilogy(times[8::16], largest, label=f"steps {steps}")
    axes[1].set(xlabel="time $t$", ylabel="largest error nearby", ylim=(1e-7, 1e3))
    axes[1].legend(fontsize="small", loc="upper left")
    fig.savefig(path, metadata={"Software": None})
    plt.close(fig)


# as book/assets/book.css draws them in the light theme
ENERGY_LINES = {
    "Euler": (":", "#6b7280"),
    "RK4": ("--", "#b34700"),
    "Verlet": ("-", "#0072b2"),
    "SympFlow": ("-", "#00795c"),
    "plain network": ("-.", "#8a4b7d"),
}


def largest_in_blocks(values: torch.Tensor, n_blocks: int) -> torch.Tensor:
    """Largest of ``values``, shape ``(n,)``, at 1, 2, ..., n, in blocks of equal log.

    The result has the same shape: each value is replaced by the largest in its block.
    """
    log_place = torch.arange(1, len(values) + 1, dtype=torch.float64).log()
    blocks = (log_place / log_place[-1] * n_blocks).long().clamp(max=n_blocks - 1)
    largest = values.new_zeros(n_blocks).scatter_reduce(0, blocks, values, "amax")
    return largest[blocks]


def draw_energy(path: Path) -> None:
    """Energy errors of five methods with one step size, up to 3,000 steps."""
    system, h = HarmonicOscillator(), 0.5
    flows = {
        "Euler": flow_map(system, h, step=euler_step),
        "RK4": flow_map(system, h, step=rk4_step),
        "Verlet": flow_map(system, h, step=verlet_step),
        "SympFlow": partial(load_network("oscillator", "symplectic-lm"), h),
        "plain network": partial(load_network("oscillator", "plain-lm"), h),
    }
    x0 = torch.tensor([1.0, 0.0], dtype=torch.float64)
    use_book_style()
    fig, ax = plt.subplots(figsize=(6.5, 3.4))
    times = h * torch.arange(1, 3001)
    for name, flow in flows.items():
        states = rollout(flow, x0, 3000)
        error = (system.energy(states) / system.energy(x0) - 1).abs()[1:]
        style, colour = ENERGY_LINES[name]
        largest = largest_in_blocks(error, 160)
        ax.loglog(times, largest, style, color=colour, label=name)
    ax.set(xlabel="time $t$", ylabel="relative energy error", ylim=(1e-6, 10))
    ax.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    fig.savefig(path, metadata={"Software": None})
    plt.close(fig)


def flow_points() -> torch.Tensor:
    """The points that the laboratory of residual networks moves, shape ``(240, 2)``."""
    generator = torch.Generator().manual_seed(0)
    return sample_box(((-1, 1), (-1, 1)), 240, generator=generator)


def draw_residual_flow(path: Path) -> None:
    """Points and a grid after networks of three depths, for the same horizon."""
    field, points, horizon = ClassificationFlow(), flow_points(), 3.0

    def moved(x: torch.Tensor, depth: int) -> torch.Tensor:
        times = torch.linspace(0, horizon, depth + 1, dtype=torch.float64)
        return integrate(field, x, times, step=euler_step)[..., -1, :]

    times = torch.linspace(0, horizon, 301, dtype=torch.float64)
    labels = (integrate(field, points, times)[:, -1, 0] > 0).long()
    fine = torch.linspace(-1, 1, 61, dtype=torch.float64)
    rows = torch.stack(torch.meshgrid(fine[::5], fine, indexing="ij"), dim=-1)
    use_book_style()
    fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.8), sharex=True, sharey=True)
    for ax, depth in zip(axes, (3, 12, 64), strict=True):
        for grid in (rows, rows.flip(-1)):
            ax.plot(*moved(grid, depth).permute(2, 1, 0), color="0.8", lw=0.6)
        scatter_classes(ax, moved(points, depth), labels)
        ax.set(xlabel="$x_1$", title=f"{depth} layers", xlim=(-2, 2))
        ax.set(ylim=(-2.2, 2.2), aspect="equal")
    axes[0].set_ylabel("$x_2$")
    fig.savefig(path, metadata={"Software": None})
    plt.close(fig)
