"""Regular expressions that administrators write."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.policy import Pattern


class PatternMatcher(Protocol):
    """Compiles to an engine of linear time: no pattern can be made to hang (GW-01)."""

    def compile(self, pattern: str) -> Pattern:
        """Return the compiled pattern. Raises ``ValueError`` with a reason for one that the engine cannot have."""
        ...
