"""Figures that recur in the book. Each function draws on the axes it is given."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor

CLASS_COLOURS = ("C0", "C1")  # blue and orange: apart for colour-blind readers


def use_book_style() -> None:
    """Draw as in the rest of the book from here on (``book.mplstyle``)."""
    plt.style.use("lecture_utils.book")


def plot_phase_portrait(ax: Axes, trajectory: Tensor, *, label: str) -> Axes:
    """Draw the first two components of a trajectory, shape ``(T, d)``, on ``ax``."""
    x1, x2 = trajectory.detach().cpu()[:, :2].unbind(-1)
    (line,) = ax.plot(x1, x2, label=label)
    ax.plot(x1[0], x2[0], "o", color=line.get_color())  # where it starts
    ax.set_aspect("equal")
    return ax


def scatter_classes(ax: Axes, points: Tensor, labels: Tensor) -> Axes:
    """Draw points ``(n, 2)`` by their labels 0 and 1, ``(n,)``: dots and triangles."""
    points = points.detach().cpu()
    for label, colour, marker in zip((0, 1), CLASS_COLOURS, "o^", strict=True):
        x1, x2 = points[labels.cpu() == label].unbind(-1)
        ax.plot(x1, x2, marker, color=colour, ms=2.5, mew=0, label=f"class {label}")
    return ax


def plot_convergence(
    ax: Axes, sizes: Sequence[float], errors: Mapping[str, Sequence[float]]
) -> Axes:
    """Draw errors against ``sizes``, both logarithmic, each curve named at its end."""
    for (name, values), marker in zip(errors.items(), "os^Dv<>", strict=False):
        (line,) = ax.loglog(sizes, values, marker=marker)
        ax.annotate(
            name,
            (sizes[-1], values[-1]),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=line.get_color(),
        )
    ax.margins(x=0.2)
    return ax
