"""The numbers in the book's prose: those it claims, and those nobody vouches for.

``0.987<!-- claim: name -->`` says that the number was measured by the code, which
records it with ``claim("name", value)``. A bound adds ``at most`` or ``at least``:
``below 1e-10<!-- claim: name at most -->``, and ``at most, but for rounding`` where the
exact value is zero. ``0.5<!-- given: reason -->`` says that a number was not measured.
After a formula, a claim means its last number, a given all. How close the text must be
to the value that git keeps says ``tools/recorded.py``.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tools.measured import Number, measured_looking, number_literals
from tools.quotes import Sentence, sentences
from tools.shown_text import CITATION, Block, blocks

Record = Mapping[str, Any]  # a line of the recorder: name, value, within, factor

MOST_FACTOR = 60  # that a claim may declare: errors of single trainings vary so much
MOST_WITHIN = 1  # likewise, or twice the value if that is more
HOW_TO_FIX = (
    "Record it with claim(...) and write {0}<!-- claim: name -->; or, for a parameter, "
    "state it before the code cell of the same section that uses it; or cite its "
    "source in the same sentence; or say why it is no measurement: "
    "{0}<!-- given: reason -->."
)


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook with its index there; ``kind`` is markdown or code."""

    index: int
    kind: str
    source: str


@dataclass(frozen=True)
class Chapter:
    """A notebook, or a page of Markdown as one cell."""

    name: str
    cells: Sequence[Cell]


def read_chapter(path: Path) -> Chapter:
    """Read an ``.ipynb`` or ``.md`` file; a caption precedes the code it belongs to."""
    if path.suffix == ".md":
        return Chapter(path.stem, [Cell(0, "markdown", path.read_text("utf-8"))])
    cells = []
    for index, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"]):
        figure = cell["metadata"].get("mystnb", {}).get("figure", {})
        if "caption" in figure:
            cells.append(Cell(index, "markdown", figure["caption"]))
        if cell["cell_type"] != "raw":
            cells.append(Cell(index, cell["cell_type"], "".join(cell["source"])))
    return Chapter(path.stem, cells)


