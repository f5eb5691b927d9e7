"""The grader of "Layers from methods"."""

from proofs import assignment_of, grader

STEP = """
def two_stage_step(field, t, x, h, alpha):
    k1 = field(t, x)
    k2 = field(t + {c} * h, x + {a} * h * k1)
    return x {sign} {h} * (({w1}) * k1 + ({w2}) * k2)
"""
GOOD_STEP = {"c": "alpha", "a": "alpha", "sign": "+", "h": "h"} | {
    "w1": "1 - 1 / (2 * alpha)",
    "w2": "1 / (2 * alpha)",
}
DEPTH = """
def extrapolated_output(field, x0, horizon, n_layers):
    def run(n, h):
        x = x0
        for i in range(n):
            x = x + h * field({t}, x)
        return x
    h = {T} / n_layers
    coarse, fine = run(n_layers - {off}, h), run(2 * n_layers - {off}, h / {half})
    best = {a} * fine + {b} * coarse
    return {result}
"""
GOOD_DEPTH = {"t": "i * h", "off": "0", "half": "2"} | {
    "T": "horizon",
    "a": "2",
    "b": "-1",
    "result": "[best, (best - fine).norm(dim=-1)]",
}
GRADIENT = """
def input_gradient(A, b, x0, target, h, n_layers):
    xs = [x0]
    for _ in range({n}):
        xs.append(xs[-1] + h * torch.tanh(xs[-1] @ A.T + b))
    p = {start}
    for i in reversed(range({n})):
        D = 1 - torch.tanh(xs[i + {late}] @ A.T + b) ** 2
        p = {skip} * p + {h} * (D * p) @ {A}
    return p
"""
GOOD_GRADIENT = {"start": "xs[-1] - target", "late": "0", "skip": "1"} | {
    "n": "n_layers",
    "h": "h",
    "A": "A",
}
READOUT = """
def readout_accuracy(thresholds, states, labels, new_states, new_labels):
    def accuracy(s, x, y):
        return ((x[:, {k}] {op} s).long() == y).double().mean().item()
    scores = [accuracy(s, {chosen_on}) for s in {order}]
    best = {order}[scores.index(max(scores))]
    return best, {sign} accuracy(best, {reported_on})
"""
GOOD_READOUT = {"k": "0", "op": ">", "chosen_on": "states, labels", "sign": ""} | {
    "reported_on": "new_states, new_labels",
    "order": "sorted(thresholds)",
}
AUTOGRAD = """
def input_gradient(A, b, x0, target, h, n_layers):
    start = x0.clone().requires_grad_()
    x = start
    for _ in range(n_layers):
        x = x + h * torch.tanh(x @ A.T + b)
    loss = ((x - target) ** 2).sum() / 2
    return torch.autograd.grad(loss, start)[0]
"""
NUMPY_STEP = """
import numpy as np
def two_stage_step(field, t, x, h, alpha):
    k1 = field(t, x).numpy()
    k2 = field(t + alpha * h, torch.from_numpy(x.numpy() + alpha * h * k1)).numpy()
    return x.numpy() + h * k1 + h / (2 * alpha) * (k2 - k1)
"""
BISECTED = """
import numpy as np
def readout_accuracy(thresholds, states, labels, new_states, new_labels):
    s, x = np.sort(thresholds), states[:, 0].numpy()
    right = (x[:, None] > s) == (labels.numpy() == 1)[:, None]
    best = s[np.argmax(right.sum(axis=0))]
    return [best, np.mean((new_states[:, 0].numpy() > best) == new_labels.numpy())]
"""
HORIZON = str(assignment_of("resnets_as_euler_steps").parameters["horizon"])
RIGHT = [("q1", NUMPY_STEP), ("q3", AUTOGRAD), ("q4", BISECTED)]
WRONG = {
    "sign of the second point": ("q1", STEP, GOOD_STEP, {"a": "-alpha"}, "forwards"),
    "sign of the step": ("q1", STEP, GOOD_STEP, {"sign": "-"}, "not subtracted"),
    "wrong order": ("q1", STEP, GOOD_STEP, {"w1": ".5", "w2": ".5"}, "order 1"),
    "Euler": ("q1", STEP, GOOD_STEP, {"w1": "1", "w2": "0"}, "Euler"),
    "scaling": ("q1", STEP, GOOD_STEP, {"h": "1"}, "multiplied by h"),
    "time of the stage": ("q1", STEP, GOOD_STEP, {"c": "0"}, "not to t."),
    "late time": ("q1", STEP, GOOD_STEP, {"c": "1"}, "not to t + h"),
    "swapped weights": (
        *("q1", STEP, GOOD_STEP),
        {"w1": "1 / (2 * alpha)", "w2": "1 - 1 / (2 * alpha)"},
        "swapped",
    ),
    "swapped depths": ("q2", DEPTH, GOOD_DEPTH, {"a": "-1", "b": "2"}, "signs"),
    "mean of depths": ("q2", DEPTH, GOOD_DEPTH, {"a": ".5", "b": ".5"}, "mean"),
    "order of depths": ("q2", DEPTH, GOOD_DEPTH, {"a": "4/3", "b": "-1/3"}, "h^2"),
    "a layer too few": ("q2", DEPTH, GOOD_DEPTH, {"off": "1"}, "one layer too few"),
    "longer horizon": ("q2", DEPTH, GOOD_DEPTH, {"half": "1"}, "horizon"),
    "frozen time": ("q2", DEPTH, GOOD_DEPTH, {"t": "0 * h"}, "Layer i belongs"),
    "horizon of the class": ("q2", DEPTH, GOOD_DEPTH, {"T": HORIZON}, "not right"),
    "norm of the batch": (
        *("q2", DEPTH, GOOD_DEPTH),
        {"result": "[best, (best - fine).norm()]"},
        "last axis",
    ),
    "one answer of two": ("q2", DEPTH, GOOD_DEPTH, {"result": "best"}, "a list of 2"),
    "sign of the gradient": (
        *("q3", GRADIENT, GOOD_GRADIENT),
        {"start": "target - xs[-1]"},
        "sign",
    ),
    "not transposed": ("q3", GRADIENT, GOOD_GRADIENT, {"A": "A.T"}, "transposed"),
    "state off by one": ("q3", GRADIENT, GOOD_GRADIENT, {"late": "1"}, "enters"),
    "one layer less": (
        "q3",
        GRADIENT,
        GOOD_GRADIENT,
        {"n": "n_layers - 1"},
        "one layer",
    ),
    "no skip": ("q3", GRADIENT, GOOD_GRADIENT, {"skip": "0"}, "skip"),
    "no step": ("q3", GRADIENT, GOOD_GRADIENT, {"h": "1"}, "step h"),
    "factor two": (
        *("q3", GRADIENT, GOOD_GRADIENT),
        {"start": "2 * (xs[-1] - target)"},
        "twice",
    ),
    "data leak": (
        *("q4", READOUT, GOOD_READOUT),
        {"chosen_on": "new_states, new_labels"},
        "leak",
    ),
    "pooled": (
        *("q4", READOUT, GOOD_READOUT),
        {
            "chosen_on": "torch.cat([states, new_states]), "
            "torch.cat([labels, new_labels])"
        },
        "leak",
    ),
    "reports training": (
        *("q4", READOUT, GOOD_READOUT),
        {"reported_on": "states, labels"},
        "chosen on",
    ),
    "sign of the readout": ("q4", READOUT, GOOD_READOUT, {"op": "<"}, "above"),
    "on the threshold": ("q4", READOUT, GOOD_READOUT, {"op": ">="}, "has label 0"),
    "as if sorted": ("q4", READOUT, GOOD_READOUT, {"order": "thresholds"}, "wherever"),
    "largest of the best": (
        *("q4", READOUT, GOOD_READOUT),
        {"order": "sorted(thresholds, reverse=True)"},
        "not the largest",
    ),
    "error": ("q4", READOUT, GOOD_READOUT, {"sign": "1 -"}, "share of errors"),
    "component": ("q4", READOUT, GOOD_READOUT, {"k": "1"}, "first component"),
}

TestGrader = grader("resnets_as_euler_steps", RIGHT, WRONG)
