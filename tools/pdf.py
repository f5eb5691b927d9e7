"""``make pdf``: the whole book as one PDF, printed by the computer's own browser.

The built pages become one page with a table of contents, are printed, and printed once
more when the page numbers are known: style sheets cannot ask for them yet.
"""

import os
import re
import sys
import time
from pathlib import Path

import yaml
from playwright.sync_api import Browser, Page, sync_playwright

from tools import book
from tools.browser import HOW_TO_GET_ONE, QUIET, find_browser, served
from tools.setup import ROOT

TOOLS = Path(__file__).parent
PAPER = {"width": 642, "height": 945}  # A4 without margins, in CSS pixels
MOST_PASSES = 4  # numbers of another width could move a line once, hardly again


def main() -> int:
    """Build the book, then print it; returns 1 if there is no browser."""
    executable = find_browser()
    if executable is None:
        print(f"make pdf: {HOW_TO_GET_ONE}", file=sys.stderr)
        return 1
    if book.main():
        return 1
    start = time.monotonic()
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    about = f"{config['author']}\n\n{time.strftime('%d %B %Y')}\n{config['copyright']}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=QUIET)
        pdf = printed(
            browser, ROOT / "_build" / "html", _parts(ROOT), config["title"], about
        )
        browser.close()
    target = ROOT / "_build" / "book.pdf"
    part = target.with_suffix(".part")
    part.write_bytes(pdf)
    os.replace(part, target)
    seconds = time.monotonic() - start
    about = f"{len(pages_in_order(pdf))} pages, {len(pdf) / 1e6:.1f} MB"
    print(f"\nWrote {target}: {about}, printed in {seconds:.0f} s.")
    return 0


def printed(
    browser: Browser, html: Path, parts: dict[str, list[str]], title: str, about: str
) -> bytes:
    """The book in ``html`` as a PDF.

    Args:
        browser: Chromium.
        html: Folder of the built pages.
        parts: Caption -> pages relative to ``html``, the front page first.
        title: Of the book.
        about: What stands below the title.

    Raises:
        RuntimeError: If an entry of the contents leads nowhere, or the page numbers do
            not come to rest.
    """
    with served(html) as home:
        page = browser.new_page(viewport=PAPER, color_scheme="light")  # type: ignore[arg-type]
        page.set_default_timeout(300_000)
        page.goto(home + next(iter(parts.values()))[0], wait_until="load")
        page.emulate_media(media="print")
        page.add_style_tag(content=(TOOLS / "print.css").read_text(encoding="utf-8"))
        entries = page.evaluate(
            (TOOLS / "print.js").read_text(encoding="utf-8"),
            {
                "parts": [{"caption": c, "pages": p} for c, p in parts.items()],
                "home": home,
                "title": title,
                "edition": about,
            },
        )
        pdf = _with_page_numbers(page, entries)
        page.close()
    return pdf


def _with_page_numbers(page: Page, entries: list[str]) -> bytes:
    known: dict[str, int] = {}
    for _ in range(MOST_PASSES):
        pdf = page.pdf(prefer_css_page_size=True, print_background=True, outline=True)
        found = destinations(pdf)
        if lost := [entry for entry in entries if entry not in found]:
            raise RuntimeError(f"The contents lead nowhere: {lost}")
        if found == known:
            return pdf
        known = found
        page.evaluate(
            """found => document.querySelectorAll("[data-target]").forEach(it => {
                if (found[it.dataset.target]) it.textContent = found[it.dataset.target];
                else it.parentElement.remove();
            })""",
            found,
        )
    raise RuntimeError(f"The page numbers still change after {MOST_PASSES} passes.")


def destinations(pdf: bytes) -> dict[str, int]:
    """Every place of a PDF of Chromium that a link leads to: id -> page, from 1."""
    order = {number: i for i, number in enumerate(pages_in_order(pdf), start=1)}
    places = re.findall(rb"/([^\s/\[\]<>()]+) \[(\d+) 0 R /XYZ", pdf)
    return {_unescaped(name): order[int(page)] for name, page in places}


def pages_in_order(pdf: bytes) -> list[int]:
    """Object numbers of the pages of a PDF of Chromium, which leaves them readable."""
    kids, has_parent = {}, {}
    for match in re.finditer(rb"(?m)^(\d+) 0 obj\n<</Type /Pages?\n", pdf):
        number = int(match[1])
        body = pdf[match.end() : pdf.index(b"endobj", match.end())]
        found = re.search(rb"/Kids \[([^\]]*)\]", body)
        listed = re.findall(rb"(\d+) 0 R", found[1]) if found else []
        kids[number] = [int(kid) for kid in listed]
        has_parent[number] = b"/Parent " in body

    def below(number: int) -> list[int]:
        inner = [leaf for kid in kids[number] for leaf in below(kid)]
        return inner or [number]

    return [
        leaf
        for n, below_one in has_parent.items()
        if not below_one
        for leaf in below(n)
    ]


def _unescaped(name: bytes) -> str:
    plain = re.sub(rb"#([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), name)
    return plain.decode("utf-8")


def _parts(root: Path) -> dict[str, list[str]]:
    return {
        caption: [Path(page).with_suffix(".html").as_posix() for page in pages]
        for caption, pages in book.parts(root).items()
    }


if __name__ == "__main__":
    sys.exit(main())
