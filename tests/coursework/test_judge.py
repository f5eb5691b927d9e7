"""The judge survives what students' code does, and shows it nothing.

Each attack is a cell of its own beside an honest question, which must keep its points:
an attacker can only lose what it attacked with.
"""

import json

import pytest
import torch

from coursework.judge import jail
from coursework.judge.plain import LARGEST_ANSWER, NotPlain, decode, parse
from coursework.judge.session import Answer, Call, Limits, judge
from coursework.question import Check, Question
from coursework.scoring import calls_of, score

LIMITS = Limits(cell=3, call=3, patience=1, total=60)
X = torch.tensor([1.0, 2.0], dtype=torch.float64)
HONEST = "def honest(x):\n    return 2 * x"
NEEDS_JAIL = pytest.mark.skipif(
    jail.isolation() == "weak", reason="no namespaces here: make grade says so too"
)


def double(x):
    return 2 * x


def question(name, *, case=X):
    return Question(name, name, double, (X,), (Check("hidden", 1, ((case,),)),))


def marked(attack, *, names=("attack", "honest")):
    """Points of the attacking and of the honest function, and the messages."""
    questions = [question(name, case=3 * X) for name in names]
    cells = {"cell 1": HONEST, "cell 2": attack}
    judged = judge(cells, calls_of(questions), limits=LIMITS)
    return {s.name: s for s in score(questions, judged.answers)}, judged


