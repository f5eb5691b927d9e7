"""``make offline``: the built book as one zip that reads from the disk.

The same pages give the same bytes: names in order, one date, one set of permissions.
"""

import os
import re
import sys
import zipfile
from pathlib import Path

from tools import book
from tools.setup import ROOT

FOLDER = "neural_networks_and_differential_equations"  # what unpacking makes
LEFT_OUT = {".buildinfo", "objects.inv", ".nojekyll"}  # of use to a server only
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold
LOADED = re.compile(
    r"<(?:script|img|iframe|source|link\b(?![^>]*rel=\"canonical\"))\b[^>]*?"
    r"\b(?:src|href)=[\"']((?:https?:)?//[^\"']+)"
)


def main() -> int:
    """Build the book, then the zip; returns 1 if a page would need the network."""
    if book.main():
        return 1
    html, target = ROOT / "_build" / "html", ROOT / "_build" / "book_offline.zip"
    if foreign := loaded_from_elsewhere(html):
        print("\n".join(foreign), file=sys.stderr)
        print("\nmake offline: these need a network", file=sys.stderr)
        return 1
    n_files = pack(html, target)
    size = target.stat().st_size / 1e6
    print(f"\nWrote {target}: {n_files} files, {size:.1f} MB.")
    print(f"Unpack it and open {FOLDER}/index.html; it needs no network.")
    return 0


def loaded_from_elsewhere(html: Path) -> list[str]:
    """What the pages would fetch from another host: ``page: address`` each."""
    return [
        f"{path.relative_to(html).as_posix()}: {address}"
        for path in sorted(html.rglob("*.html"))
        for address in LOADED.findall(path.read_text(encoding="utf-8"))
    ]


def pack(html: Path, target: Path) -> int:
    """Write all files below ``html`` to the zip ``target``; returns their number.

    Raises:
        ValueError: If there is no ``index.html`` to open.
    """
    if not (html / "index.html").is_file():
        raise ValueError(f"{html} must hold index.html, found none. Run make book.")
    files = sorted(
        (path.relative_to(html).as_posix(), path)
        for path in html.rglob("*")
        if path.is_file() and path.name not in LEFT_OUT
    )
    part = target.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is made
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
    os.replace(part, target)
    return len(files)


if __name__ == "__main__":
    sys.exit(main())
