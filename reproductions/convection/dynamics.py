r"""Reduced dynamics :math:`\dot h = f(h)`: with Onsager's structure, and without."""

import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from lecture_utils.onsager import OnsagerField, PlainField
from lecture_utils.training import fit
from reproductions.onsager.problems import ProductField

BATCH = 500
# Widths with about equally many parameters, (OnsagerField, PlainField) for each m. The
# ProductField has the same layers as OnsagerField.
WIDTHS = {3: (40, 23), 5: (32, 30), 7: (24, 34)}


def build(kind: str, m: int) -> nn.Module:
    """An untrained ``"onsager"``, ``"product"`` or ``"plain"`` field, m coordinates.

    Raises:
        ValueError: If there is no such kind, or no width for m.
    """
    if kind not in ("onsager", "product", "plain") or m not in WIDTHS:
        raise ValueError(
            "kind must be 'onsager', 'product' or 'plain' and m one of "
            f"{list(WIDTHS)}, got {kind!r} and {m!r}."
        )
    ours, theirs = WIDTHS[m]
    if kind == "onsager":
        return OnsagerField(m, width=ours, drive=nn.Linear(m, m))
    if kind == "product":
        return ProductField(m, width=ours, drive=nn.Linear(m, m))
    return PlainField(m, width=theirs, depth=2)


class Members(nn.Module):
    """Fields of one architecture side by side, ``(S, n, m) -> (S, n, m)``."""

    def __init__(self, fields: Sequence[nn.Module]):
        super().__init__()
        self.skeleton = [fields[0]]  # hidden from the list of parameters
        parameters, _ = stack_module_state(list(fields))
        self.names = list(parameters)
        self.values = nn.ParameterList(parameters.values())

    def forward(self, h: Tensor) -> Tensor:
        def one(values: dict[str, Tensor], h: Tensor) -> Tensor:
            return functional_call(self.skeleton[0], values, (0.0, h))

        values = dict(zip(self.names, self.values, strict=True))
        return vmap(one)(values, h)

    def states(self) -> list[dict[str, Tensor]]:
        """The state dict of each member."""
        return [
            {n: v[i].detach() for n, v in zip(self.names, self.values, strict=True)}
            for i in range(len(self.values[0]))
        ]


def train_fields(
    kind: str,
    h: Tensor,
    velocity: Tensor,
    *,
    seeds: Sequence[int],
    n_steps: int,
    rate: float,
) -> tuple[list[nn.Module], dict]:
    """Fit velocities with Adam, one field for each seed, all at once.

    Args:
        kind: As in `build`.
        h: Reduced states, ``(n, m)``.
        velocity: Their exact velocities, ``(n, m)``.
        seeds: Of the initial parameters; batches are drawn with the first one.
        n_steps: Steps of Adam, with ``BATCH`` states each.
        rate: Learning rate at the start; it falls to zero.

    Returns:
        The fields, and the record: CPU seconds per field, steps, epochs, parameters.
    """
    fields = []
    for seed in seeds:
        torch.manual_seed(seed)
        fields.append(build(kind, h.shape[-1]))
    members = Members(fields)
    generator = torch.Generator().manual_seed(seeds[0])
    unit = velocity.square().mean()

    def loss() -> Tensor:
        rows = torch.randint(len(h), (len(seeds), BATCH), generator=generator)
        return (members(h[rows]) - velocity[rows]).square().mean() * len(seeds) / unit

    start = time.process_time()
    fit(loss, members.parameters(), n_steps=n_steps, learning_rate=rate, decay=True)
    seconds = (time.process_time() - start) / len(seeds)
    for field, state in zip(fields, members.states(), strict=True):
        field.load_state_dict(state)
        field.requires_grad_(False)
    return fields, {
        "steps": n_steps,
        "epochs": round(n_steps * BATCH / len(h), 2),
        "rate": rate,
        "cpu_seconds": round(seconds, 2),
        "parameters": sum(p.numel() for p in fields[0].parameters()),
    }
