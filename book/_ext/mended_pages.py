"""Sphinx extension: correct what the tools leave wrong in the finished pages.

Each mend is a pattern in the HTML, its replacement and the reason. All are plain
substitutions, so that mending twice is mending once.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

from sphinx.application import Sphinx


class Mend(NamedTuple):
    """One correction of the HTML."""

    why: str
    pattern: str
    replacement: str


MENDS = [
    Mend(
        "a preload of a font is refused and reported where a page comes from the disk",
        r'\s*<link rel="preload" as="font"[^>]*>',
        "",
    ),
    Mend(
        "a spoken command is what stands on the button, and that is more than Search",
        r'(<button class="btn search-button-field[^>]*?) aria-label="[^"]*"',
        r"\1",
    ),
    Mend(
        "a folded cell is named by its own words, such as Show code cell source",
        r'<summary aria-label="Toggle hidden content">',
        "<summary>",
    ),
    Mend(
        "a list must hold list items",
        r'(<div class="citation"[^>]*?) role="doc-biblioentry"',
        r'\1 role="listitem"',
    ),
    Mend(
        "a box in a list of tasks needs a name",
        r'<input class="task-list-item-checkbox"(?! aria)',
        r'<input class="task-list-item-checkbox" aria-label="done"',
    ),
    Mend(
        "what scrolls must be reached by the keyboard; the theme measures too early",
        r'<div class="pst-scrollable-table-container">',
        '<div class="pst-scrollable-table-container" tabindex="0">',
    ),
    Mend(
        "every theorem of a page gets this id, but an id must be unique",
        r'(<section class="[\w-]+-content") id="[\w-]+-content"',
        r"\1",
    ),
    Mend(
        "a full stop belongs to the line of the formula before it; long ones must wrap",
        r'(?<!<span class="glued">)(<span class="math[^>]*>[^<]{1,60}</span>[.,;:!?)]+)',
        r'<span class="glued">\1</span>',
    ),
]

# The theme lets the keyboard reach what scrolls, but looks only when a page opens or
# changes its size: what a reader unfolds would be left out.
LOOK_AGAIN = "addEventListener('click', () => dispatchEvent(new Event('resize')), true)"


def mended(page: str) -> str:
    """Apply every mend to the HTML of a page."""
    for mend in MENDS:
        page = re.sub(mend.pattern, mend.replacement, page)
    return page


def mend_pages(app: Sphinx, error: Exception | None) -> None:
    """Mend all pages of a finished build."""
    if error is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        found = path.read_text(encoding="utf-8")
        if (corrected := mended(found)) != found:
            path.write_text(corrected, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension to the build."""
    app.add_js_file(None, body=LOOK_AGAIN)
    app.connect("build-finished", mend_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
