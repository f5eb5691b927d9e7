"""Runs inside a chapter's kernel before its first cell: notes which files it reads.

The build sets PYTHONSTARTUP to this file and BOOK_READS to the file to append to. Paths
inside the project are noted once each, folders that are listed among them; from these a
later build knows whether the chapter's outputs are stale.
"""

import importlib.util
import os
import sys


def _watch(root: str, record: str) -> None:
    ignored = [os.path.join(root, name) for name in (".venv", "_build", ".git")]
    seen: set[str] = set()

    def note(event: str, arguments: tuple) -> None:
        if event not in ("open", "os.listdir", "os.scandir") or not arguments:
            return
        path = arguments[0]
        if not isinstance(path, str) or path in seen:
            return
        seen.add(path)
        path = os.path.abspath(path)
        if not path.startswith(root + os.sep) or path == record:
            return
        if any(path.startswith(folder) for folder in ignored):
            return
        if path.endswith(".pyc"):
            path = importlib.util.source_from_cache(path)
        if not os.path.exists(path) or "__pycache__" in path:
            return
        with open(record, "a", encoding="utf-8") as file:
            file.write(os.path.relpath(path, root) + "\n")

    sys.addaudithook(note)


if "BOOK_READS" in os.environ:
    _watch(os.environ["BOOK_ROOT"], os.environ["BOOK_READS"])
