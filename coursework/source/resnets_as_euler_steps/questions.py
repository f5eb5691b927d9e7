"""Layers from methods: the questions on the chapter "ResNets as Euler steps"."""

import torch
from torch import Tensor

from coursework.question import Check, Code, Question
from coursework.variants import Draw

FIELDS = {
    "a damped oscillator": "lambda t, x: torch.stack([x[..., 1], "
    "-{a} * x[..., 0] - {b} * x[..., 1]], dim=-1)",
    "a pendulum with friction": "lambda t, x: torch.stack([x[..., 1], "
    "-{a} * torch.sin(x[..., 0]) - {b} * x[..., 1]], dim=-1)",
    "Van der Pol's oscillator": "lambda t, x: torch.stack([x[..., 1], "
    "{b} * (1 - x[..., 0] ** 2) * x[..., 1] - {a} * x[..., 0]], dim=-1)",
}
DRIVEN = (
    "lambda t, x: torch.stack([x[..., 1] * math.cos({w} * t), "
    "-{a} * x[..., 0] + math.sin({w} * t)], dim=-1)"
)


def parameters(draw: Draw) -> dict[str, object]:
    """What differs between cohorts and is visible to students."""
    system = draw.choice("system", sorted(FIELDS))
    a, b = draw.number("a", 0.6, 2.4, 2), draw.number("b", 0.1, 0.5, 2)
    return {
        "system": system,
        "field": Code(FIELDS[system].format(a=a, b=b)),
        "alpha": draw.whole("alpha", 310, 460) / 1000 + draw.choice("band", [0, 0.25]),
        "horizon": draw.number("horizon", 1.5, 3.0, 1),
    }


def _driven(draw: Draw, name: str) -> Code:
    a, w = draw.number(f"{name} a", 0.6, 2.4, 2), draw.number(f"{name} w", 0.8, 2.5, 2)
    return Code(DRIVEN.format(a=a, w=w))


# ---- q1: a family of two-stage layers


def _two_stage(
    field, t, x, h, alpha, *, w1=None, w2=None, c=None, stage_h=1.0, sign=1, out=None
):
    w2 = 1 / (2 * alpha) if w2 is None else w2
    w1 = 1 - w2 if w1 is None else w1
    first = field(t, x)
    middle = t + (alpha if c is None else c) * h
    second = field(middle, x + sign * alpha * stage_h * h * first)
    return x + (h if out is None else out) * (w1 * first + w2 * second)


def two_stage_step(field, t, x, h, alpha) -> Tensor:
    """The right answer to q1."""
    return _two_stage(field, t, x, h, alpha)


def _swapped(field, t, x, h, alpha):
    w2 = 1 / (2 * alpha)
    return _two_stage(field, t, x, h, alpha, w1=w2, w2=1 - w2)


STEP_MISTAKES = {
    "The two weights are swapped: expand both sides to h^2 again.": _swapped,
    "Equal weights are Heun's, and right for alpha = 1 only: the method has order 1.": (
        lambda *a: _two_stage(*a, w1=0.5, w2=0.5)
    ),
    "The second velocity belongs to the time t + alpha h, not to t.": (
        lambda *a: _two_stage(*a, c=0)
    ),
    "The second velocity belongs to the time t + alpha h, not to t + h.": (
        lambda *a: _two_stage(*a, c=1)
    ),
    "The first velocity alone is Euler's method, of order 1.": (
        lambda *a: _two_stage(*a, w1=1, w2=0)
    ),
    "Walk forwards to the second point: look at the sign.": (
        lambda *a: _two_stage(*a, sign=-1)
    ),
    "The whole increment must be multiplied by h.": (
        lambda *a: _two_stage(*a, out=1.0)
    ),
    "The increment is added to x, not subtracted.": (
        lambda f, t, x, h, alpha: 2 * x - _two_stage(f, t, x, h, alpha)
    ),
}


# ---- q2: two depths are better than one


def _euler(field, x, horizon, n_layers, h=None):
    h = horizon / n_layers if h is None else h
    for i in range(n_layers):
        x = x + h * field(i * h, x)
    return x


def extrapolated_output(field, x0, horizon, n_layers) -> list[Tensor]:
    """The right answer to q2."""
    coarse = _euler(field, x0, horizon, n_layers)
    fine = _euler(field, x0, horizon, 2 * n_layers)
    return [2 * fine - coarse, (fine - coarse).norm(dim=-1)]


def _mixed(a: float, b: float):
    def wrong(field, x0, horizon, n_layers):
        coarse = _euler(field, x0, horizon, n_layers)
        fine = _euler(field, x0, horizon, 2 * n_layers)
        best = a * fine + b * coarse
        return [best, (best - fine).norm(dim=-1)]

    return wrong


def _one_layer_off(field, x0, horizon, n_layers):
    coarse = _euler(field, x0, horizon, n_layers - 1, horizon / n_layers)
    fine = _euler(field, x0, horizon, 2 * n_layers - 1, horizon / n_layers / 2)
    return [2 * fine - coarse, (fine - coarse).norm(dim=-1)]