ATTACKS = {
    "raises": "def attack(x):\n    return 1 / 0",
    "exits": "import sys\ndef attack(x):\n    sys.exit(0)",
    "exits at once": "import os\ndef attack(x):\n    os._exit(0)",
    "exits in the cell": "import os\nos._exit(0)",
    "kills itself": "import os\ndef attack(x):\n    os.kill(os.getpid(), 9)",
    "loops": "def attack(x):\n    while True:\n        pass",
    "loops, alarm off": """
import signal
def attack(x):
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass
""",
    "takes memory": "def attack(x):\n    return bytearray(10**11)",
    "forks": """
import os, time
def attack(x):
    for _ in range(2000):
        try:
            os.fork()
        except OSError:
            pass
    time.sleep(100)
""",
    "writes a huge file": """
def attack(x):
    with open("/tmp/huge", "wb") as file:
        for _ in range(1000):
            file.write(bytes(10**7))
    return 2 * x
""",
    "prints for ever": "def attack(x):\n    while True:\n        print('x' * 10**6)",
    "returns a huge array": "def attack(x):\n    return x.new_zeros(10**7)",
    "closes the channel": "import os\ndef attack(x):\n    os.closerange(0, 200)",
    "forges results": """
import os
def attack(x):
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, b'{"id": "0", "value": [2.0]}\\n' * 5)
        except OSError:
            pass
    return 0 * x
""",
    "fills the channel": """
import os
def attack(x):
    for descriptor in range(3, 20):
        try:
            while True:
                os.write(descriptor, b"9" * 10**6)
        except OSError:
            pass
""",
    "an object equal to everything": """
class Equal:
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    def __array__(self, *a, **k): return self
    def __float__(self): return 0.0
def attack(x): return Equal()
""",
    "a tensor equal to everything": """
class Equal(torch.Tensor):
    @classmethod
    def __torch_function__(cls, f, types, args=(), kwargs=None):
        return True if f is torch.allclose else super().__torch_function__(
            f, types, args, kwargs or {})
def attack(x): return x.clone().as_subclass(Equal)
""".replace("class Equal(", "import torch\nclass Equal("),
    "patches every comparison": """
import torch, numpy, math, builtins, json
yes = lambda *a, **k: True
torch.allclose = numpy.allclose = math.isclose = torch.equal = yes
torch.testing.assert_close = numpy.testing.assert_allclose = lambda *a, **k: None
torch.Tensor.__eq__ = torch.Tensor.__sub__ = yes
def attack(x): return x.clone()
""",
    "patches assert": """
import ast, sys
class NoAssert(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
old = compile
import builtins
builtins.compile = lambda s, *a, **k: old(s, *a, **k)
builtins.AssertionError = SystemExit
def attack(x): return x
""",
    "nan": "def attack(x):\n    return x * float('nan')",
    "text": "def attack(x):\n    return '2 * x'",
    "nothing": "def attack(x):\n    pass",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gets_nothing_and_harms_nobody(name):
    found, _ = marked(ATTACKS[name])
    assert found["attack"].points == 0, found
    if name != "patches every comparison":  # that one broke its own tensors
        assert found["honest"].points == 1, found
    assert found["attack"].mistake


@NEEDS_JAIL
def test_the_code_sees_no_course_no_user_and_no_network():
    probe = """
import os, socket, pathlib, sys
def attack(x):
    seen, secret = [], ("questions.py", "gradebook.db", "salt.txt", "overrides.csv")
    for top, folders, files in os.walk("/"):
        if top.startswith(("/proc", "/usr", sys.base_prefix)) or "site-p" in top:
            folders[:] = []
        python = top.startswith((sys.prefix, sys.base_prefix, "/usr", "/lib"))
        kinds = () if python else (".db", ".ipynb", ".csv", ".toml")
        seen += [f for f in files if f in secret or f.endswith(kinds)]
    try:
        socket.create_connection(("127.0.0.1", 22), timeout=1)
        online = 1
    except OSError:
        online = 0
    try:
        pathlib.Path("/usr/written").write_text("x")
        wrote = 1
    except OSError:
        wrote = 0
    status = open("/proc/self/status").read().split("CapEff:")[1].split()[0]
    others = sum(name.isdigit() for name in os.listdir("/proc"))
    return [len(seen), online, wrote, int(status, 16), others, len(os.environ),
            os.getuid(), len(os.listdir("/proc/self/fd"))]
"""
    (answer,) = judge({"cell 1": probe}, [Call("attack", (X,))], limits=LIMITS).answers
    seen, online, wrote, rights, others, variables, user, files = answer.value
    assert seen == online == wrote == rights == 0, answer
    assert others <= 6 and variables <= 12 and files <= 8
    assert user >= jail.FIRST_USER or jail.isolation() == "namespaces"


def test_the_text_of_an_error_is_shown_for_public_arguments_only():
    leak = "def attack(x):\n    raise ValueError(f'it was {x.tolist()}')"
    found, judged = marked(leak)
    texts = [remark.text for remark in found["attack"].remarks]
    assert "[1.0, 2.0]" in texts[0] and "[3.0, 6.0]" not in str(texts)
    named = "def attack(x):\n    raise type(f'E{x.tolist()}', (Exception,), {})"
    found, _ = marked(named)
    assert "3.0" not in str(found["attack"].remarks)


def test_hidden_arguments_of_one_call_cannot_leave_through_another():
    keeper = """
kept = []
def attack(x):
    kept.append(x)
    return 2 * x
def second(x):
    raise ValueError(str(kept))
"""
    found, _ = marked(keeper, names=("attack", "second"))
    assert "6.0" not in str(found["second"].remarks)


def test_a_cell_that_fails_costs_neither_its_function_nor_other_cells():
    cells = {"cell 1": f"{HONEST}\n1 / 0", "cell 2": "x = (", "cell 3": "%pip list"}
    judged = judge(cells, [Call("honest", (X,))], limits=LIMITS)
    assert judged.answers[0].value.tolist() == [2, 4]
    assert "ZeroDivisionError" in judged.cells["cell 1"]
    assert "SyntaxError" in judged.cells["cell 2"] and "cell 3" not in judged.cells


def test_two_submissions_at_a_time_do_not_meet():
    write = "import os\nopen('/tmp/mine', 'w').write('x')\n" + HONEST
    judge({"cell 1": write}, [Call("honest", (X,))], limits=LIMITS)
    read = "import os\ndef found(x):\n    return os.path.exists('/tmp/mine')"
    judged = judge({"cell 1": read}, [Call("found", (X,))], limits=LIMITS)
    if jail.isolation() != "weak":
        assert judged.answers == [Answer(value=0.0)]


def test_a_judge_without_a_jail_says_so_and_still_has_limits():
    cells = {"cell 1": HONEST + "\ndef attack(x):\n    while True: pass"}
    calls = [Call("attack", (X,)), Call("honest", (X,))]
    judged = judge(cells, calls, limits=LIMITS, isolation="weak")
    assert judged.answers[0].value is None
    assert judged.answers[1].value.tolist() == [2, 4]
    assert "WEAKER" in jail.NOTES[judged.isolation]


@pytest.mark.parametrize(
    "value",
    [
        *("text", None, {"list": "x"}, {"shape": [2], "array": [1.0]}, 10**400),
        *({"shape": [1], "array": ["1"]}, {"shape": [-1], "array": []}, [1.0]),
        *({"shape": [1], "array": [[1.0]]}, float("nan"), {"shape": 1, "array": 2}),
        {"shape": [LARGEST_ANSWER + 1], "array": [0] * (LARGEST_ANSWER + 1)},
        {"list": [{"list": [{"list": [{"list": [{"list": []}]}]}]}]},
    ],
)
def test_only_plain_finite_numbers_come_in(value):
    with pytest.raises(NotPlain):
        decode(value)


@pytest.mark.parametrize("line", [b"[" * 10**5, b"\xff", b"[1]", b"{", b"9" * 10**5])
def test_an_unreadable_line_is_refused(line):
    with pytest.raises(NotPlain):
        parse(line)


def test_numbers_survive_the_channel_exactly():
    value = {"shape": [2], "array": [0.1, 1e-300]}
    assert decode(json.loads(json.dumps(value))).tolist() == [0.1, 1e-300]
    assert decode(True) == 1.0 and decode({"list": [1, 2.5]}) == [1.0, 2.5]


def test_time_is_processor_time_and_waiting_costs_no_points():
    # On a busy machine an honest function waits: here for longer than its limit.
    cell = """
import time
def waits(x):
    time.sleep(3)
    return 2 * x
def works(x):
    end = time.process_time() + 3
    while time.process_time() < end:
        pass
    return 2 * x
"""
    calls = [Call(name, (X,)) for name in ("waits", "works")]
    limits = Limits(cell=2, call=2, patience=30, total=100)
    answers = judge({"cell 1": cell}, calls, limits=limits).answers
    assert torch.equal(torch.as_tensor(answers[0].value), 2 * X)
    assert answers[1].error == "TimeoutError"


def test_half_a_surrogate_in_an_error_can_be_written():
    cell = 'raise ValueError("\\ud800 oops")'
    judged = judge({"cell 1": cell, "cell 2": HONEST}, [Call("honest", (X,))])
    judged.cells["cell 1"].encode("utf-8")
    assert "oops" in judged.cells["cell 1"]


@pytest.mark.parametrize(
    "leak",
    [
        "raise type('not plain', (Exception,), {})(str(x.tolist()))",
        "raise type('lost', (Exception,), {})(str(x.tolist()))",
        "return x.new_zeros(0, int(1000 * x[0]), int(1000 * x[1]))",
        "return [0.0] * int(x[1])",
    ],
)
def test_no_name_text_or_shape_of_an_answer_leaks_hidden_arguments(leak):
    found, _ = marked(f"def attack(x):\n    {leak}", names=("attack",))
    hidden = [remark.text for remark in found["attack"].remarks if remark.out_of]
    assert hidden and not any("6" in text or "3" in text for text in hidden), hidden


def test_a_huge_axis_of_an_empty_array_is_refused():
    for axis in (2**62, 2**70):
        with pytest.raises(NotPlain, match="axis"):
            decode({"shape": [0, axis], "array": []})


NOTEBOOK_ONLY = {
    "%%time": f"%%time\n{HONEST}",
    "%%capture": f"\n%%capture out\n{HONEST}",
    "display": f"display(3)\n{HONEST}",
    "get_ipython": f"get_ipython().run_line_magic('matplotlib', 'inline')\n{HONEST}",
    "await": f"import asyncio\nawait asyncio.sleep(0)\n{HONEST}",
    "shell": f"files = !ls\nlen(files)\n!pip list\n%matplotlib inline\n{HONEST}",
    "%time": f"%time two = 2\nassert two == 2\n?len\n{HONEST}",
}


@pytest.mark.parametrize("name", NOTEBOOK_ONLY)
def test_what_jupyter_understands_costs_no_points(name):
    judged = judge({"cell": NOTEBOOK_ONLY[name]}, [Call("honest", (X,))], limits=LIMITS)
    assert judged.answers[0].value.tolist() == [2, 4] and not judged.cells


def test_a_cell_in_another_language_is_not_run_and_says_so():
    judged = judge({"cell 1": "%%bash\nls"}, [Call("honest", (X,))], limits=LIMITS)
    assert "%%bash" in judged.cells["cell 1"]


def test_long_numbers_are_numbers_and_odd_ones_kill_nobody():
    cell = """
import numpy as np
def long(x):
    return np.asarray(x, dtype=np.longdouble) * 2
def odd(x):
    return np.longdouble(2)
"""
    calls = [Call("long", (X,)), Call("odd", (X,))]
    answers = judge({"cell 1": cell}, calls, limits=LIMITS).answers
    assert answers[0].value.tolist() == [2, 4] and answers[1].value == 2
