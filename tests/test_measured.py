"""The lint of numbers that nothing vouches for: what it finds and what it leaves."""

import pytest

from tools.measured import number_literals
from tools.prose import Cell, Chapter, check_claims, lint_numbers, lint_text


def chapter(*sources):
    """Markdown and code cells in turn, starting with markdown."""
    kinds = ["markdown", "code"] * len(sources)
    cells = [Cell(i, kinds[i], source) for i, source in enumerate(sources)]
    return Chapter("a_chapter", cells)


MEASURED = [
    "It reaches an accuracy of 0.93.",
    "It reaches $0.93$.",
    "It reaches $a_T = 0.93$ and more.",
    "$$\na = 0.93\n$$",
    "$$a = 0.93$$ (eq-label)",
    "```{math}\n:label: eq-a\na = 0.93\n```",
    "Then {math}`a = 0.93`.",
    "\\begin{align} a &= 0.93 \\end{align}",
    "$\\text{accuracy } 0.93$",
    "$\\mathbf{0.93}$",
    "$0{.}93$",
    "$0.\\!93$",
    "| net | accuracy |\n| --- | --- |\n| plain | 0.93 |",
    "## A net with accuracy 0.93",
    "- 0.93 is reached",
    "1. 0.93 is reached",
    "> 0.93 is reached",
    "[^note]: It reaches 0.93.",
    "    It reaches 0.93.",
    "**0.93** is reached",
    "_0.93_ is reached",
    "0.**93** is reached",
    "0<!-- a note -->.93 is reached",
    "0\\.93 is reached",
    "0&#46;93 is reached",
    "0\u200b.93 is reached",
    "It reaches 0.93%.",
    "It reaches 93 %.",
    "It reaches 93\\%.",
    "It reaches $93\\,\\%$.",
    "It reaches $93$ %.",
    "93 per cent",
    "93 percent",
    "93 percentage points",
    "7 \u2030",
    "It reaches .93 only.",
    "It reaches \uff10\uff0e\uff19\uff13 only.",
    "It falls by \u22120.93.",
    "It reaches 0,93 only.",
    "1.2e-3",
    "5e2",
    "5E2",
    "$5e2$",
    "1.2 \u00b7 10^{-3}",
    "$2 \\times 10^{-13}$",
    "$2 \\cdot 10^3$",
    "2 x 10^-13",
    "10\u207b\u00b9\u00b3",
    "$10^{-13}$",
    "$10^3$ of them",
    "10<sup>-13</sup>",
    "It is 500 times faster.",
    "It is $500$ times faster.",
    "It is $500\\times$ faster.",
    "It is 500\u00d7 faster.",
    "12x as fast",
    "12 x faster",
    "a factor of 12",
    "a factor of about $12$",
    "3-fold",
    "3 orders of magnitude",
    "It takes 12 s.",
    "It takes 12 seconds.",
    "It takes 3 ms.",
    "It takes 20 \u00b5s.",
    "It takes $3\\,\\mathrm{s}$.",
    "It takes 3 minutes.",
    "a 2-hour run",
    "It stays at most 90 s.",
    ":::{note}\nIt reaches 0.93.\n:::",
    ":::{admonition} It reaches 0.93\n:::",
    "````{note}\n```{tip}\nIt reaches 0.93.\n```\n````",
    "```{figure} a.png\n:width: 50%\nIt reaches 0.93.\n```",
    "```{figure} a.png\n:alt: It reaches 0.93.\nText\n```",
    "```{prf:remark}\nIt reaches 0.93.\n```",
    ":::\nIt reaches 0.93.\n:::",
    "```python\nx = 1\n```\nIt reaches 0.93.",
    "It reaches [0.93](#section).",
    "{ref}`accuracy 0.93 <section>`",
    "![It reaches 0.93](a.png)",
    '<img src="a.png" alt="reaches 0.93">',
    '[link](a.md "reaches 0.93")',
    "We read {cite}`he2016`. It reaches 0.93.",
    "It reaches 0.5<!-- given: a half --> and 0.93.",
    "It reaches $[0.93, 0.5]$<!-- claim: x -->.",
    "0.93 %<!-- given: 1 -->",
    "Theorem 2.1 gives 0.93.",
    "Figure 0.93",
    "v0.93",
    "doi: 0.93",
    "$0$.$93$ is reached",
    "It reaches 0.93\u20130.97.",
    "$\\approx 0.93 \\pm 0.01$",
    "| a |\n|---|\n| 93% |",
    "10**-3",
    "40s",
    "by a factor 12",
    "costs $5 and 0.93 and $6",
    "Python reaches 3.11 points",
    "torch reaches 0.93",
]


@pytest.mark.parametrize("text", MEASURED)
def test_a_measured_looking_number_is_found_wherever_it_hides(text):
    (problem, *_) = lint_numbers(chapter(text))
    assert "a_chapter, cell 0" in problem
    for remedy in ("claim(...)", "parameter", "cite", "<!-- given: reason -->"):
        assert remedy in problem


