"""``make lint``: formatting, lint and types, notebooks included."""

import subprocess
import sys

CHECKS = (
    ["ruff", "format", "--check", "--quiet", "."],
    ["ruff", "check", "--quiet", "."],
    ["basedpyright", "--level", "error"],
)


def main() -> int:
    """Run every check; returns 1 if any complains."""
    failed = [
        check[0] for check in CHECKS if subprocess.call([sys.executable, "-m", *check])
    ]
    if failed:
        print(
            f"make lint: {' and '.join(dict.fromkeys(failed))} complained; to format:"
        )
        print("  .venv/bin/python -m ruff format .")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
