"""``make test``: lint, book, package tests, chapters under nbval; every step is run."""

import os
import subprocess
import sys
import time

STEPS = {
    "lint": ["-m", "tools.lint"],
    "book": ["-m", "tools.book"],
    "chapters under nbval": [
        *("-m", "pytest", "-q", "--nbval-lax", "--nbval-cell-timeout=300"),
        *("-p", "no:cacheprovider", "book"),
    ],
    "tests": ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
}


def main() -> int:
    """Run the steps in order; returns 1 if any failed, after saying which."""
    failed, start = [], time.monotonic()
    for name, arguments in STEPS.items():
        print(f"\n=== {name} ===", flush=True)
        since = time.monotonic()
        if subprocess.call([sys.executable, *arguments], env=dict(os.environ)):
            failed.append(name)
        print(f"({name}: {time.monotonic() - since:.0f} s)", flush=True)
    total = f"{time.monotonic() - start:.0f} s"
    if failed:
        print(f"\nmake test: FAILED in {', '.join(failed)} ({total})", flush=True)
        return 1
    print(f"\nmake test: all passed ({total})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
