"""A worker's copies of API keys: what it asks for, what it goes on with, and what it never trusts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from edge_world import new_key
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation, RevocationKind
from paseport.revocation_list import RevocationList
from paseport_api.use_cases import api_key_copies
from paseport_api.use_cases.api_key_copies import ApiKeyCopies
from paseport_api.use_cases.find_api_key import FindApiKey
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKey, DeletedApiKey


class SlowDirectory(MemoryApiKeyDirectory):
    """A directory that has read its answer and gives it when the test lets it; it counts who asks."""

    def __init__(self, outage: MemoryOutage) -> None:
        super().__init__(outage)
        self.asked = 0
        self.has_read = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def find(self, key_id: str) -> ApiKey | None:
        self.asked += 1
        key = await super().find(key_id)
        self.has_read.set()
        await self.may_answer.wait()
        return key


@dataclass
class Worker:
    """Copies behind a feed that the test plays."""

    clock: ManualClock = field(default_factory=ManualClock)
    redis: MemoryOutage = field(default_factory=MemoryOutage)
    issuer: MemoryOutage = field(default_factory=MemoryOutage)

    def __post_init__(self) -> None:
        self.directory = SlowDirectory(self.redis)
        self.source = SlowDirectory(self.issuer)
        self.revocations = RevocationList(self.clock)
        self.copies = ApiKeyCopies(FindApiKey(self.directory, self.source, self.clock), self.clock)
        self.revocations.listen(self.copies)
        self.revocations.merge(FeedSnapshot(FeedPosition(1, 0), ()))
        self._seq = 0

    def hears(self, key_id: str, revision: int) -> None:
        """The feed names a key."""
        self._seq += 1
        now = self.clock.now()
        revoked = Revocation(RevocationKind.API_KEY, key_id, revision, now, now.replace(year=now.year + 1))
        self.revocations.apply((FeedChange(FeedPosition(1, self._seq), revoked),))


@pytest.fixture
async def worker() -> Worker:
    worker = Worker()
    await worker.directory.mark_complete()
    return worker


async def stored(worker: Worker) -> ApiKey:
    key, _ = new_key()
    await worker.directory.put([key])
    return key


async def test_a_key_is_asked_for_once_and_again_after_a_minute(worker: Worker) -> None:
    key = await stored(worker)

    assert [await worker.copies(key.id) for _ in range(3)] == [replace(key, comment="", email=None)] * 3
    assert worker.directory.asked == 1
    worker.clock.advance(api_key_copies.MAX_AGE_SECONDS)
    assert worker.copies.recall(key.id) is None
    await worker.copies(key.id)
    assert worker.directory.asked == 2


async def test_a_key_that_the_feed_names_is_asked_for_again(worker: Worker) -> None:
    key = await stored(worker)
    await worker.copies(key.id)
    await worker.directory.put([DeletedApiKey(key.id, 2)])

    worker.hears(key.id, 2)

    assert await worker.copies(key.id) is None


async def test_an_answer_from_before_a_change_is_not_kept(worker: Worker) -> None:
    """The change is heard between the look into the directory and its answer: the copy would be old for a minute."""
    key = await stored(worker)
    worker.directory.may_answer.clear()
    asking = asyncio.create_task(worker.copies(key.id))
    await worker.directory.has_read.wait()

    await worker.directory.put([replace(key, disabled=True, revision=2)])
    worker.hears(key.id, 2)
    worker.directory.may_answer.set()
    answer = await asking

    assert answer is not None
    assert not worker.revocations.is_current(answer.id, answer.revision)
    assert worker.copies.recall(key.id) is None
    again = await worker.copies(key.id)
    assert again is not None
    assert again.disabled


async def test_a_lost_track_makes_every_copy_one_to_ask_for_and_what_is_on_its_way_too(worker: Worker) -> None:
    first, second = await stored(worker), await stored(worker)
    await worker.copies(first.id)
    worker.directory.may_answer.clear()
    worker.directory.has_read.clear()
    asking = asyncio.create_task(worker.copies(second.id))
    await worker.directory.has_read.wait()

    worker.revocations.merge(FeedSnapshot(FeedPosition(2, 0), ()))
    worker.directory.may_answer.set()
    await asking

    assert [worker.copies.recall(key.id) for key in (first, second)] == [None, None]


async def test_an_unknown_id_is_not_asked_for_again_within_a_second(worker: Worker) -> None:
    for _ in range(3):
        assert await worker.copies("0123456789abcdef") is None
    assert worker.directory.asked == 1
    worker.clock.advance(api_key_copies.MISS_SECONDS)
    await worker.copies("0123456789abcdef")
    assert worker.directory.asked == 2


async def test_a_key_that_is_made_after_somebody_asked_is_there_once_the_feed_names_it(worker: Worker) -> None:
    key, _ = new_key()
    assert await worker.copies(key.id) is None
    await worker.directory.put([key])

    worker.hears(key.id, 1)

    assert await worker.copies(key.id) is not None


async def test_a_miss_that_is_not_final_is_asked_of_the_issuer_each_time() -> None:
    worker = Worker()
    for _ in range(2):
        assert await worker.copies("0123456789abcdef") is None
    assert worker.source.asked == 2


async def test_misses_are_bounded_and_drive_out_no_key(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_key_copies, "MISSES_KEPT", 10)
    key = await stored(worker)
    await worker.copies(key.id)

    for number in range(50):
        await worker.copies(f"{number:016}")

    assert worker.copies.recall(key.id) is not None
    assert len(worker.copies._misses) == 10


async def test_copies_are_bounded_and_the_oldest_goes_first() -> None:
    worker = Worker()
    copies = ApiKeyCopies(FindApiKey(worker.directory, worker.source, worker.clock), worker.clock, copies_kept=2)
    keys = [await stored(worker) for _ in range(3)]

    for key in keys:
        await copies(key.id)

    assert len(copies) == 2
    assert [copies.recall(key.id) is not None for key in keys] == [False, True, True]


async def test_while_nobody_answers_an_old_copy_counts_and_a_named_one_does_not(worker: Worker) -> None:
    """FT-08 for keys: what it could have missed would have come as a revocation."""
    known, named = await stored(worker), await stored(worker)
    for key in (known, named):
        await worker.copies(key.id)
    worker.clock.advance(api_key_copies.MAX_AGE_SECONDS)
    worker.hears(named.id, 2)

    with worker.redis, worker.issuer:
        answer = await worker.copies(known.id)
        assert answer is not None
        with pytest.raises(Unavailable):
            await worker.copies(named.id)
        with pytest.raises(Unavailable):
            await worker.copies("0123456789abcdef")


async def test_a_directory_that_answers_and_an_issuer_that_does_not_leave_a_miss_open(worker: Worker) -> None:
    """FA-07: a directory that lost its marker lost keys, perhaps this one, so the old copy is no answer."""
    key = await stored(worker)
    await worker.copies(key.id)
    worker.clock.advance(api_key_copies.MAX_AGE_SECONDS)
    worker.directory._entries.clear()
    worker.directory._complete = False

    with worker.issuer, pytest.raises(Unavailable):
        await worker.copies(key.id)


async def test_a_directory_that_failed_is_left_alone_for_a_moment(worker: Worker) -> None:
    key = await stored(worker)
    await worker.source.put([key])
    with worker.redis:
        await worker.copies(key.id)
        asked = worker.directory.asked
        for number in range(3):
            await worker.copies(f"{number:016}")
    assert worker.directory.asked == asked
    worker.clock.advance(0.5)
    await worker.copies(f"{9:016}")
    assert worker.directory.asked == asked + 1


async def test_an_older_revocation_leaves_a_newer_copy_alone(worker: Worker) -> None:
    key = await stored(worker)
    await worker.directory.put([replace(key, revision=5)])
    await worker.copies(key.id)

    worker.hears(key.id, 3)

    assert worker.copies.recall(key.id) is not None
