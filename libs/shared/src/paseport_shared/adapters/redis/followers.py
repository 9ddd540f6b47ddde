"""Which replicas must have a write before it is answered."""

from __future__ import annotations

from collections.abc import Collection

from paseport_shared.adapters.redis.script import Reply
from paseport_shared.adapters.redis.settings import Address


class Followers:
    """The replicas that have been in step with the present primary.

    Any one of them may be promoted next, also while the primary works and only the Sentinels do not see it. The one
    that is promoted leaves, the other one goes on confirming for about a second, and what it alone has confirmed is
    thrown away. So all of them must confirm, and they must be the same ones as before. A replica that died is in the
    way until the Sentinels have noticed.

    With ``at_least`` 0 nothing is confirmed. Without Sentinels nobody is promoted, and ``at_least`` are enough.
    """

    def __init__(self, at_least: int, *, may_be_promoted: bool) -> None:
        self._at_least = at_least
        self._are_followed = may_be_promoted and at_least > 0
        self._primary: Address | None = None
        self._known: frozenset[Address] = frozenset()
        self._given_up: frozenset[Address] = frozenset()

    @property
    def known(self) -> frozenset[Address]:
        """All of them, those that were given up included."""
        return self._known

    @property
    def needed(self) -> int:
        """How many have to confirm a write."""
        return max(self._at_least, len(self._expected))

    @property
    def are_incomplete(self) -> bool:
        """Whether one was given up, which may be over at any time."""
        return bool(self._given_up)

    def attach(self, primary: Address, role: Reply) -> None:
        """Note who is in step with a primary, as its answer to ROLE says.

        Those of another primary do not count any more. Coming back to the same one forgets nobody: who was promoted
        meanwhile has left it.
        """
        if primary != self._primary:
            self._primary = primary
            self._known = self._given_up = frozenset()
        self._add(_in_step(role))

    def lacking(self, confirmed: int, needed: int, role: Reply) -> str | None:
        """Return why a write is not safe that ``confirmed`` of ``needed`` replicas have, or None where it is.

        ``role`` is the primary's answer to ROLE right after it.
        """
        if role[0] != b"master":
            return "the primary was replaced just now"
        present = _in_step(role)
        absent = self._expected - present
        self._add(present)
        if confirmed < needed:
            # Too few is a number, not an error.
            return f"{confirmed} of {needed} replicas confirmed the write"
        return f"replica {min(absent)} has left the primary" if absent else None

    def give_up(self, replicas: Collection[Address]) -> None:
        """Wait for these no more, and for all others again: what the Sentinels think now."""
        self._given_up = self._known & frozenset(replicas)

    @property
    def _expected(self) -> frozenset[Address]:
        return self._known - self._given_up

    def _add(self, replicas: frozenset[Address]) -> None:
        if self._are_followed:
            self._known |= replicas


def _in_step(role: Reply) -> frozenset[Address]:
    """Return the replicas in a primary's answer to ROLE: those that it streams its writes to."""
    return frozenset(Address(host.decode(), int(port)) for host, port, _ in role[2])
