"""``python -m tools COMMAND``: what the Makefile calls, and all that Windows needs.

Only the standard library is used up to the point where ``.venv`` exists; the command
itself then runs inside it.
"""

import argparse
import os
import shutil
import subprocess
import sys

from tools.setup import ROOT, ensure_environment

COMMANDS = {
    "book": "execute what changed, build _build/html",
    "test": "lint, build the book, run every test",
    "lab": "open JupyterLab on the chapters",
    "lint": "check style and types",
    "store": "keep the printed output of marked cells in the chapters, drop the rest",
    "setup": "only make .venv",
    "clean": "remove what the other commands made, .venv too",
}


def main() -> int:
    """Run one command; returns its exit status."""
    described = "\n".join(f"  {name:6} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tools",
        description=f"commands:\n{described}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command")
    command = parser.parse_args().command
    os.chdir(ROOT)
    if command == "clean":
        for folder in ("_build", ".venv"):
            shutil.rmtree(ROOT / folder, ignore_errors=True)
        return 0
    python = ensure_environment()
    if command == "setup":
        return 0
    if command == "lab":
        arguments = ["-m", "jupyterlab", "--notebook-dir", "book"]
    else:
        arguments = ["-m", f"tools.{command}"]
    # Only this project's packages, whatever the caller's shell has set up.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONHOME"}
    environment["PYTHONPATH"] = str(ROOT)
    try:
        return subprocess.call([str(python), *arguments], env=environment)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