UNMEASURED = [
    "Sec. II.1 and Sec. 2.1",
    "Sections 2.1 and 2.2",
    "Theorem 2.1 and Lemma 3.2",
    "Figure 2.3 and Fig. 2.4",
    "Eq. (2.1) and Eqs. (2.1) and (2.2)",
    "Theorem II.4.1 and Appendix A.2",
    "2 s-curves, 3 min-max problems, 64 \u00d7 64 pixels, DOP853, RK45, float64",
    "{eq}`eq-0.5` and {numref}`fig-0.5`",
    "$O(h^2)$, $\\sum_{k=1}^{10}$, $[0, 2\\pi]$, $10^{-k}$, $2^{-p}$, $3 s$",
    "\u00a7 2.3",
    "arXiv:1705.03341",
    "https://arxiv.org/abs/1705.03341",
    "[a paper](https://doi.org/10.1137/16M1080173)",
    "doi:10.1088/1361-6420/aa9a90",
    "ISBN 978-3-540-30663-4",
    "Python 3.11, torch 2.13 and jupyter-book 1.0.4",
    "CC BY 4.0",
    "on 2024-01-31, in 2016, in the 1990s, on 31.1.2024",
    "2-D and 3-dimensional",
    "order 4, 30 layers, 3 seeds, step 7, 97 of 100 points",
    "RK4 steps",
    "$L = 1000$ and $L \\in \\{10, 50, 100\\}$",
    "$h^{2}$, $h^4$, $x^{10}$, $2^{10}$",
    "$\\mathbb{R}^2$ and $x \\in [0, 1]^2$",
    "$x_{0.5}$ and $t_{n+1}$",
    "1/2, $1/2$, $\\frac{1}{2}$ and $h/2$",
    "$2x$, $2 \\times 3$ matrices, a 2 x 2 matrix, 2\u00d72",
    "$k = 0, 10$",
    "a factor of $2^p$, of 1/2, of $2L$",
    "$$\nx = y \\tag{2.1}\n$$ (eq-2.1)",
    "(section-2.1)=\n# Title",
    "`0.93` and ``h = 0.1``",
    "```python\nh = 0.93\n```",
    "```{code-block} python\n:emphasize-lines: 1\nh = 0.93\n```",
    "```{figure} run-0.93.png\n:width: 0.93em\n:height: 50%\nA flow.\n```",
    '<img src="a.png" width="50%">',
    "---\nversion: 0.93\n---\n# Title",
    "% reaches 0.93",
    "[paper]: https://example.org/0.93",
    "```{prf:definition} Accuracy\nAt least 0.93.\n```",
    "````{prf:theorem}\n:label: thm\n```{math}\nx = 0.93\n```\n````",
    "They report 0.93 {cite}`he2016`.",
    "He et al. report 93 % after e.g. 12 hours ({cite:p}`he2016`).",
    "0.5<!-- given: the coefficient of Heun's method -->",
    "$x + 0.5 h f + 0.25 h^2$<!-- given: Taylor coefficients -->",
    "90<!-- given: the budget of a chapter --> s",
]


@pytest.mark.parametrize("text", UNMEASURED)
def test_numbers_that_were_not_measured_are_left_alone(text):
    assert lint_numbers(chapter(text)) == []
    assert check_claims(chapter(text), []) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The step is 0.1.", "h = 0.1"),
        ("The step is $h = 10^{-3}$.", "h = 1e-3"),
        ("Start in $[-1.5, 1.5]^2$.", "x0 = uniform(-1.5, 1.5)"),
        ("Add 10 % noise.", "noise = 0.1"),
        ("Feed it back, 100 times.", "for _ in range(100):\n    pass"),
        ("Follow it for 50 s.", "%matplotlib inline\ntimes = linspace(0, 50)"),
        ("The step is 0.1.", "%%time\nh = 0.1\n!ls"),
    ],
)
def test_a_parameter_may_be_stated_before_the_code_that_uses_it(text, code):
    assert lint_numbers(chapter(text, code)) == []
    assert lint_numbers(chapter("# Title", code, text)), "code above states nothing"
    assert lint_numbers(chapter(f"# One\n{text}\n# Two", code)), "another section"
    assert lint_numbers(chapter(f"## One\n{text}", "", "# Two", code)), "higher section"
    assert lint_numbers(chapter(f"# One\n{text}\n## Part", code)) == [], "a part of it"


@pytest.mark.parametrize(
    "code",
    [
        "assert accuracy > 0.93",
        'claim("accuracy", accuracy, within=0.93)',
        "torch.testing.assert_close(a, b, atol=0.93)",
        "check_accuracy(net, 0.93)",
        "ax.plot(x, alpha=0.93)",
        "# 0.93",
        'print("0.93")',
        "f'0.93'",
        "0.93 +",
        "x = 0.931",
        "x = 93",
    ],
)
def test_code_that_states_no_parameter_lets_no_number_pass(code):
    assert lint_numbers(chapter("It reaches 0.93.", code))


def test_an_alt_text_names_parameters_only():
    literals = number_literals("h = 0.1")
    assert lint_text("Euler with step 0.1 spirals outwards.", literals) == []
    assert lint_text("Euler with step 0.1 reaches 0.93.", literals)
    assert lint_text("It reaches 0.93<!-- claim: x -->.")
    assert "figure 3" in lint_text("It reaches 0.93.", where="figure 3")[0]
