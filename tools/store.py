"""``python -m tools store``: bring the chapters into the form that git keeps.

Cells marked ``# NBVAL_CHECK_OUTPUT`` keep their printed output and execution count (as
of the last build), since nbval compares the one and silently skips a cell without the
other. All other outputs are dropped. The values of the claims go
to ``tools/claims.json``.
"""

import sys

import nbformat

from tools.book import pages
from tools.execute import executed_chapter
from tools.prose import read_chapter
from tools.recorded import code_of, read_values, renewed, write_values
from tools.setup import ROOT

MARK = "# NBVAL_CHECK_OUTPUT"


def main() -> int:
    """Rewrite every chapter of the book in place."""
    old, book = read_values(ROOT), {}
    for chapter in pages(ROOT):
        if not chapter.endswith(".ipynb"):
            continue
        notebook = executed_chapter(ROOT, chapter)
        records = notebook.metadata.pop("build")["claims"]
        text = read_chapter(ROOT / chapter)
        code = code_of(cell.source for cell in text.cells if cell.kind == "code")
        book[chapter] = renewed(text, code, old.get(chapter, {}), records)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            if cell.cell_type == "code" and MARK not in cell.source:
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, ROOT / chapter)
        print(f"stored {chapter}")
    write_values(ROOT, book)
    return 0


if __name__ == "__main__":
    sys.exit(main())
