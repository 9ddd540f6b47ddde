"""What services and Sentinels wrote while a drill ran: the first thing to read when one has failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SENTINEL_EVENTS: Final = ("+sdown", "-sdown", "+odown", "+switch-master", "+promoted-slave", "-failover-abort")
_LEVELS: Final = ("warning", "error", "critical")
_SHOWN: Final = 60


class ServiceLogs:
    """The lines that were added to the log files of a folder since this was made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends = {path: path.stat().st_size for path in folder.glob("*.log")}

    def summary(self) -> str:
        """Return every warning and every Sentinel's event: how often and between when, in the order of the first."""
        found: dict[str, list[str]] = {}
        for path in sorted(self._folder.glob("*.log")):
            for moment, what in self._events(path):
                found.setdefault(f"{path.stem}: {what}", []).append(moment)
        entries = sorted(found.items(), key=lambda entry: entry[1][0])
        lines = [f"{moments[0]} … {moments[-1]} {len(moments):4d} × {what}" for what, moments in entries]
        return "\n".join([*lines[:_SHOWN], *([f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])])

    def _events(self, path: Path) -> Iterator[tuple[str, str]]:
        with path.open("rb") as log:
            log.seek(self._ends.get(path, 0))
            for line in log.read().decode(errors="replace").splitlines():
                # Services write JSON, and so does toxiproxy with other keys; the last line may be half written.
                if '"timestamp"' in line and line.startswith("{") and line.endswith("}"):
                    entry = json.loads(line)
                    if entry.get("level") in _LEVELS:
                        said = (str(entry[key]) for key in ("event", "part", "reason") if entry.get(key))
                        yield entry["timestamp"].split("T")[1].rstrip("Z"), ", ".join(said)
                elif any(event in line for event in _SENTINEL_EVENTS):
                    # 4711:X 26 Nov 2026 05:00:00.000 # +switch-master …
                    _, _, _, _, moment, _, *words = line.split()
                    yield moment, " ".join(words)
