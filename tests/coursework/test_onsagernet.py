"""The grader of "What the second law leaves open"."""

from proofs import grader

LAW = """
def fit_law(slopes, velocities):
    n, d = slopes.shape
    u, f = {u}, {f}
    gram, cross = torch.zeros(d, d), torch.zeros(d, d)
    for slope, velocity in zip(u, f):
        gram += torch.outer(slope, slope)
        cross += torch.outer(velocity, slope)
    S = -{S}
    M, W = {M}, {W}
    g = (velocities + slopes @ S.T).mean(0)
    return [{result}]
"""
GOOD_LAW = {"u": "slopes - slopes.mean(0)", "f": "velocities - velocities.mean(0)"} | {
    "S": "torch.linalg.solve(gram, cross.T).T",
    "M": "(S + S.T) / 2",
    "W": "(S - S.T) / 2",
    "result": "M, W, g",
}
ROWS = """
def fit_law(slopes, velocities):
    columns = torch.cat([torch.ones_like(slopes[:, :1]), slopes], dim=1)
    table = torch.linalg.pinv(columns) @ velocities
    S = -table[1:].mT
    return 0.5 * (S + S.mT), 0.5 * (S - S.mT), table[0]
"""
REDUCED = """
def reduced_law(M, W, k):
    physics = torch.linalg.inv(M + W)
    left = torch.linalg.inv(physics[:, :{k}, :{k}])
    return {result}
"""
GOOD_REDUCED = {"k": "k"} | {"result": "(left + left.mT) / 2, (left - left.mT) / 2"}
ELIMINATED = """
def reduced_law(M, W, k):
    found = []
    for A in M + W:
        A = A.clone(){start}
        for i in reversed(range(k, len(A))):  # one coordinate after the other
            A = A[:i, :i] - torch.outer(A[:i, i], {row}) / A[i, i]
        found.append(A{end})
    A = torch.stack(found)
    return [A / 2 + A.mT / 2, A / 2 - A.mT / 2]
"""
GOOD_ELIMINATED = {"start": "", "row": "A[i, :i]", "end": ""}
SEPARATE = """
def reduced_law(M, W, k):
    through = M[:, :k, k:] @ torch.linalg.inv(M[:, k:, k:]) @ M[:, k:, :k]
    return [M[:, :k, :k] - through, W[:, :k, :k]]
"""
ADDED = """
def reduced_law(M, W, k):
    A = M + W
    through = A[:, :k, k:] @ torch.linalg.inv(A[:, k:, k:]) @ A[:, k:, :k]
    A = A[:, :k, :k] + through
    return [(A + A.mT) / 2, (A - A.mT) / 2]
"""
CROSSED = """
def reduced_law(M, W, k):
    return [M[:, :k, :k], W[:, :k, :k]]
"""
STEP = """
def lawful_step(potential, slope, A, dt, x):
    y = x {sign} dt * slope(x) @ {A}
    for _ in range({sweeps}):
        u = {slope}
        move = y - x
        missing = potential(y) - potential(x) - (u * move).sum(-1)
        size = {size}
        u = u + {share} * move
        y = x {sign} dt * u @ {A}
    return y
"""
GOOD_STEP = {"sign": "-", "A": "A.T", "sweeps": "50", "slope": "slope((x + y) / 2)"} | {
    "size": "(move * move).sum(-1)",
    "share": "(missing / size)[:, None]",
}
NEWTON = """
def lawful_step(potential, slope, A, dt, x):
    found = []
    for start in x:
        def miss(y):
            move, middle = y - start, slope((start + y) / 2)
            missing = potential(y) - potential(start) - middle @ move
            return move + dt * A @ (middle + missing / (move @ move) * move)
        y = start - dt * A @ slope(start)
        for _ in range(8):
            jacobian = torch.autograd.functional.jacobian(miss, y)
            y = y - torch.linalg.solve(jacobian, miss(y))
        found.append(y)
    return torch.stack(found)
"""
BATCH = {"size": "(move * move).sum()", "share": "missing.sum() / size"}
DRIVE = """
def least_drive(velocities, slopes):
    found = []
    for candidate in slopes:
        g2, f2, ratios, often = 0.0, 0.0, [], 0
        for f, u in zip(velocities, candidate):
            climb = {climb}
            if {needed}:
                g = {drive}
                often += 1
            else:
                g = torch.zeros_like(f)
            g2, f2 = g2 + float(g @ g), f2 + float({below} @ {below})
            ratios.append(float(g.norm() / f.norm()))
        found.append({result})
    return torch.tensor(found)
"""
GOOD_DRIVE = {"climb": "f @ u", "needed": "climb > 0", "below": "f"} | {
    "drive": "climb / (u @ u) * u",
    "result": "(g2 / f2) ** 0.5",
}
ANGLES = """
def least_drive(velocities, slopes):
    cosine = torch.cosine_similarity(velocities[None], slopes, dim=-1)
    speed = velocities.norm(dim=-1)
    return (torch.relu(cosine) * speed).pow(2).sum(1).sqrt() / speed.pow(2).sum().sqrt()
"""
LENGTHS = """
def least_drive(velocities, slopes):
    drive = torch.relu((velocities * slopes).sum(-1)) / slopes.norm(dim=-1)
    return drive.sum(-1) / velocities.norm(dim=-1).sum()
"""
RIGHT = [("q1", ROWS), ("q3", NEWTON), ("q4", ANGLES)]
L, R, E, S, D = (
    ("q1", LAW, GOOD_LAW),
    ("q2", REDUCED, GOOD_REDUCED),
    ("q2", ELIMINATED, GOOD_ELIMINATED),
    ("q3", STEP, GOOD_STEP),
    ("q4", DRIVE, GOOD_DRIVE),
)
WRONG = {
    "uphill law": (*L, {"result": "-M, -W, g"}, "The sign is wrong"),
    "no drive": (
        *L,
        {"u": "slopes", "f": "velocities", "result": "M, W, 0 * g"},
        "fit g as well",
    ),
    "mean velocity": (
        *L,
        {"u": "slopes", "result": "M, W, velocities.mean(0)"},
        "The mean velocity",
    ),
    "transposed law": (*L, {"W": "(S.T - S) / 2"}, "W has the wrong sign"),
    "not halved": (*L, {"M": "S + S.T", "W": "S - S.T"}, "half a sum"),
    "swapped": (*L, {"result": "W, M, g"}, "swapped"),
    "sign of the drive": (*L, {"result": "M, W, -g"}, "The sign of g"),
    "positive friction": (
        *L,
        {
            "M": "(lambda e: e[1] @ e[0].clamp(min=0).diag() @ e[1].T)"
            "(torch.linalg.eigh((S + S.T) / 2))"
        },
        "Nothing forces M",
    ),
    "triangles": (
        *L,
        {"M": "S.tril() @ S.tril().T", "W": "S.triu(1) - S.triu(1).T"},
        "The triangles",
    ),
    "diagonal": (
        *L,
        {"M": "torch.diag(S.diag())", "W": "S - torch.diag(S.diag())"},
        "more than the diagonal",
    ),
    "crossed out": ("q2", CROSSED, {}, {}, "crossed out in the form of physics"),
    "not inverted back": (
        *R,
        {
            "result": "(torch.linalg.inv(left) + torch.linalg.inv(left).mT) / 2,"
            " (torch.linalg.inv(left) - torch.linalg.inv(left).mT) / 2"
        },
        "invert once more",
    ),
    "added": ("q2", ADDED, {}, {}, "is subtracted"),
    "as if symmetric": (*E, {"row": "A[:i, i]"}, "changes its sign"),
    "friction alone": ("q2", SEPARATE, {}, {}, "without W"),
    "last coordinates": (
        *E,
        {"start": ".flip(0, 1)", "end": ".flip(0, 1)"},
        "not the last ones",
    ),
    "parts not halved": (*R, {"result": "left + left.mT, left - left.mT"}, "half a s"),
    "parts swapped": (
        *R,
        {"result": "(left - left.mT) / 2, (left + left.mT) / 2"},
        "swapped",
    ),
    "turns the wrong way": (
        *R,
        {"result": "(left + left.mT) / 2, (left.mT - left) / 2"},
        "W has the wrong sign",
    ),
    "one coordinate less": (*R, {"k": "k - 1"}, "Off by one"),
    "Euler": (*S, {"sweeps": "0"}, "Euler's step"),
    "midpoint": (*S, {"share": "0"}, "midpoint rule"),
    "implicit Euler": (*S, {"slope": "slope(y)", "share": "0"}, "implicit Euler"),
    "trapezoid": (
        *S,
        {"slope": "(slope(x) + slope(y)) / 2", "share": "0"},
        "trapezoidal",
    ),
    "mean of the ends": (*S, {"slope": "(slope(x) + slope(y)) / 2"}, "in the middle"),
    "sign of the correction": (
        *S,
        {"share": "-(missing / size)[:, None]"},
        "sign of the correction",
    ),
    "distance not squared": (*S, {"size": "move.norm(dim=-1)"}, "squared distance"),
    "uphill": (*S, {"sign": "+"}, "Uphill"),
    "transposed": (*S, {"A": "A"}, "A is transposed"),
    "one sweep": (*S, {"sweeps": "1"}, "One sweep"),
    "eight sweeps": (*S, {"sweeps": "8"}, "Eight sweeps"),
    "one correction for all": (*S, BATCH, "of its own"),
    "sign of the climb": (*D, {"climb": "-(f @ u)"}, "not where it falls"),
    "downhill too": (*D, {"needed": "True"}, "counts as zero"),
    "rate for length": (*D, {"drive": "climb / u.norm() * u"}, "the growth of V"),
    "too long": (*D, {"drive": "climb * u"}, "too long by"),
    "mean of ratios": (*D, {"result": "sum(ratios) / len(ratios)"}, "mean of ratios"),
    "sum of lengths": ("q4", LENGTHS, {}, {}, "not lengths"),
    "no root": (*D, {"result": "g2 / f2"}, "the root is missing"),
    "how often": (*D, {"result": "often / len(candidate)"}, "how often"),
    "relative to the slopes": (*D, {"below": "u"}, "not with the slopes"),
    "components": (*D, {"climb": "torch.relu(f * u).sum()"}, "single components"),
}

TestGrader = grader("onsagernet", RIGHT, WRONG)
