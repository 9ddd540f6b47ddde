"""The count of revocations on the wire."""

from __future__ import annotations

from typing import Literal

import msgspec
from paseport.revocation import RevocationKind

from paseport_api.use_cases.show_revocations import RevocationSummary


class InForce(msgspec.Struct, frozen=True):
    """How many revocations of each kind are in force."""

    session: int
    family: int
    user: int
    jti: int
    key: int
    api_key: int

    @staticmethod
    def of(counts: dict[RevocationKind, int]) -> InForce:
        """Return the counts by their wire names; a kind without a field here is an error and not left out."""
        return InForce(**{kind.value: count for kind, count in counts.items()})


class RevocationsResponse(msgspec.Struct, frozen=True):
    """Where this process stands in the feed, and what it holds."""

    epoch: int
    seq: int
    state: Literal["fresh", "stale"]
    age_seconds: float
    in_force: InForce

    @staticmethod
    def of(summary: RevocationSummary) -> RevocationsResponse:
        """Return the answer for a summary."""
        return RevocationsResponse(
            epoch=summary.position.epoch,
            seq=summary.position.seq,
            state="fresh" if summary.is_fresh else "stale",
            age_seconds=round(summary.age_seconds, 3),
            in_force=InForce.of(summary.in_force),
        )
