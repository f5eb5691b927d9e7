"""The values behind the text, as the build found them that the text was written from.

A trained number differs from machine to machine, so the last build may differ from the
text by what its claim declares. That alone would excuse a wrong text: hence git keeps
each value in ``tools/claims.json``, and the text must agree with *it* to the last digit
shown, on every machine. ``make store`` adds what is new; it replaces values where the
code of a chapter or a number of its text changed, and leaves all others alone: storing
on another machine changes nothing in the chapters one did not touch.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tools.measured import Number
from tools.prose import Chapter, Record, quotes

CLOSE = 2  # ratio that a mere power of ten stands for: 1e-7 is 5e-8 to 2e-7
BOUND = 3  # how much wider than the value a bound may be
ROUNDING = Decimal("1e-5")  # largest bound on what is zero but for rounding

Values = Mapping[str, float]
Book = dict[str, dict[str, Any]]  # of each chapter: code, and values by name


def read_values(root: Path) -> Book:
    """What git keeps; nothing if the file is missing."""
    path = root / "tools" / "claims.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def write_values(root: Path, book: Book) -> None:
    """One value per line, in a fixed order."""
    path = root / "tools" / "claims.json"
    temporary = path.with_suffix(".tmp")
    text = json.dumps(book, indent=1, sort_keys=True)
    temporary.write_text(f"{text}\n", encoding="utf-8")
    os.replace(temporary, path)


def code_of(cells: Iterable[str]) -> str:
    """Digest of the code cells of a chapter, the same on every machine."""
    return hashlib.sha256(json.dumps(list(cells)).encode()).hexdigest()[:16]


def check_closely(chapter: Chapter, values: Values) -> list[str]:
    """Compare the text with the values that git keeps.

    Returns:
        One message for each number that is not the value, rounded as it is shown, each
        bound far from its value, and each claim without a value.
    """
    return [
        f"{where}: {problem}"
        for where, number, name, bound in quotes(chapter)
        if (problem := _problem(number, name, bound, values))
    ]


def renewed(
    chapter: Chapter, code: str, old: Mapping[str, Any], records: Iterable[Record]
) -> dict[str, Any]:
    """The entry of a chapter: old values where they still hold, else the last build's.

    Args:
        chapter: The text.
        code: Its `code_of`.
        old: Its entry so far, or an empty one.
        records: The claims of its last build.
    """
    known = old.get("values", {}) if old.get("code") == code else {}
    wrong = {
        name
        for _, number, name, bound in quotes(chapter)
        if name in known and _problem(number, name, bound, known)
    }
    values = {
        r["name"]: known[r["name"]]
        if r["name"] in known and r["name"] not in wrong
        else float(f"{r['value']:.6g}")
        for r in records
    }
    return {"code": code, "values": values}


def _problem(
    number: Number, name: str, bound: str | None, values: Values
) -> str | None:
    if name not in values:
        return f"{name!r} is not in tools/claims.json. Run make book and make store."
    value = Decimal(str(values[name]))
    if bound and "rounding" in bound:
        if abs(number.value) <= ROUNDING:
            return None
        return f"{number.text} is too much for a rounding error: leave out the words."
    if bound:
        low, high = sorted((abs(number.value), abs(value)))
        if high <= BOUND * low:
            return None
        wanted = f"a bound within a factor of {BOUND} of it"
    else:
        gap = abs(number.value - value)
        if gap <= number.rounding or (
            number.is_an_order
            and number.value * value > 0
            and max(number.value / value, value / number.value) <= CLOSE
        ):
            return None
        wanted = "the value, rounded"
    return (
        f"the text says {number.text}, but {name!r} was {float(value):.4g} where it "
        f"was written. Write {wanted}; if the code changed, run make book and "
        "make store."
    )
