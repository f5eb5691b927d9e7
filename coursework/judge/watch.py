"""How much a worker and all its descendants use, read from ``/proc``."""

from pathlib import Path

from coursework.judge.jail import Limits

PROC = Path("/proc")
PAGE = 4096


def excess(pid: int, limits: Limits) -> str:
    """What the processes below ``pid`` use too much of; empty if nothing."""
    if not (PROC / str(pid) / "stat").exists():
        return ""  # it has ended, or this is no Linux
    usage = _usage(pid)
    if sum(usage.values()) > limits.resident:
        return "it used too much memory"
    if len(usage) > limits.processes + 5:
        return "it started too many processes"
    return ""


def _usage(root: int) -> dict[int, int]:
    """Bytes in memory of a process and its descendants, by process."""
    parents, resident = {}, {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (OSError, UnicodeDecodeError):
            continue  # it has just ended
        pid = int(folder.name)
        parents[pid], resident[pid] = int(fields[1]), int(fields[21]) * PAGE
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found, ahead = {}, [root]
    while ahead:
        pid = ahead.pop()
        if pid in resident and pid not in found:
            found[pid] = resident[pid]
            ahead += children.get(pid, [])
    return found
