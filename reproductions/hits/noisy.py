r"""Flow maps from noisy trajectories: every state of a window is wrong, the first too.

Least squares on pairs takes the first state of a pair for exact, and so fits a map that
is wrong by the order of the variance of its noise: on a limit cycle, a wrong period.
Here the true start of every window is an unknown beside the map (Fuller, "Measurement
Error Models", 1987):

.. math:: \min_{\phi, x_1, ..., x_n} \sum_i \sum_j |\phi^j(x_i) - z_{ij}|^2 .
"""

import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from lecture_utils.training import fit_least_squares

ROUNDS = 6
N_STEPS = 6  # of Levenberg-Marquardt, in each round


def fit_windows(step: nn.Module, windows: Tensor) -> Tensor:
    """Fit a flow map and the true starts of windows ``(n, m + 1, d)``, both at once.

    In each round the starts are improved by two steps of Gauss-Newton; then the map is
    fitted while they follow it: of the errors of a window, what another start could
    explain is projected away (variable projection; Golub and Pereyra, 1973).

    Args:
        step: A flow map, fitted to the pairs of neighbouring states; changed in place.
        windows: States a step apart, of equal relative accuracy in all components.

    Returns:
        The history of the loss, the mean square of what no other start explains.

    Raises:
        ValueError: If the starts leave the data. That is another minimum: a map that
            magnifies without bound, from starts that are all the same.
    """
    scale = windows[:, 0].std(dim=0)

    def errors(net: nn.Module, start: Tensor, window: Tensor) -> Tensor:
        states = [start]
        for _ in range(window.shape[-2] - 1):
            states.append(net(states[-1]))
        return ((torch.stack(states, dim=-2) - window) / scale).flatten(-2)

    def unexplained(
        net: nn.Module, start: Tensor, window: Tensor, directions: Tensor
    ) -> Tensor:
        error = errors(net, start, window)[..., None]
        return (error - directions @ (directions.mT @ error))[..., 0]

    starts, history = windows[:, 0], []
    slopes = vmap(jacrev(lambda x, window: errors(step, x, window)))
    for _ in range(ROUNDS):
        step.requires_grad_(False)
        for _ in range(2):
            directions, triangle = torch.linalg.qr(slopes(starts, windows))
            error = errors(step, starts, windows)[..., None]
            move = torch.linalg.solve(triangle, directions.mT @ error)
            starts = starts - move[..., 0]
        _check_starts((starts - windows[:, 0]) / scale)
        directions, _ = torch.linalg.qr(slopes(starts, windows))
        step.requires_grad_(True)
        data = starts, windows, directions
        history.append(fit_least_squares(unexplained, step, data, n_steps=N_STEPS))
    return torch.cat(history)


def _check_starts(moves: Tensor) -> None:
    """Moves in units of the spread of the starts, ``(n, d)``: noise is a part of it."""
    size = moves.square().mean().sqrt().item()
    if not size < 0.5:
        raise ValueError(
            "The starts of the windows must stay near the data, but moved by "
            f"{size:.2g} of their spread. Fit the map to pairs first."
        )
