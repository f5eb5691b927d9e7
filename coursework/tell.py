"""Lines for the instructor's terminal that quote names and texts of others."""

import sys


def tell(text: str) -> None:
    """Print one line; what a terminal could not show, or would obey, is escaped."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    encoding = sys.stdout.encoding or "ascii"
    print(shown.encode(encoding, "backslashreplace").decode(encoding), flush=True)
