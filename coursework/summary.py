"""One page about the class, with no names in it."""

import html
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from coursework.judge import jail
from coursework.ledger import Grade, now
from coursework.marking import Record

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
  border-bottom: 1px solid #8888; }
.bars { display: flex; gap: 3px; align-items: flex-end; height: 5rem; }
.bars div { flex: 1; min-width: 1.1rem; text-align: center; font-size: .75rem; }
.bars span { display: block; background: #3b7dd8; min-height: 1px; }
.table { overflow-x: auto; }
"""


def write_summary(
    path: Path, records: Sequence[Record], grades: Sequence[Grade]
) -> None:
    """Write the page: per assignment and question, points, distribution, mistake."""
    parts = [f"<p>Written {html.escape(now())}.</p>"]
    for strength in sorted({r.isolation for r in records if r.isolation}):
        parts.append(f"<p>{html.escape(jail.NOTES[strength])}.</p>")
    for name in sorted({record.assignment for record in records}):
        mine = [record for record in records if record.assignment == name]
        theirs = [grade for grade in grades if grade.assignment == name]
        parts.append(_assignment(name, mine, theirs))
    path.write_text(
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>Coursework: class summary</title><style>{STYLE}</style></head>"
        f"<body><h1>Class summary</h1>{''.join(parts)}</body></html>\n",
        encoding="utf-8",
    )


def _assignment(name: str, records: list[Record], grades: list[Grade]) -> str:
    problems = Counter(record.problem for record in records if record.problem)
    late = sum(grade.days_late > 0 for grade in grades)
    pending = sum(bool(grade.pending) for grade in grades)
    totals = [grade.total for grade in grades if not grade.problem]
    facts = [_students(len(records)), f"{late} late", f"{pending} to grade by hand"]
    if totals:
        facts.append(f"median {statistics.median(totals):g} points so far")
    facts += [f"{_students(n)}: {text}" for text, n in problems.most_common()]
    rows = "".join(_question(q, records, grades) for q in grades[0].out_of)
    items = "".join(f"<li>{html.escape(fact)}</li>" for fact in facts)
    return (
        f"<h2>{html.escape(name)}</h2><ul>{items}</ul><div class='table'><table>"
        "<tr><th>question</th><th>mean</th><th>how many got how many points</th>"
        f"<th>commonest mistake</th></tr>{rows}</table></div>"
    )


def _question(name: str, records: list[Record], grades: list[Grade]) -> str:
    out_of = grades[0].out_of[name]
    graded = [g for g in grades if not g.problem and name not in g.pending]
    points = [grade.points[name] for grade in graded]
    mean = f"{statistics.mean(points):.1f} of {out_of:g}" if points else "none yet"
    mistakes = Counter(
        scored.mistake
        for record in records
        for scored in record.questions
        if scored.name == name and scored.mistake and not record.problem
    )
    common = mistakes.most_common(1)
    text = f"{common[0][0]} ({_students(common[0][1])})" if common else "none"
    cells = (html.escape(name), mean, _bars(points, out_of), html.escape(text))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _students(count: int) -> str:
    return f"{count} student{'' if count == 1 else 's'}"


def _bars(points: list[float], out_of: float) -> str:
    counts = Counter(round(p) for p in points)
    most = max(counts.values(), default=1)
    bars = []
    for value in range(round(out_of) + 1):
        count = counts[value]
        height = f"{3 * count / most:.2f}rem"
        bar = f"<span style='height:{height}'></span>{value}"
        bars.append(
            f"<div title='{_students(count)}: {value} points'>{count}{bar}</div>"
        )
    return f"<div class='bars'>{''.join(bars)}</div>"
