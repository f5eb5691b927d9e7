"""Which numbers of a shown text look measured, and which numbers code states.

Decimals, powers of ten, percentages, factors and times look measured; plain counts,
ratios of integers, versions and the numbers of sections, figures or papers do not.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from tools.shown_text import FORMULA_END, THING, TIMES_TEN_TO

PERCENT = r"(?:%|\u2030|per\s?-?(?:cent|mille)|pct\b)"
NUMBER = re.compile(
    rf"""(?P<sign>(?<![\w.)\]}}%{THING}{FORMULA_END}])-)?
    (?P<digits>(?<!\d)[1-9]\d{{0,2}}(?:,\d{{3}})+(?!\d)(?:\.\d+)?
      | (?<![\d(\[{{])0,\d\d+(?!,)
      | (?<!\d)\d+(?:\.\d+)?
      | (?<![\w.)\]])\.\d+)
    (?:(?:[eE]|{TIMES_TEN_TO})(?P<power>[-+]?\d+))?
    (?P<percent>{FORMULA_END}?\s*{PERCENT})?""",
    re.VERBOSE | re.IGNORECASE,
)
UNIT = (
    r"(?:[nm\u03bcu]s|s(?!-)|secs?|(?:milli|micro)?seconds?|min(?!-)|mins|minutes?"
    r"|h|hrs?|hours?|days?)"
)
MEASURE_AFTER = re.compile(
    rf"""\s*-?\s*(?:times|fold|orders?\s+of\s+magnitude|{UNIT})\b
    | x\b(?!\s*\d) | \s+x\s+[a-z]+er\b | \s?\u00d7(?!\s*[\d{THING}(])""",
    re.VERBOSE | re.IGNORECASE,
)
FACTOR_BEFORE = re.compile(r"\bfactors?\s+(?:[a-z]+\s+){0,3}[~\u2248]?\s*$", re.I)

LABEL = (
    r"(?i:\b(?:Theorem|Thm|Lemma|Proposition|Prop|Definition|Def|Corollary|Cor|Figure|"
    r"Fig|Table|Tab|Section|Sect|Sec|Chapter|Chap|Equation|Eqn|Eq|Algorithm|Alg|"
    r"Example|Exercise|Appendix|Remark|Part)s?\.?|\u00a7+)"
)
DOTTED = r"\(?(?:[IVX]+\.)?[A-Z]?[1-9]\d?(?:\.[1-9]\d?)+\)?(?!\d|\s*%)"
VERSIONED = (
    r"(?:Python|PyTorch|torch|torchdiffeq|NumPy|SciPy|Matplotlib|Sphinx|MathJax|CUDA|"
    r"Jupyter(?:[\ -]?(?:Book|Lab))?|ipywidgets|pytest|nbval|version|"
    r"CC\ BY(?:-[A-Z]+)*)"
)
HARMLESS = re.compile(
    rf"""{LABEL.replace("s?", "s")}\s*{DOTTED}(?:(?:,|,?\s+and)\s+{DOTTED})+
    | {LABEL}\s*{DOTTED}(?:\s?\u2013\s?{DOTTED})?
    | (?i:\b{VERSIONED}[\s=]+|\bv(?!0))\d+(?:\.\d+)+(?!\s*%)
    | \b\d+(?:\.\d+){{2,}}\w* | (?i:\barXiv:\s?)\d{{4}}\.\d{{4,5}}(?:v\d+)?
    | \b10\.\d{{4,}}/\S+ | \bISBN[\s:]*[-\d\s]+X? | \b(?:1[89]|20)\d0s\b""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Number:
    """A number as shown, and half a unit of its last digit.

    The ``rounding`` is half a unit of its last digit that is no zero, if it is whole:
    6600 stands for 6578.
    """

    text: str
    value: Decimal
    half_unit: Decimal

    @property
    def is_an_order(self) -> bool:
        """Whether it is a mere power of ten, as 1e-7."""
        return bool(re.fullmatch(r"-?1e[-+]?\d+", self.text))

    @property
    def rounding(self) -> Decimal:
        """Half a unit of the last digit that says something."""
        if self.value != self.value.to_integral_value() or "." in self.text:
            return self.half_unit
        last = int(self.value.normalize().as_tuple().exponent)
        return max(self.half_unit, Decimal(5).scaleb(last - 1))


def number_of(match: re.Match[str]) -> Number:
    """The value of a ``NUMBER``; percent signs are divided out."""
    digits = match["digits"]
    is_decimal_comma = digits.startswith("0,")
    mantissa = Decimal(digits.replace(",", "." if is_decimal_comma else ""))
    last_digit = int(mantissa.as_tuple().exponent)
    unit = Decimal(1).scaleb(int(match["power"] or 0))
    if match["percent"]:
        unit /= 1000 if re.search("\u2030|mille", match["percent"]) else 100
    sign = -1 if match["sign"] else 1
    text = match[0].replace(FORMULA_END, "").replace(TIMES_TEN_TO, "e").strip()
    half_unit = Decimal(5).scaleb(last_digit - 1) * unit
    return Number(text, sign * mantissa * unit, half_unit)


def measured_looking(text: str) -> Iterator[Number]:
    """The numbers of a shown text (without formula marks) that look measured."""
    text = HARMLESS.sub(THING, text)
    for match in NUMBER.finditer(text):
        is_fraction = "." in match["digits"] or match["digits"].startswith("0,")
        scaled = is_fraction or match["power"] or match["percent"]
        if scaled or _is_measure(text, match):
            yield number_of(match)


def _is_measure(text: str, match: re.Match[str]) -> bool:
    """Whether an integer is a factor or a time."""
    before, after = text[: match.start()], text[match.end() :]
    if re.search(r"[\w/]$", before):  # RK4 times, 1/2 s
        return False
    if MEASURE_AFTER.match(after):
        return True
    is_symbolic = re.match(rf"\s?[/^{THING}]", after)  # a factor of 2^p, of 1/2
    return bool(FACTOR_BEFORE.search(before)) and not is_symbolic


def number_literals(source: str) -> frozenset[float]:
    """Magnitudes of the numbers that a code cell states as parameters.

    Thresholds of assertions and checks, recorded claims and the looks of a figure are
    no parameters. IPython magics are skipped; code that does not parse states nothing.
    """
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source.splitlines()]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return frozenset()
    return frozenset(_literals(tree))


def _literals(node: ast.AST) -> Iterator[float]:
    if isinstance(node, ast.Assert):
        return
    if isinstance(node, ast.Call):
        words = ast.unparse(node.func).split(".")
        if re.match("claim$|assert|check", words[-1]) or words[0] in {
            "ax",
            "fig",
            "plt",
        }:
            return
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield abs(node.value)
    for child in ast.iter_child_nodes(node):
        yield from _literals(child)
