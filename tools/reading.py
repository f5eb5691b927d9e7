"""How long a chapter takes to read, estimated from what is in it."""

import re
from collections.abc import Iterator

import nbformat

WORDS = 200  # a minute
DISPLAYED = 20  # s to follow a formula on a line of its own
LINE = 3  # s for a line of code
RULE = (
    f"{WORDS} words a minute, {DISPLAYED} s for a displayed formula, {LINE} s for a "
    "line of code that is shown, exercises not counted"
)
TASKS = re.compile(r"(?m)^## Exercises$")
NEXT = re.compile(r"(?m)^## (?!Exercises)")
FORMULA = re.compile(r"\$\$.+?\$\$|\\begin\{(align|equation|gather)\*?\}.+?\\end", re.S)
UNSEEN = re.compile(r"<!--.*?-->|^(?:```|:::).*$|^:[\w-]+:.*$", re.M | re.S)


def minutes(notebook: nbformat.NotebookNode) -> int:
    """Minutes to read a chapter, its exercises aside, in steps of five."""
    seconds = 0.0
    for kind, source in _passages(notebook):
        if kind == "code":
            seconds += LINE * sum(bool(line.strip()) for line in source.splitlines())
        else:
            seconds += DISPLAYED * len(FORMULA.findall(source))
            words = re.findall(r"\w[\w'-]*", UNSEEN.sub("", FORMULA.sub("", source)))
            seconds += 60 * len(words) / WORDS
    return max(5, 5 * round(seconds / 300))


def sentence(notebook: nbformat.NotebookNode) -> str:
    """What the opening of a chapter says about it."""
    return f"Reading takes about {minutes(notebook)} minutes, without the exercises."


def _passages(notebook: nbformat.NotebookNode) -> Iterator[tuple[str, str]]:
    """Kind and source of what is read on the way: no exercise, nothing folded away."""
    is_exercise = False
    for cell in notebook.cells:
        if cell.cell_type == "code":
            hidden = {"hide-input", "remove-input", "hide-cell", "remove-cell"}
            if not is_exercise and not hidden & set(cell.metadata.get("tags", [])):
                yield "code", cell.source
            continue
        source = cell.source
        if is_exercise and (end := NEXT.search(source)):
            is_exercise, source = False, source[end.start() :]
        if begin := TASKS.search(source):
            is_exercise, source = True, source[: begin.start()]
        elif is_exercise:
            continue
        yield "markdown", source
