"""The grader of "A law, and what hides in it"."""

from proofs import grader

POTENTIAL = """
def potential(powers, q, p, q_next, p_next, h):
    n, powers = len(powers), {powers}
    gram, right = torch.zeros(n, n), torch.zeros(n)
    for x, y, start, end in zip(q, q_next, p, p_next):
        row = torch.stack([{row} for a in powers])
        gram += torch.outer(row, row)
        right += row * {wanted}
    return {result}
"""
GOOD_POTENTIAL = {"row": "a * (x ** (a - 1) + y ** (a - 1)) / 2"} | {
    "powers": "powers",
    "wanted": "(start - end) / h",
    "result": "torch.linalg.solve(gram, right)",
}
PINV = """
def potential(powers, q, p, q_next, p_next, h):
    def slopes(q):
        return torch.stack([a * q ** (a - 1) for a in powers], dim=1)
    kicks = -(slopes(q) + slopes(q_next)) * h / 2
    return torch.linalg.pinv(kicks) @ (p_next - p)
"""
FRICTION = """
def friction(energies, momenta, inverse_mass, dt):
    lost, spent, ratios = 0.0, 0.0, []
    for E, film in zip(energies, momenta):
        power = [float(p @ {velocity}) for p in film]
        integral = {dt} * {rule}
        loss = {loss}
        lost, spent = lost + float(loss), spent + integral
        ratios.append(float(loss) / integral)
    return {result}
"""
GOOD_FRICTION = {"velocity": "(inverse_mass @ p)", "dt": "dt"} | {
    "rule": "(sum(power) - power[0] / 2 - power[-1] / 2)",
    "loss": "(E[0] - E[-1])",
    "result": "lost / spent",
}
MEANS = """
def friction(energies, momenta, inverse_mass, dt):
    power = ((momenta @ inverse_mass) * momenta).sum(-1)
    ends = power[:, 1:] + power[:, :-1]
    return (-2 * energies.diff(dim=1).sum() / (dt * ends.sum())).item()
"""
STRIDES = """
def three_strides(M1, M2, M4):
    fine, coarse = M2 - M1, M4 - M2
    ratio = ({size_coarse} / {size_fine}).item()
    p = {order}
    gain = {power}
    return p, {estimate}
"""
GOOD_STRIDES = {"order": "math.log(ratio) / math.log(2)", "power": "ratio"} | {
    "size_coarse": "(coarse**2).sum().sqrt()",
    "size_fine": "(fine**2).sum().sqrt()",
    "estimate": "(gain * M1 - M2) / (gain - 1)",
}
BIAS = """
def three_strides(M1, M2, M4):
    p = math.log2(torch.dist(M4, M2) / torch.dist(M2, M1))
    bias = (M2 - M1) / (2**p - 1)  # C h^p
    return [torch.tensor(p), M1 - bias]
"""
DEFECT = """
def no_potential(force, q):
    d = q.shape[-1]
    found = []
    for x in q.reshape(-1, d):
        D = torch.autograd.functional.jacobian(force, x)
        odd = {odd}
        found.append({ratio})
    return torch.stack(found).reshape(q.shape[:-1])
"""
GOOD_DEFECT = {"odd": "D - D.T", "ratio": "odd.norm() / D.norm()"}
DIFFERENCES = """
def no_potential(force, q):
    e = 1e-5
    D = torch.stack([
        (force(q + e * row) - force(q - e * row)) / (2 * e)
        for row in torch.eye(q.shape[-1])
    ], dim=-1)
    return torch.linalg.matrix_norm(D - D.mT) / torch.linalg.matrix_norm(D)
"""
BATCH = """
def no_potential(force, q):
    x = q.reshape(-1, q.shape[-1])
    D = torch.stack([torch.autograd.functional.jacobian(force, row) for row in x])
    return (D - D.mT).norm() / D.norm()
"""
RIGHT = [("q1", PINV), ("q2", MEANS), ("q3", BIAS), ("q4", DIFFERENCES)]
P, F, S, D = (
    ("q1", POTENTIAL, GOOD_POTENTIAL),
    ("q2", FRICTION, GOOD_FRICTION),
    ("q3", STRIDES, GOOD_STRIDES),
    ("q4", DEFECT, GOOD_DEFECT),
)
WRONG = {
    "sign of the kick": (*P, {"wanted": "(end - start) / h"}, "The sign is wrong"),
    "old position": (*P, {"row": "a * x ** (a - 1)"}, "at the old position alone"),
    "new position": (*P, {"row": "a * y ** (a - 1)"}, "at the new position alone"),
    "middle": (*P, {"row": "a * ((x + y) / 2) ** (a - 1)"}, "the other Verlet"),
    "time step missing": (*P, {"wanted": "(start - end)"}, "takes the time h"),
    "half kicks": (*P, {"wanted": "(start - end) / h / 2"}, "a half one"),
    "potential for slope": (*P, {"row": "(x**a + y**a) / 2"}, "not by the potential"),
    "slope coefficients": (
        *P,
        {"row": "(x ** (a - 1) + y ** (a - 1)) / 2"},
        "coefficients of the slope",
    ),
    "positive coefficients": (
        *P,
        {"result": "torch.linalg.solve(gram, right).clamp(min=0)"},
        "two wells",
    ),
    "sorted powers": (*P, {"powers": "sorted(powers)"}, "in which these are given"),
    "powers from the top": (*P, {"powers": "sorted(powers)[::-1]"}, "the largest down"),
    "friction without sign": (*F, {"result": "abs(lost / spent)"}, "no absolute value"),
    "sign of the friction": (*F, {"result": "-lost / spent"}, "The sign is wrong"),
    "no mass": (*F, {"velocity": "p"}, "not p . p"),
    "kinetic energy": (*F, {"velocity": "(inverse_mass @ p) / 2"}, "twice the kinetic"),
    "no dt": (*F, {"dt": "1"}, "needs dt"),
    "left sum": (*F, {"rule": "sum(power[:-1])"}, "left sum"),
    "right sum": (*F, {"rule": "sum(power[1:])"}, "right sum"),
    "all samples": (*F, {"rule": "sum(power)"}, "T - 1 intervals"),
    "mean of ratios": (*F, {"result": "sum(ratios) / len(ratios)"}, "mean of ratios"),
    "falls only": (*F, {"loss": "(E[:-1] - E[1:]).clamp(min=0).sum()"}, "energy rises"),
    "order upside down": (
        *S,
        {"order": "-math.log(ratio) / math.log(2)"},
        "The order has the wrong sign",
    ),
    "order at least one": (
        *S,
        {"order": "max(1.0, math.log2(ratio))", "power": "2**p"},
        "smaller than 1",
    ),
    "natural logarithm": (*S, {"order": "math.log(ratio)"}, "base 2"),
    "order two": (*S, {"power": "4"}, "did not use it"),
    "sign of the estimate": (
        *S,
        {"estimate": "M1 + fine / (gain - 1)"},
        "The sign is wrong",
    ),
    "scaling": (*S, {"estimate": "M1 - fine / gain"}, "not by 2^p."),
    "coarse strides": (
        *S,
        {"estimate": "M2 - coarse / (gain - 1)"},
        "two finest strides",
    ),
    "largest entries": (
        *S,
        {"size_coarse": "coarse.abs().max()", "size_fine": "fine.abs().max()"},
        "squared entries",
    ),
    "sum with the transpose": (*D, {"odd": "D + D.T"}, "The sign is wrong"),
    "halved": (*D, {"odd": "(D - D.T) / 2"}, "do not halve"),
    "not relative": (*D, {"ratio": "odd.norm()"}, "not relative"),
    "relative to the force": (
        *D,
        {"ratio": "odd.norm() / force(x).norm()"},
        "of the f",
    ),
    "largest entry": (*D, {"ratio": "odd.abs().max() / D.abs().max()"}, "Frobenius"),
    "squared": (*D, {"ratio": "odd.square().sum() / D.square().sum()"}, "the square"),
    "one for all": ("q4", BATCH, {}, {}, "One number for each"),
}

TestGrader = grader("hamiltonian_discovery", RIGHT, WRONG)
