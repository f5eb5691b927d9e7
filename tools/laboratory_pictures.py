"""Still pictures of the laboratories, for paper and for pages without scripts."""

from pathlib import Path

import matplotlib.pyplot as plt
import torch

from lecture_utils.data import reference_trajectories
from lecture_utils.hits import HierarchicalStepper
from lecture_utils.plotting import use_book_style
from reproductions.hits.problems import PROBLEMS
from reproductions.hits.training import load_flows


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
        steps = ", ".join(f"{k * problem.dt:g}" for k in levels)
        axes[1].semilogy(times[1:], error, lw=1, label=f"steps {steps}")
    axes[1].set(xlabel="time $t$", ylabel="error of the forecast")
    axes[1].legend(fontsize="small")
    fig.savefig(path, metadata={"Software": None})
    plt.close(fig)