def _twice_as_far(field, x0, horizon, n_layers):
    coarse = _euler(field, x0, horizon, n_layers)
    fine = _euler(field, x0, horizon, 2 * n_layers, horizon / n_layers)
    return [2 * fine - coarse, (fine - coarse).norm(dim=-1)]


def _frozen_time(field, x0, horizon, n_layers):
    return extrapolated_output(lambda t, x: field(0.0, x), x0, horizon, n_layers)


def _norm_over_all(field, x0, horizon, n_layers):
    best, _ = extrapolated_output(field, x0, horizon, n_layers)
    return [best, (best - _euler(field, x0, horizon, 2 * n_layers)).norm()]


DEPTH_MISTAKES = {
    "The roles of the two depths are swapped: look at the signs.": _mixed(-1, 2),
    "The mean of the two halves no error: one must be subtracted.": _mixed(0.5, 0.5),
    "These weights remove an error in h^2, but Euler's starts with h.": _mixed(
        4 / 3, -1 / 3
    ),
    "There is one layer too few in each network.": _one_layer_off,
    "The deep network must keep the horizon: halve its step.": _twice_as_far,
    "Layer i belongs to the time i h: the field may depend on time.": _frozen_time,
    "One estimate for each state: take the norm over the last axis only.": (
        _norm_over_all
    ),
}


# ---- q3: the gradient walks back


def input_gradient(A, b, x0, target, h, n_layers) -> Tensor:
    """The right answer to q3."""
    return _gradient(A, b, x0, target, h, n_layers)


def _gradient(
    A, b, x0, target, h, n_layers, *, skip=1.0, step=None, late=0, transpose=True
):
    states = [x0]
    for _ in range(n_layers):
        states.append(states[-1] + h * torch.tanh(states[-1] @ A.T + b))
    p = states[-1] - target
    for i in reversed(range(n_layers)):
        slope = 1 - torch.tanh(states[i + late] @ A.T + b) ** 2
        back = (slope * p) @ A if transpose else (slope * p) @ A.T
        p = skip * p + (h if step is None else step) * back
    return p


GRADIENT_MISTAKES = {
    "The sign is wrong: the gradient of the loss starts with x_L - y.": (
        lambda *a: -_gradient(*a)
    ),
    "On the way back the matrix is transposed.": (
        lambda *a: _gradient(*a, transpose=False)
    ),
    "The slopes belong to the state that enters a layer, not to the one that leaves.": (
        lambda *a: _gradient(*a, late=1)
    ),
    "The skip is missing: that is the gradient of a plain network's layers.": (
        lambda *a: _gradient(*a, skip=0.0)
    ),
    "The step h is missing on the way back.": lambda *a: _gradient(*a, step=1.0),
    "There is one layer too few.": (
        lambda A, b, x, y, h, n: _gradient(A, b, x, y, h, n - 1)
    ),
    "The loss has the factor 1/2: yours is twice the gradient.": (
        lambda *a: 2 * _gradient(*a)
    ),
}


# ---- q4: choose on one sample, report on another


def readout_accuracy(thresholds, states, labels, new_states, new_labels) -> list[float]:
    """The right answer to q4."""
    best = max(thresholds, key=lambda s: (_accuracy(s, states, labels), -s))
    return [best, _accuracy(best, new_states, new_labels)]


def _accuracy(s, states, labels, above=torch.gt) -> float:
    return (above(states[:, 0], s) == (labels == 1)).double().mean().item()


def _above(above):
    """A readout with another comparison."""

    def wrong(thresholds, states, labels, new_states, new_labels):
        best = max(
            sorted(thresholds), key=lambda s: _accuracy(s, states, labels, above)
        )
        return [best, _accuracy(best, new_states, new_labels, above)]

    return wrong


def _ties(order):
    """The first of the best thresholds in another order."""

    def wrong(thresholds, states, labels, new_states, new_labels):
        best = max(order(thresholds), key=lambda s: _accuracy(s, states, labels))
        return [best, _accuracy(best, new_states, new_labels)]

    return wrong


def _on_the_test(thresholds, states, labels, new_states, new_labels):
    return readout_accuracy(thresholds, new_states, new_labels, new_states, new_labels)


def _reports_training(thresholds, states, labels, new_states, new_labels):
    return readout_accuracy(thresholds, states, labels, states, labels)


def _pooled(thresholds, states, labels, new_states, new_labels):
    both = torch.cat([states, new_states]), torch.cat([labels, new_labels])
    return readout_accuracy(thresholds, *both, new_states, new_labels)


def _as_error(*arguments):
    best, accuracy = readout_accuracy(*arguments)
    return [best, 1 - accuracy]


def _second_component(thresholds, states, labels, new_states, new_labels):
    flipped = states.flip(-1), labels, new_states.flip(-1), new_labels
    return readout_accuracy(thresholds, *flipped)


