"""The rules that are in force."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.policy import Policy


class Policies(Protocol):
    """Whoever holds the rules. Read ``policy`` once for one decision: it may be another one a moment later."""

    @property
    def policy(self) -> Policy:
        """The rules that are in force now."""
        ...
