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
    "test-all": "the same with the slow proofs",
    "offline": "one zip of the pages that reads with no network",
    "pdf": "the whole book as one PDF",
    "lab": "open JupyterLab on the chapters",
    "lint": "check style and types",
    "store": "keep the printed output of marked cells in the chapters, drop the rest",
    "coursework": "write the student release [VARIANT=number] [COURSE=folder]",
    "grade": "grade SUBMISSIONS=folder [VARIANT=] [COURSE=] [GRADES=folder] [JOBS=]",
    "reproduce": "train anew what the book reports, compare [ONLY=papers] [SCHEDULER=]",
    "setup": "only make .venv",
    "clean": "remove what the other commands made, .venv too",
}

MODULES = {
    "lab": ["jupyterlab", "--notebook-dir", "book"],
    "test-all": ["tools.test"],
    "coursework": ["coursework.release"],
    "grade": ["coursework.grade"],
}
FOLDERS = {"COURSE", "SUBMISSIONS", "GRADES"}


def main() -> int:
    """Run one command; returns its exit status."""
    described = "\n".join(f"  {name:10} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tools",
        description=f"commands:\n{described}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command")
    parser.add_argument("settings", nargs="*", metavar="NAME=value")
    arguments = parser.parse_args()
    command, settings = arguments.command, _settings(parser, arguments.settings)
    for name in FOLDERS & set(settings):  # meant from where the caller stands
        settings[name] = os.path.abspath(os.path.expanduser(settings[name]))
    os.chdir(ROOT)
    if command == "clean":
        for folder in ("_build", ".venv"):
            shutil.rmtree(ROOT / folder, ignore_errors=True)
        return 0
    python = ensure_environment()
    if command == "setup":
        return 0
    if command == "test-all":
        settings["TEST_ALL"] = "1"
    module = MODULES.get(command, [f"tools.{command}"])
    # Only this project's packages, whatever the caller's shell has set up.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONHOME"}
    environment |= {"PYTHONPATH": str(ROOT), **settings}
    try:
        return subprocess.call([str(python), "-m", *module], env=environment)
    except KeyboardInterrupt:
        return 130


def _settings(parser: argparse.ArgumentParser, given: list[str]) -> dict[str, str]:
    """NAME=value arguments; make passes the same ones through the environment."""
    named = {name: os.environ[name] for name in FOLDERS if os.environ.get(name)}
    for setting in given:
        name, equals, value = setting.partition("=")
        if not equals or not name.isidentifier():
            parser.error(f"{setting!r} is not of the form NAME=value")
        named[name] = value
    return named


if __name__ == "__main__":
    sys.exit(main())
