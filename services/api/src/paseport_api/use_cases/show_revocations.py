"""What is revoked now, as this process knows it."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.revocation import FeedPosition, RevocationKind
from paseport.revocation_list import RevocationList
from paseport_shared.domain.errors import Unavailable


@dataclass(frozen=True, slots=True)
class RevocationSummary:
    """Where this process stands in the feed, how old that is, and how many revocations of each kind are in force."""

    position: FeedPosition
    is_fresh: bool
    age_seconds: float
    in_force: dict[RevocationKind, int]


class ShowRevocations:
    """Counts the revocations in force. Which ones they are is nobody's business: their ids name sessions and users."""

    def __init__(self, revocations: RevocationList) -> None:
        self._revocations = revocations

    async def __call__(self) -> RevocationSummary:
        """Return the summary. Raises ``Unavailable`` before the first word of the feed."""
        state = self._revocations.state()
        if state.position is None or state.age_seconds is None:
            raise Unavailable("the revocation feed was never heard")
        in_force = {kind: state.in_force.get(kind, 0) for kind in RevocationKind}
        return RevocationSummary(state.position, state.is_fresh, state.age_seconds, in_force)
