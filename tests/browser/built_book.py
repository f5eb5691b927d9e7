"""The built book as a browser sees it: over http and straight from the disk."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
HTML = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html"))
SCREENSHOTS = HTML.parent / "screenshots"
GENERATED = {"genindex.html", "search.html", "prf-prf.html"}  # without text of ours


def chapter_files() -> list[str]:
    """Every page with text of ours, relative to the built book."""
    pages = {path.relative_to(HTML).as_posix(): path for path in HTML.rglob("*.html")}
    return sorted(
        name
        for name, path in pages.items()
        if name not in GENERATED
        and not name.startswith(("_", "."))
        and not _forwards(path)
    )


def _forwards(path: Path) -> bool:
    """Whether the page only leads to another one, as the root of the book does."""
    return 'http-equiv="refresh"' in path.read_text(encoding="utf-8").lower()


@dataclass
class Visit:
    """A page in the browser, and what happened while it was open."""

    page: Page
    home: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class BookPage:
    """One page of the book; opened once per scheme, as loading is what takes time."""

    def __init__(self, name: str, browser: Browser, homes: dict[str, str]):
        self.name = name
        self.file = HTML / name
        self.browser = browser
        self.homes = homes
        self._visits: dict[str, Visit] = {}

    def at(self, scheme: str) -> Visit:
        """Open the page over "http" or "file" and wait until it is complete."""
        if scheme not in self._visits:
            self._visits[scheme] = self._open(self.homes[scheme])
        return self._visits[scheme]

    def _open(self, home: str) -> Visit:
        page = self.browser.new_page(
            viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
        )
        visit = Visit(page, home)
        page.on("request", lambda request: visit.requests.append(request.url))
        page.on("pageerror", lambda error: visit.errors.append(str(error)))
        page.on(
            "console",
            lambda said: (
                visit.errors.append(said.text) if said.type == "error" else None
            ),
        )
        page.goto(home + self.name, wait_until="load")
        page.evaluate("window.MathJax ? MathJax.startup.promise : null")
        # what is folded away must hold its promises too
        page.evaluate(
            "document.querySelectorAll('details').forEach(d => d.open = true)"
        )
        return visit

    def close(self) -> None:
        """Close the tabs of this page."""
        for visit in self._visits.values():
            visit.page.close()
