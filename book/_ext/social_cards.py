"""Sphinx extension: what a link to a page shows where people share it (OpenGraph).

Title and first paragraph always; address and cover, which must be absolute, only once the
public address of the book is known.
"""

import html
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 200  # characters of a description
SHORTEST = 60  # of a paragraph that describes a page


def card(
    title: str, description: str, site: str, base: str | None, page: str
) -> dict[str, str]:
    """The properties of a page's card, ``og:...`` -> content."""
    found = {
        "og:type": "article",
        "og:site_name": site,
        "og:title": title,
        "og:description": description,
    }
    if base:
        found["og:url"] = f"{base}{page}.html"
        found["og:image"] = f"{base}_images/cover.png"
    return found


def described(paragraphs: list[str]) -> str:
    """The first paragraph worth showing, cut at a word; "" if there is none."""
    for text in (" ".join(text.split()) for text in paragraphs):
        text = re.sub(r"^The question\. ", "", text)
        if len(text) >= SHORTEST:
            if len(text) <= LONGEST:
                return text
            return text[:LONGEST].rsplit(" ", 1)[0] + " \u2026"
    return ""


def add_card(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Put the card into the head of a page with text of ours."""
    if doctree is None:
        return
    paragraphs = [it.astext() for it in doctree.findall(nodes.paragraph)]
    title = html.unescape(re.sub(r"<[^>]+>", "", context.get("title", "")))
    properties = card(
        title,
        described(paragraphs),
        app.config.html_title or app.config.project,
        app.config.html_baseurl,
        page,
    )
    tags = "".join(
        f'<meta property="{name}" content="{html.escape(content)}" />\n'
        for name, content in properties.items()
        if content
    )
    if description := properties["og:description"]:  # for search engines
        tags += f'<meta name="description" content="{html.escape(description)}" />\n'
    context["metatags"] = context.get("metatags", "") + tags


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension to the build."""
    app.connect("html-page-context", add_card)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
