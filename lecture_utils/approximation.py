"""Networks and flows that approximate by construction, with no training at all."""

import torch
from torch import Tensor, nn

from lecture_utils.nets import MLP


def relu_interpolant(knots: Tensor, values: Tensor) -> MLP:
    """Network with one hidden ReLU layer that joins the points by straight lines.

    Each unit bends the graph at one knot. For twice differentiable functions and equal
    gaps the error falls like ``width**-2``.

    Args:
        knots: Increasing inputs, shape ``(n + 1,)``.
        values: Wanted outputs there, shape ``(n + 1,)``.

    Returns:
        Network ``(..., 1) -> (..., 1)`` of width ``n``. To the left of the first knot
        it is constant, to the right of the last it goes on straight.

    Raises:
        ValueError: If the knots do not increase, or the shapes differ.
    """
    _check_increasing("knots", knots, values)
    slopes = values.diff() / knots.diff()
    bends = torch.cat([slopes[:1], slopes.diff()])
    net = MLP(1, 1, width=len(bends), depth=1, activation=torch.relu).to(knots)
    with torch.no_grad():
        inner, bias, outer, height = net.parameters()
        inner.fill_(1.0)
        bias.copy_(-knots[:-1])
        outer.copy_(bends[None])
        height.copy_(values[:1])
    return net


class ReluFlow(nn.Module):
    r"""Flow of :math:`\dot x = u(t)\,\max(0, x - c(t))` on the line, solved exactly.

    Stage ``i`` holds everything left of ``centres[i]`` and stretches what lies to the
    right by :math:`e^{t_i}`. A last stage shifts all points, the flow of a constant
    field. Whatever the parameters, the map increases.

    Args:
        centres: Where each stage holds, shape ``(n,)``, in the order of the stages.
        times: Signed durations :math:`t_i`, shape ``(n,)``; negative ones contract.
        shift: Length of the last shift.

    Raises:
        ValueError: If ``centres`` and ``times`` are not vectors of one length.
    """

    def __init__(self, centres: Tensor, times: Tensor, shift: float = 0.0):
        super().__init__()
        if centres.ndim != 1 or centres.shape != times.shape:
            raise ValueError(
                "A stage needs one centre and one time, but the shapes are "
                f"{tuple(centres.shape)} and {tuple(times.shape)}; both should be (n,)."
            )
        self.centres = nn.Parameter(centres.clone())
        self.times = nn.Parameter(times.clone())
        self.shift = nn.Parameter(times.new_tensor(shift))

    def forward(self, x: Tensor) -> Tensor:
        """Where the flow takes points of the line, ``(...) -> (...)``."""
        for centre, time in zip(self.centres, self.times, strict=True):
            x = x + torch.expm1(time) * torch.relu(x - centre)
        return x + self.shift


def flow_interpolant(x: Tensor, y: Tensor) -> ReluFlow:
    """Flow on the line that takes each ``x[i]`` to ``y[i]``; both must increase.

    The stages work from left to right: each holds the points that have arrived, and
    brings the next one to its place.

    Args:
        x: Increasing inputs, shape ``(n + 1,)``.
        y: Increasing targets, shape ``(n + 1,)``.

    Raises:
        ValueError: If ``x`` or ``y`` does not increase, or the shapes differ.
    """
    _check_increasing("x", x, y)
    _check_increasing("y", y, x)
    slopes = torch.cat([x.new_ones(1), y.diff() / x.diff()])
    shift = (y[0] - x[0]).item()
    return ReluFlow(y[:-1] - shift, slopes.log().diff(), shift)


def _check_increasing(name: str, values: Tensor, others: Tensor) -> None:
    if values.ndim != 1 or values.shape != others.shape or len(values) < 2:
        raise ValueError(
            "Both arguments must have one shape (n + 1,) with n >= 1, found "
            f"{tuple(values.shape)} and {tuple(others.shape)}."
        )
    if not (values.diff() > 0).all():
        raise ValueError(
            f"{name} must increase strictly. Sort the points; a flow on the line can "
            "neither swap two points nor merge them."
        )


def carry_plan(
    starts: Tensor, targets: Tensor, *, radius: float, generator: torch.Generator
) -> list[tuple[bool, Tensor]]:
    """Straight moves by which tweezers bring points to their targets, one at a time.

    Open tweezers disturb nobody. Closed ones hold the point at their centre, and must
    keep every other point at least ``radius`` away; detours are tried at random.

    Args:
        starts: Points, shape ``(n, 2)``.
        targets: Where each should be, shape ``(n, 2)``.
        radius: Reach of the tweezers, which start at the origin.
        generator: For the detours.

    Returns:
        List of ``(closed, move)``; ``move`` is a displacement of shape ``(2,)``.

    Raises:
        ValueError: If no free way is found for any of the remaining points.
    """
    points, moves = starts.clone(), []
    position, todo = torch.zeros_like(starts[0]), set(range(len(starts)))

    def distance(i: int) -> float:
        return (points[i] - position).norm().item()

    while todo:
        for i in sorted(todo, key=distance):
            others = torch.cat([points[:i], points[i + 1 :]])
            way = _free_way(others, points[i], targets[i], radius, generator)
            if way is not None:
                break
        else:
            raise ValueError(
                f"{len(todo)} points are left and every way is blocked: other points "
                f"come closer than the radius {radius:g}. Try smaller tweezers."
            )
        moves.append((False, points[i] - position))
        moves += [(True, b - a) for a, b in zip(way[:-1], way[1:], strict=True)]
        points[i] = position = targets[i]
        todo.remove(i)
    return moves


def _free_way(
    others: Tensor, a: Tensor, b: Tensor, radius: float, generator: torch.Generator
) -> list[Tensor] | None:
    """Way from ``a`` to ``b`` with at most one corner that keeps clear of others."""
    way = [a, b]
    for trial in range(1000):
        if all(
            _clearance(others, p, q) > radius
            for p, q in zip(way[:-1], way[1:], strict=True)
        ):
            return way
        aside = torch.randn(2, generator=generator, dtype=a.dtype)
        way = [a, (a + b) / 2 + (0.05 + 0.001 * trial) * aside, b]
    return None


def _clearance(points: Tensor, a: Tensor, b: Tensor) -> float:
    """Smallest distance from ``points``, shape ``(n, 2)``, to the segment a-b."""
    along = b - a
    share = ((points - a) @ along / (along @ along).clamp(min=1e-30)).clamp(0, 1)
    nearest = a + share[:, None] * along
    return (
        (points - nearest).norm(dim=-1).amin().item() if len(points) else float("inf")
    )
