"""The addresses the book was published under, and what stands where a page moved."""

import html
import os
from pathlib import Path

LIST = "book/addresses.txt"


def published(root: Path) -> dict[str, str]:
    """Every address ever published, each with the one its page has now.

    Raises:
        ValueError: If a line is no address, stands twice, or leads to an address that
            is not listed or has moved on itself.
    """
    found: dict[str, str] = {}
    for line in (root / LIST).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        old, _, new = (part.strip() for part in line.partition("->"))
        for address in (old, new or old):
            if not address.endswith(".html") or address.startswith("/"):
                raise ValueError(f"{LIST}: {address!r} must be like book/index.html.")
        if old in found:
            raise ValueError(f"{LIST} must name {old} once, found it twice.")
        found[old] = new or old
    for old, new in found.items():
        if found.get(new) != new:
            raise ValueError(f"{LIST}: {old} must lead to an address of its own line.")
    return found


def write_redirects(root: Path, built: Path) -> None:
    """Put a page that leads on at every address in ``built`` whose page moved."""
    for old, new in published(root).items():
        if old != new:
            path = built / old
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(forwarding(old, new), encoding="utf-8")


def forwarding(old: str, new: str) -> str:
    """A page that leads on, with the place on the page, and works without scripts."""
    target = Path(os.path.relpath(new, Path(old).parent)).as_posix()
    link = html.escape(target)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        "<title>This page has moved</title>"
        f"<script>location.replace({target!r} + location.hash);</script>"
        f'<meta http-equiv="refresh" content="0; url={link}">'
        f'<link rel="canonical" href="{link}"></head>'
        f'<body><p>This page is now <a href="{link}">here</a>.</p></body></html>\n'
    )
