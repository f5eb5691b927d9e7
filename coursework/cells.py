"""Which of a student's cells are run, and which a person reads."""

from collections.abc import Iterator


def _name(cell: dict) -> str:
    """What a cell says it is; students' metadata may hold anything."""
    name = cell["mark"].get("grade_id")
    return name if type(name) is str else ""


def _ours(release: dict) -> dict[str, dict]:
    """The released cells that have a name."""
    return {_name(cell): cell for cell in release["cells"] if _name(cell)}


def _is_locked(cell: dict) -> bool:
    mark = cell["mark"]
    return bool(mark.get("locked") or (mark.get("grade") and not mark.get("solution")))


def cells_to_run(notebook: dict, release: dict) -> dict[str, str]:
    """The code to execute, by the names that messages use.

    First the student's changes of our locked cells, which may add an import; then our
    locked cells as released; then the student's other cells. Cells with examples are
    not run. Which cells are ours is for the release to say.
    """
    ours = {n: c for n, c in _ours(release).items() if _is_locked(c)}
    originals = {
        _name(cell)
        for cell in notebook["cells"]
        if _is_copy(cell, ours.get(_name(cell)))
    }
    changed, rest = {}, {}
    for label, cell in _code(notebook):
        known = ours.get(_name(cell))
        if known is None:
            rest[label] = cell["source"]
        elif _is_copy(cell, known):
            continue
        elif _name(cell) in originals:  # a copy of a locked cell, put to another use
            rest[label] = cell["source"]
        elif not known["mark"].get("grade"):
            changed[f"your change of the locked cell {_name(cell)}"] = cell["source"]
    locked = {
        f"the locked cell {name}": cell["source"]
        for name, cell in ours.items()
        if cell["kind"] == "code" and not cell["mark"].get("grade")
    }
    return changed | locked | rest


def _is_copy(cell: dict, known: dict | None) -> bool:
    return known is not None and cell["source"].strip() == known["source"].strip()


def _code(notebook: dict) -> Iterator[tuple[str, dict]]:
    """The cells with code, each with a name by which a student can find it."""
    cells = [cell for cell in notebook["cells"] if cell["kind"] == "code"]
    for i, cell in enumerate(cells, start=1):
        lines = [line.strip() for line in cell["source"].splitlines() if line.strip()]
        if lines:
            begin = "".join(c for c in lines[0] if c.isprintable())
            begin = begin if len(begin) < 50 else f"{begin[:46]} ..."
            yield f"code cell {i} ({begin})", cell


def written_answers(notebook: dict, release: dict) -> tuple[dict[str, str], list[str]]:
    """The texts that a person reads, by question, and what to tell the student.

    A cell that has lost its mark is searched for among the Markdown that is not ours.
    """
    texts, notes = {}, []
    released = {cell["source"].strip() for cell in release["cells"]}
    for name, stub in _ours(release).items():
        mark = stub["mark"]
        if stub["kind"] != "markdown" or not (
            mark.get("grade") and mark.get("solution")
        ):
            continue
        mine = [c for c in notebook["cells"] if c["kind"] == "markdown"]
        marked = [c["source"].strip() for c in mine if _name(c) == name]
        known = _ours(release)
        unmarked = [c["source"].strip() for c in mine if _name(c) not in known]
        found = [text for text in marked or unmarked if text and text not in released]
        if found:
            texts[name] = "\n\n".join(found)
        if not marked:
            what = "the text that is not ours was taken for it" if found else "no text"
            notes.append(f"There is no cell {name} in the notebook: {what}.")
    return texts, notes