READOUT_MISTAKES = {
    "Data leak: the threshold was chosen with the new states.": _on_the_test,
    "Data leak: the new states took part in choosing the threshold.": _pooled,
    "That is the accuracy on the sample the threshold was chosen on.": (
        _reports_training
    ),
    "Label 1 means above the threshold, label 0 below.": _above(torch.lt),
    "A state on the threshold has label 0: only x_1 > s means label 1.": (
        _above(torch.ge)
    ),
    "Of thresholds that are as good the smallest wins, wherever it stands in the "
    "list.": _ties(list),
    "Of thresholds that are as good the smallest wins, not the largest.": _ties(
        lambda thresholds: sorted(thresholds, reverse=True)
    ),
    "That is the share of errors, not the accuracy.": _as_error,
    "The threshold acts on the first component.": _second_component,
}


def _sample(draw: Draw, name: str, shift: float) -> tuple[Tensor, Tensor]:
    """States whose first component is a multiple of 1/4, as the thresholds are."""
    states = draw.tensor(f"{name} states", 30, 2, low=-2, high=2)
    states[:, 0] = (4 * states[:, 0]).round() / 4 + 0.0  # no -0.0
    noise = draw.tensor(f"{name} noise", 30, low=-1.2, high=1.2)
    return states, (states[:, 0] + noise > shift).long()


def _readout_case(draw: Draw, name: str) -> tuple:
    """Two samples and thresholds in any order for which all mistakes show."""
    order = torch.randperm(13, generator=draw.generator(f"{name} order")).tolist()
    thresholds = [-1.5 + 0.25 * i for i in order]
    for attempt in range(5000):
        label = f"{name} {attempt}"
        old = _sample(draw, f"{label} old", draw.number(f"{label} s", -0.4, 0.4))
        new = _sample(draw, f"{label} new", draw.number(f"{label} r", -0.9, 0.9))
        case = (thresholds, *old, *new)
        answers = [readout_accuracy(*case)]
        answers += [wrong(*case) for wrong in READOUT_MISTAKES.values()]
        if len({tuple(answer) for answer in answers}) == len(answers):
            return case
    raise RuntimeError("no sample shows every mistake")


def questions(draw: Draw, given: dict) -> list[Question]:
    """The graded questions of one cohort."""

    def states(name: str, *shape: int) -> Tensor:
        return draw.tensor(name, *shape, low=-1.2, high=1.2)

    def network(name: str, *batch: int, d: int = 2, n_layers: int = 6) -> tuple:
        A = draw.tensor(f"{name} A", d, d, low=-1.5, high=1.5)
        b, y = draw.tensor(f"{name} b", d), draw.tensor(f"{name} y", d)
        h = draw.number(f"{name} h", 0.08, 0.3, 3)
        return (A, b, states(f"{name} x", *batch, d), y, h, n_layers)

    field, alpha, horizon = given["field"], given["alpha"], given["horizon"]
    driven = [_driven(draw, f"driven {i}") for i in range(3)]
    h = draw.number("h", 0.1, 0.4)
    t = draw.number("t", 0.3, 1.5)
    other = draw.number("other alpha", 0.3, 0.95)
    layers = draw.whole("layers", 5, 12)
    other_horizon = draw.number("other horizon", 0.8, 1.4, 2)
    return [
        Question(
            "q1",
            "two_stage_step",
            two_stage_step,
            (field, 0.5, states("q1 example", 2), 0.2, alpha),
            (
                Check(
                    "one step of your system",
                    2,
                    ((field, 0.0, states("1a", 2), h, alpha),),
                ),
                Check(
                    "a field that depends on time",
                    2,
                    ((driven[0], t, states("1b", 2), h, alpha),),
                ),
                Check(
                    "another alpha, a batch of states",
                    2,
                    ((driven[1], t, states("1c", 3, 4, 2), h + 0.05, other),),
                ),
            ),
            STEP_MISTAKES,
        ),
        Question(
            "q2",
            "extrapolated_output",
            extrapolated_output,
            (field, states("q2 example", 2), horizon, 4),
            (
                Check(
                    "your system, another depth",
                    2,
                    ((field, states("2a", 2), horizon, layers),),
                ),
                Check(
                    "a field that depends on time, another horizon",
                    2,
                    ((driven[2], states("2b", 2), other_horizon, layers + 1),),
                ),
                Check(
                    "a batch of states",
                    2,
                    ((driven[0], states("2c", 5, 2), horizon, layers),),
                ),
            ),
            DEPTH_MISTAKES,
        ),
        Question(
            "q3",
            "input_gradient",
            input_gradient,
            network("q3 example", n_layers=2),
            (
                Check("another network", 2, (network("3a"),)),
                Check(
                    "many layers, in dimension three",
                    2,
                    (network("3b", d=3, n_layers=15),),
                ),
                Check("a batch of inputs", 2, (network("3c", 4),)),
            ),
            GRADIENT_MISTAKES,
        ),
        Question(
            "q4",
            "readout_accuracy",
            readout_accuracy,
            _readout_case(draw, "q4 example"),
            (
                Check(
                    "other samples",
                    4,
                    tuple(_readout_case(draw, f"4{i}") for i in "abc"),
                ),
            ),
            READOUT_MISTAKES,
        ),
    ]
