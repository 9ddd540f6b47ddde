"""Which replicas must have a write before it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from paseport.redis.script import Reply
from paseport.redis.sentinels import ReplicaReport, SentinelAnswer
from paseport.redis.settings import Address

_DOUBT_SECONDS: Final = 3.0
"""How long a promotion may be under way whose begin we did not see. The Sentinel that leads it looks every second
whether it is done, and then takes the other replicas along."""


class Followers:
    """The replicas that have been in step with the present primary.

    Any one of them may be promoted next, also while the primary works and only the Sentinels do not see it. The one
    that is promoted leaves, the other one goes on confirming for about a second, and what it alone has confirmed is
    thrown away. So all of them must confirm, and they must be the same ones as before. A replica that died is in the
    way until the Sentinels have noticed.

    Who connects only now has not seen who left before. So a replica that the Sentinels list and the primary does not
    have is missed like one that left, until it is there, the Sentinels rule it out, or a promotion would be over.

    With ``at_least`` 0 nothing is confirmed. Without Sentinels nobody is promoted, and ``at_least`` are enough.
    """

    def __init__(
        self, at_least: int, *, may_be_promoted: bool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_least = at_least
        self._monotonic = monotonic
        self._are_followed = may_be_promoted and at_least > 0
        self._primary: Address | None = None
        self._seen_at: dict[Address, float] = {}
        self._present: frozenset[Address] = frozenset()
        self._given_up: frozenset[Address] = frozenset()
        self._doubted: frozenset[Address] = frozenset()
        self._attached_at = 0.0

    @property
    def needed(self) -> int:
        """How many have to confirm a write."""
        return max(self._at_least, len(self._expected))

    @property
    def are_incomplete(self) -> bool:
        """Whether one was given up, or is in doubt, which may be over at any time."""
        return bool(self._given_up or self._in_doubt)

    def attach(self, primary: Address, role: Reply, answers: Sequence[SentinelAnswer] = (), majority: int = 1) -> None:
        """Note who is in step with a primary, as its answer to ROLE says.

        ``answers`` are those by which it was found. The followers of another primary do not count any more. Coming back
        to the same one forgets nobody: who was promoted meanwhile has left it.
        """
        if primary == self._primary:
            self.look(role)
            return
        self._primary = primary
        self._seen_at = {}
        self._present = self._given_up = self._doubted = frozenset()
        self._attached_at = self._monotonic()
        self.look(role)
        if self._are_followed:
            listed = (answer.replicas for answer in answers if answer.primary == primary)
            self._doubted = frozenset().union(*listed) - self._present
            self.judge(answers, majority)

    def look(self, role: Reply) -> None:
        """Note who is in step now; the more often, the surer is who was before a promotion."""
        present = frozenset(Address(host.decode(), int(port)) for host, port, _ in role[2])
        # One that leaves just now may have been promoted, whatever the Sentinels said of it before.
        self._given_up -= self._present - present
        self._present = present
        self._doubted -= present
        if self._are_followed:
            now = self._monotonic()
            self._seen_at |= dict.fromkeys(present, now)

    def lacking(self, confirmed: int, needed: int, role: Reply) -> str | None:
        """Return why a write is not safe that ``confirmed`` of ``needed`` replicas have, or None where it is.

        ``role`` is the primary's answer to ROLE right after it.
        """
        if role[0] != b"master":
            return "the primary was replaced just now"
        self.look(role)
        absent = self._expected - self._present
        if confirmed < needed:
            # Too few is a number, not an error.
            return f"{confirmed} of {needed} replicas confirmed the write"
        return f"replica {min(absent)} is not with the primary" if absent else None

    def judge(self, answers: Sequence[SentinelAnswer], majority: int) -> None:
        """Give up those that a majority of the Sentinels would not promote, and wait for all others again."""
        now = self._monotonic()
        reports = [answer.replicas for answer in answers if answer.primary == self._primary]

        def is_ruled_out(replica: Address, seen_at: float) -> bool:
            return sum(_is_ruled_out(said.get(replica), now - seen_at) for said in reports) >= majority

        self._given_up = frozenset(replica for replica, at in self._seen_at.items() if is_ruled_out(replica, at))
        # For good: whoever was promoted before we came would be alive.
        self._doubted -= {replica for replica in self._doubted if is_ruled_out(replica, self._attached_at)}

    @property
    def _expected(self) -> frozenset[Address]:
        return (frozenset(self._seen_at) - self._given_up) | self._in_doubt

    @property
    def _in_doubt(self) -> frozenset[Address]:
        is_over = self._monotonic() - self._attached_at > _DOUBT_SECONDS
        return frozenset() if is_over else self._doubted


def _is_ruled_out(report: ReplicaReport | None, seen_seconds_ago: float) -> bool:
    """Say whether a Sentinel would not promote a replica that was in step so long ago."""
    if report is None:
        return True
    # What was heard before it was last seen in step is old news.
    return report.is_down or (report.is_apart and report.heard_seconds_ago < seen_seconds_ago)
