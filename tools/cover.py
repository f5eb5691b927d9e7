"""The figure of the front page: a flow, and the two ways this book walks along it."""

from pathlib import Path

import matplotlib.pyplot as plt
import torch

from lecture_utils.integrators import dop853_step, euler_step, integrate
from lecture_utils.plotting import use_book_style
from lecture_utils.systems import VanDerPol


def draw_cover(path: Path) -> None:
    """Write the figure to ``path`` (png)."""
    field, x0 = VanDerPol(), torch.tensor([0.5, 2.0], dtype=torch.float64)
    fine = torch.linspace(0, 7, 1401, dtype=torch.float64)
    layers = torch.linspace(0, 1.8, 13, dtype=torch.float64)
    orbit = integrate(field, x0, fine, step=dop853_step)
    steps = integrate(field, x0, layers, step=euler_step)

    use_book_style()
    fig = plt.figure(figsize=(7, 3.6), layout="none")
    ax = fig.add_axes((0, 0, 1, 1))
    grid = torch.stack(
        torch.meshgrid(
            torch.linspace(-2.6, 2.9, 20), torch.linspace(-4, 4, 15), indexing="xy"
        )
    )
    velocity = field(0.0, grid.movedim(0, -1))
    arrows = (velocity / velocity.norm(dim=-1, keepdim=True)).movedim(-1, 0)
    ax.quiver(*grid, *arrows, color="0.75", width=0.002, scale=45)
    ax.plot(*orbit.T, color="C0")
    ax.plot(*steps.T, "o-", color="C1", ms=4, lw=1)
    clear = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    ax.text(-1.95, 0.6, "the flow", color="C0", ha="right", bbox=clear)
    note = "a residual network:\none layer, one step"
    ax.text(1.75, 2.55, note, color="C1", bbox=clear)
    ax.set_axis_off()
    fig.savefig(path, dpi=200, metadata={"Software": None})
    plt.close(fig)
