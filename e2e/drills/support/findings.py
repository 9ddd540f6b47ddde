"""What a drill finds: how long nothing worked, and everything that must never happen."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Protocol

from paseport_testkit.harness.standstill import HEARTBEAT, Violated

REVOKED_WITHIN_SECONDS: Final = 2.0
"""P2: how long after it was acknowledged a revocation may take to reach a verifier, at worst."""
_SHOWN: Final = 5


@dataclass(slots=True)
class Findings:
    """Counts while a drill runs, in one event loop; others may read meanwhile."""

    began_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    refreshed_at: list[float] = field(default_factory=list)
    """When each refresh that succeeded was answered, with the monotonic clock."""
    verified_at: list[float] = field(default_factory=list)
    """The same for calls of the api."""
    signed_in_at: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    """Every answer, as in "refresh 200"."""
    lost: Counter[str] = field(default_factory=Counter)
    """Requests without an answer, by what was asked."""
    slowest: dict[str, float] = field(default_factory=dict)
    """The slowest answer in seconds, by what was asked."""
    signed_out: int = 0
    """Sessions that were ended and acknowledged, by their owners or because somebody else had a token of theirs."""
    accepted_for_seconds: float = 0.0
    """How long after its revocation was acknowledged an access token was accepted, at the longest."""
    wrong: list[str] = field(default_factory=list)
    """Answers that nobody should ever get, and good credentials that were refused by the api."""
    revoked_accepted: list[str] = field(default_factory=list)
    spent_accepted: list[str] = field(default_factory=list)
    logged_out: list[str] = field(default_factory=list)
    """Browsers that held the newest token, had not signed out, and were told that the session has ended."""
    split: list[str] = field(default_factory=list)
    """Tokens that were exchanged for two different successors."""

    def refresh_gap(self, since: float | None = None, until: float | None = None) -> float:
        """Return the longest time without a successful refresh, in seconds."""
        return self._longest_gap(self.refreshed_at, since, until)

    def verify_gap(self, since: float | None = None, until: float | None = None) -> float:
        """Return the longest time without a successful call of the api, in seconds."""
        return self._longest_gap(self.verified_at, since, until)

    def refreshes_between(self, since: float, until: float) -> int:
        """Return how many refreshes succeeded in between."""
        return sum(since < moment < until for moment in self.refreshed_at)

    @property
    def told_to_wait(self) -> dict[str, int]:
        """How often somebody was told to come again later, by what they asked and the status."""
        return {what: count for what, count in self.answers.items() if what.endswith((" 502", " 503", " 504"))}

    def problems(self) -> list[str]:
        """Return the first of everything that must never happen."""
        kinds = {
            "wrong answer": self.wrong,
            "revoked, and accepted": self.revoked_accepted,
            "spent, and accepted": self.spent_accepted,
            "logged out": self.logged_out,
            "two successors": self.split,
        }
        return [f"{kind}: {what}" for kind, found in kinds.items() for what in found[:_SHOWN]]

    def check(self) -> None:
        """Raise ``Violated`` where there was something that must never happen."""
        if problems := self.problems():
            raise Violated("; ".join(problems))

    def line(self, name: str) -> str:
        """Return the one line that a drill prints."""
        seconds = (self.ended_at or time.monotonic()) - self.began_at
        waits = ", ".join(f"{what} {count}" for what, count in self.told_to_wait.items()) or "nobody"
        still = HEARTBEAT.stood_still_seconds(self.began_at, self.ended_at)
        what, slowest = max(self.slowest.items(), key=lambda entry: entry[1], default=("none", 0.0))
        return (
            f"{name}: unavailable refresh {self.refresh_gap():.2f} s, verifying {self.verify_gap():.2f} s;"
            f" wrong answers {len(self.wrong) + len(self.split)}, revoked accepted {len(self.revoked_accepted)},"
            f" spent accepted {len(self.spent_accepted)}, logged out {len(self.logged_out)}"
            f" ({seconds:.0f} s, {len(self.refreshed_at)} refreshes, {len(self.verified_at)} calls,"
            f" {self.signed_out} sessions ended, told to wait: {waits}; {self.lost.total()} unanswered,"
            f" slowest answer {slowest:.2f} s ({what}), a revoked token accepted for {self.accepted_for_seconds:.2f} s,"
            f" the machine stood still for {still:.1f} s)"
        )

    def _longest_gap(self, moments: Sequence[float], since: float | None, until: float | None) -> float:
        begin = self.began_at if since is None else since
        end = until or self.ended_at or time.monotonic()
        edges = [begin, *(moment for moment in moments if begin < moment < end), end]
        return max(after - before for before, after in pairwise(edges))


class Report(Protocol):
    """Prints a drill's line, and fails the drill where something happened that must never happen."""

    def __call__(self, findings: Findings, remark: str = "") -> None:
        """``remark`` ends the line."""
        ...
