"""The feed of a fake issuer, and how far each verifier has followed it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from paseport.clock import Clock
from paseport.revocation import Revocation

MAX_WAIT_SECONDS: Final = 1.0
# A verifier that reads no more was stopped: it polls at least once a second, and where its connection ended it opens
# another one at once if it goes on.
_GIVEN_UP_AFTER_SECONDS: Final = 3.0
_HUNG_UP_FOR_SECONDS: Final = 0.5
_LOOK_EVERY_SECONDS: Final = 0.05

Item = dict[str, object]
"""A change as the wire has it."""


class NotHeard(TimeoutError):
    """A verifier follows the feed and did not take note of a change in time."""


class UnknownPosition(LookupError):
    """Nothing can be told from here: read everything."""


@dataclass(slots=True)
class _Reader:
    """One verifier. ``seq`` is up to where it has read *and come back since*, so that it took note of all of that."""

    seq: int
    gone: asyncio.Event | None
    """Set when the connection that it asked on last has ended; None where that says nothing of it."""
    seen_at: float = field(default_factory=time.monotonic)
    waiting: int = 0
    is_lost: bool = False
    """Its position was forgotten; it has not noticed yet."""

    def seen(self, gone: asyncio.Event | None) -> None:
        self.gone = gone
        self.seen_at = time.monotonic()

    @property
    def follows(self) -> bool:
        """Whether it will come back, as far as one can see from here."""
        silent_seconds = time.monotonic() - self.seen_at
        if self.gone is not None and self.gone.is_set():
            return silent_seconds < _HUNG_UP_FOR_SECONDS
        return self.waiting > 0 or silent_seconds < _GIVEN_UP_AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class _Change:
    item: Item
    expires_at: datetime | None
    """When a revocation ends; None for a change of a subject, which is no part of what is in force."""


class FakeFeed:
    """All that was ever changed, in order. Belongs to the event loop of the server.

    Each reader that asks for everything is given an epoch of its own. A verifier cannot tell, an epoch is a number that
    it repeats; and the issuer knows by it who has read how far, however many verifiers share a credential.
    """

    def __init__(self, clock: Clock, page_size: int, heard_within: timedelta) -> None:
        self._clock = clock
        self._page_size = page_size
        self._heard_within_seconds = heard_within.total_seconds()
        self._changes: list[_Change] = []
        self._readers: dict[int, _Reader] = {}
        self._followers: list[_Reader] = []
        """Who followed when the feed fell silent."""
        self._epochs = itertools.count(1)
        self._changed = asyncio.Event()
        self._read = asyncio.Event()
        self.is_silent = False

    def revoke(self, revocation: Revocation) -> None:
        """Put a revocation into the feed."""
        item: Item = {
            "kind": revocation.kind.value,
            "subject": revocation.subject,
            "min_version": revocation.min_version,
            "recorded_at": _on_the_wire(revocation.recorded_at),
            "expires_at": _on_the_wire(revocation.expires_at),
        }
        self._append(_Change(item, revocation.expires_at))

    def subject_changed(self, subject: str | None, revision: int | None) -> None:
        """Say that copies of this subject's state are old; None: everybody's."""
        self._append(_Change({"kind": "subject", "subject": subject, "revision": revision}, None))

    def forget_readers(self) -> None:
        """Lose every position, as after a change of the Redis primary: all readers have to read everything again."""
        for reader in self._readers.values():
            reader.is_lost = True
        self._wake()

    async def first_page(self, gone: asyncio.Event) -> Item:
        """Begin to tell a new reader all that is in force."""
        await self._speaking(gone)
        # Whoever begins anew where it began before gave that up: nobody comes back for it.
        for abandoned in [epoch for epoch, reader in self._readers.items() if reader.seq < 0 and reader.gone is gone]:
            del self._readers[abandoned]
        epoch = next(self._epochs)
        self._readers[epoch] = _Reader(seq=-1, gone=gone)
        return self._page(epoch, len(self._changes), 0)

    async def page(self, cursor: str, gone: asyncio.Event) -> Item:
        """Go on telling. Raises ``UnknownPosition``."""
        await self._speaking(gone)
        try:
            epoch, seq, start = (int(number) for number in cursor.split("-"))
        except ValueError as error:
            raise UnknownPosition(cursor) from error
        self._reader(epoch).seen(gone)
        return self._page(epoch, seq, start)

    async def changes_since(self, epoch: int, seq: int, wait_seconds: float, gone: asyncio.Event) -> Item:
        """Tell what changed after a position, as soon as something did, or after ``wait_seconds``.

        At once where ``gone`` is set: nobody waits for the answer any more. Raises ``UnknownPosition``.
        """
        reader = self._reader(epoch)
        if seq > len(self._changes):
            raise UnknownPosition(seq)
        reader.seq = max(reader.seq, seq)
        reader.seen(gone)
        self._read.set()
        reader.waiting += 1
        try:
            await self._wait(reader, seq, wait_seconds, gone)
        finally:
            reader.waiting -= 1
            reader.seen(gone)
        self._reader(epoch)
        new = self._changes[seq : seq + self._page_size]
        items = [{**change.item, "seq": seq + number} for number, change in enumerate(new, start=1)]
        return {"epoch": epoch, "seq": seq + len(new), "reset": False, "next": None, "changes": items}

    async def heard(self) -> None:
        """Return when every verifier that follows has taken note of everything so far. Raises ``NotHeard``.

        At once while the feed is silent: nobody will hear of it before that ends.
        """
        target = len(self._changes)
        give_up_at = time.monotonic() + self._heard_within_seconds
        while not self.is_silent and any(self._is_behind(reader, target) for reader in self._readers.values()):
            if time.monotonic() > give_up_at:
                message = f"a verifier has not taken note within {self._heard_within_seconds:g} s"
                raise NotHeard(message)
            self._read.clear()
            await _set_within(self._read, _LOOK_EVERY_SECONDS)

    def silence(self, is_silent: bool) -> None:
        """Stop answering, or answer again."""
        if is_silent:
            self._followers = [reader for reader in self._readers.values() if reader.follows]
        self.is_silent = is_silent
        for reader in self._followers:
            # Readers give up on a silent feed. A connection that ended meanwhile does not say that its reader stopped.
            reader.seen(None)
        self._wake()

    def _is_behind(self, reader: _Reader, target: int) -> bool:
        return (reader.is_lost or reader.seq < target) and reader.follows

    def _reader(self, epoch: int) -> _Reader:
        reader = self._readers.get(epoch)
        if reader is None or reader.is_lost:
            self._readers.pop(epoch, None)
            raise UnknownPosition(epoch)
        return reader

    def _page(self, epoch: int, seq: int, start: int) -> Item:
        """Tell what is in force, from the change number ``start`` of the first ``seq``."""
        end = min(start + self._page_size, seq)
        now = self._clock.now()
        items = [{**change.item, "seq": None} for change in self._changes[start:end] if _is_in_force(change, now)]
        following = f"{epoch}-{seq}-{end}" if end < seq else None
        return {"epoch": epoch, "seq": seq, "reset": True, "next": following, "changes": items}

    async def _wait(self, reader: _Reader, seq: int, wait_seconds: float, gone: asyncio.Event) -> None:
        until = time.monotonic() + wait_seconds
        while not gone.is_set():
            left = until - time.monotonic()
            if not self.is_silent and (reader.is_lost or len(self._changes) > seq or left <= 0):
                return
            # A silent feed keeps its readers waiting until they give up.
            await _first_of((self._changed, gone), None if self.is_silent else left)

    async def _speaking(self, gone: asyncio.Event) -> None:
        """Return when the feed is not silent, or nobody waits any more."""
        while self.is_silent and not gone.is_set():
            await _first_of((self._changed, gone), None)

    def _append(self, change: _Change) -> None:
        self._changes.append(change)
        self._wake()

    def _wake(self) -> None:
        """Wake all who wait; whoever waits next waits for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()


def _is_in_force(change: _Change, now: datetime) -> bool:
    return change.expires_at is not None and change.expires_at > now


def _on_the_wire(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    await _first_of((event,), seconds)


async def _first_of(events: Iterable[asyncio.Event], seconds: float | None) -> None:
    """Return when one of the events is set, or after ``seconds``."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