def read_records(path: Path) -> list[Record]:
    """The claims that a run of a chapter recorded; none if the file is missing."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def check_claims(chapter: Chapter, recorded: Iterable[Record]) -> list[str]:
    """Compare the numbers the text claims with those the code recorded.

    Returns:
        One message per problem: a number that disagrees, a claim never recorded or
        never quoted, a name recorded with two values, a comment that is no claim but
        looks like one, a claim with no number of its own before it.
    """
    values: dict[str, Record] = {}
    problems, quoted = [], set()
    for record in recorded:
        first = values.setdefault(record["name"], record)
        if first != record:
            problems.append(
                f"{chapter.name}: claim {record['name']!r} is recorded twice, as "
                f"{first['value']!r} and {record['value']!r}. Give each its own name."
            )
    problems += [
        f"{chapter.name}: claim {name!r} may differ so much on another machine "
        f"(factor={record.get('factor')}, within={record.get('within')}) that it says "
        "nothing. Measure something that does not, such as a median."
        for name, record in values.items()
        if _is_too_tolerant(record)
    ]
    for where, item in _items(chapter):
        if not isinstance(item, Block):
            continue
        for sentence in sentences(item, where):
            problems += sentence.problems
            for number, quote in sentence.quotes:
                quoted.add(quote["name"])
                problem = _disagreement(number, quote, values.get(quote["name"]))
                problems += [f"{sentence.where}: {problem}"] if problem else []
    return problems + [
        f"{chapter.name}: claim {name!r} = {values[name]['value']!r} is recorded but "
        "quoted nowhere. Quote it in the text, or delete the call."
        for name in sorted(values.keys() - quoted)
    ]


def _is_too_tolerant(record: Record) -> bool:
    within = max(MOST_WITHIN, 2 * abs(record["value"]))
    return (record.get("factor") or 0) > MOST_FACTOR or (
        (record.get("within") or 0) > within
    )


def _disagreement(
    number: Number, quote: re.Match[str], record: Record | None
) -> str | None:
    if record is None:
        return (
            f"the text claims {number.text} as {quote['name']!r}, which no code "
            f'recorded. Add claim("{quote["name"]}", ...) where it is measured.'
        )
    value = Decimal(str(record["value"]))
    factor = Decimal(str(record.get("factor") or 1))
    if quote["bound"]:
        most = quote["bound"].startswith("most")
        slack = Decimal(str(record.get("within") or 0))
        limit = number.value * (factor if most else 1 / factor)
        limit += slack if most else -slack
        agrees = value <= limit if most else value >= limit
        tolerance = f"at {quote['bound']} {limit:g}"
    elif record.get("factor"):
        ratio = number.value / value
        agrees = 1 / factor <= ratio <= factor
        tolerance = f"within a factor of {factor:g}"
    else:
        allowed = number.half_unit + Decimal(str(record.get("within") or 0))
        agrees = abs(number.value - value) <= allowed
        tolerance = f"within {allowed:.3g}"
    if agrees:
        return None
    return (
        f"the text says {number.text}, but {quote['name']!r} was recorded as "
        f"{record['value']!r}; they must agree {tolerance}. Correct the text, or "
        "find out what changed the result."
    )


def quotes(chapter: Chapter) -> Iterator[tuple[str, Number, str, str | None]]:
    """Every quoted claim: the sentence, the number, the name, and the bound or None."""
    for where, item in _items(chapter):
        if isinstance(item, Block):
            for sentence in sentences(item, where):
                for number, quote in sentence.quotes:
                    yield sentence.where, number, quote["name"], quote["bound"]


def lint_numbers(chapter: Chapter) -> list[str]:
    """Find the measured-looking numbers that nothing vouches for.

    A claim, a given, a citation in the same sentence or a definition around it
    vouches for a number, and so does a literal of the same magnitude in the code that
    follows in the same section.
    """
    items, problems, level = list(_items(chapter)), [], 0
    for position, (where, item) in enumerate(items):
        if not isinstance(item, Block):
            continue
        level = item.level or level
        if item.defines:
            continue
        literals = _literals_of_section(items[position + 1 :], level)
        for sentence in sentences(item, where):
            problems += _uncovered(sentence, literals)
    return problems


def lint_text(
    text: str, literals: Set[float] = frozenset(), *, where: str = "alt text"
) -> list[str]:
    """Lint a text that is shown as it is, such as alt text: comments cover nothing.

    Args:
        text: One text.
        literals: Parameters it may name, such as ``number_literals`` of its cell.
        where: What the messages call it.
    """
    return [
        problem
        for sentence in sentences(Block(text.replace("<!--", "")), where)
        for problem in _uncovered(sentence, literals)
    ]


def _items(chapter: Chapter) -> Iterator[tuple[str, Block | frozenset[float]]]:
    """The blocks of prose, and for each code cell its literals, with their place."""
    for cell in chapter.cells:
        where = f"{chapter.name}, cell {cell.index}"
        if cell.kind == "code":
            yield where, number_literals(cell.source)
        else:
            yield from ((where, block) for block in blocks(cell.source))


def _literals_of_section(
    items: Iterable[tuple[str, Block | frozenset[float]]], level: int
) -> set[float]:
    literals: set[float] = set()
    for _, item in items:
        if isinstance(item, frozenset):
            literals |= item
        elif 0 < item.level <= level:
            break
    return literals


def _uncovered(sentence: Sentence, literals: Set[float]) -> list[str]:
    if CITATION in sentence.text:
        return []
    return [
        f"{sentence.where}: {number.text} looks measured. "
        + HOW_TO_FIX.format(number.text)
        for number in measured_looking(sentence.text)
        if float(abs(number.value)) not in literals
    ]
