"""What can be wrong with a key file."""

from __future__ import annotations

from pathlib import Path
from typing import Self


class KeyFileProblem(Exception):
    """The key file cannot be used. ``str()`` tells the operator why and what to do; it never quotes a key."""

    @classmethod
    def malformed(cls, path: Path, detail: str) -> Self:
        """Describe a file that is not a key file, or not a whole one."""
        return cls(
            f"{path} is not a key file: {detail}. Restore it from a backup; or move it away and start again with a new "
            "key: then all tokens that this one signed end, and no secret that it sealed can be read again."
        )
