"""A verifier's copies of who subjects are: current until the feed says otherwise (P3)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from paseport.errors import Unavailable
from paseport.find_subject import FindSubject
from paseport.revocation import (
    FeedChange,
    FeedPosition,
    FeedSnapshot,
    Revocation,
    RevocationKind,
    SubjectChange,
)
from paseport.revocation_list import RevocationList
from paseport.subject import SubjectState
from paseport.subject_copies import MAX_AGE_SECONDS, SubjectCopies
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory

ALICE = uuid4()
STATE = SubjectState(ALICE, "alice", frozenset({"User"}), enabled=True, version=1, revision=1)
CHANGED = replace(STATE, roles=frozenset({"User", "Admin"}), revision=2)
NAMED = SubjectChange(str(ALICE), 2)


class Issuer:
    """A ``SubjectSource`` that a test can stop in the middle of its answer."""

    def __init__(self, outage: MemoryOutage) -> None:
        self.outage = outage
        self.states: dict[UUID, SubjectState] = {ALICE: STATE}
        self.asked = 0
        self.fails = False
        self.has_read = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        self.asked += 1
        self.outage.check()
        state = self.states.get(user_id)
        self.has_read.set()
        await self.may_answer.wait()
        if self.fails:
            raise Unavailable("the issuer went away")
        return state


class World:
    """A verifier without a directory of its own, which follows the feed."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.outage = MemoryOutage()
        self.issuer = Issuer(self.outage)
        self.revocations = RevocationList(self.clock)
        self.copies = SubjectCopies(FindSubject(None, self.issuer, self.clock), self.clock, copies_kept=3)
        self.revocations.listen(self.copies)

    def hears(self, what: SubjectChange | Revocation, seq: int = 1) -> None:
        self.revocations.apply((FeedChange(FeedPosition(1, seq), what),))


def revoked_below(version: int) -> Revocation:
    return Revocation(RevocationKind.USER, str(ALICE), version, START, START + timedelta(minutes=10))


@pytest.fixture
def world() -> World:
    return World()


async def test_a_subject_is_asked_for_once(world: World) -> None:
    assert world.copies.recall(str(ALICE)) is None

    assert await world.copies(ALICE) == STATE
    assert await world.copies(ALICE) == STATE

    assert world.copies.recall(str(ALICE)) == STATE
    assert world.issuer.asked == 1


@pytest.mark.parametrize("change", [NAMED, SubjectChange()], ids=["named", "everybody"])
async def test_a_change_in_the_feed_makes_the_next_request_ask(world: World, change: SubjectChange) -> None:
    """P3: a changed role is in force with the next request after the event."""
    await world.copies(ALICE)
    world.issuer.states[ALICE] = CHANGED

    world.hears(change)

    assert world.copies.recall(str(ALICE)) is None
    assert await world.copies(ALICE) == CHANGED


async def test_what_this_process_changed_itself_counts_before_the_feed_brings_it_back(world: World) -> None:
    await world.copies(ALICE)
    world.issuer.states[ALICE] = CHANGED

    world.revocations.learn(NAMED)

    assert await world.copies(ALICE) == CHANGED


async def test_another_s_change_and_the_end_of_a_session_leave_a_copy_alone(world: World) -> None:
    await world.copies(ALICE)

    world.hears(SubjectChange(str(uuid4()), 9))
    world.hears(Revocation(RevocationKind.SESSION, str(ALICE), None, START, START), seq=2)

    assert world.copies.recall(str(ALICE)) == STATE


async def test_a_revoked_version_is_no_answer_even_where_nobody_can_be_asked(world: World) -> None:
    """Of the record's feed, which names no changes: a disabled owner's API keys carry no version of their own."""
    await world.copies(ALICE)
    world.hears(revoked_below(STATE.version + 1))

    assert world.copies.recall(str(ALICE)) is None
    with world.outage, pytest.raises(Unavailable):
        await world.copies(ALICE)


async def test_a_revocation_of_older_versions_leaves_a_copy_alone(world: World) -> None:
    await world.copies(ALICE)

    world.hears(revoked_below(STATE.version))

    assert world.copies.recall(str(ALICE)) == STATE


async def test_an_answer_from_before_a_revocation_is_not_kept(world: World) -> None:
    world.issuer.may_answer.clear()
    asking = asyncio.create_task(world.copies(ALICE))
    await world.issuer.has_read.wait()

    world.hears(revoked_below(STATE.version + 1))
    world.issuer.may_answer.set()
    await asking

    assert world.copies.recall(str(ALICE)) is None


async def test_a_snapshot_makes_every_copy_old(world: World) -> None:
    """Changes that were missed are not in it."""
    await world.copies(ALICE)
    world.issuer.states[ALICE] = CHANGED

    world.revocations.merge(FeedSnapshot(FeedPosition(2, 0), ()))

    assert await world.copies(ALICE) == CHANGED


@pytest.mark.parametrize("change", [NAMED, SubjectChange()], ids=["named", "everybody"])
async def test_an_answer_from_before_a_change_is_not_kept(world: World, change: SubjectChange) -> None:
    """traps.md, client tracking: an event between the reading of a state and its keeping must not be lost."""
    world.issuer.may_answer.clear()
    asking = asyncio.create_task(world.copies(ALICE))
    await world.issuer.has_read.wait()

    world.issuer.states[ALICE] = CHANGED
    world.hears(change)
    world.issuer.may_answer.set()

    assert await asking == STATE
    assert world.copies.recall(str(ALICE)) is None
    assert await world.copies(ALICE) == CHANGED


async def test_a_second_caller_who_asks_after_the_change_keeps_the_new_state(world: World) -> None:
    world.issuer.may_answer.clear()
    early = asyncio.create_task(world.copies(ALICE))
    await world.issuer.has_read.wait()
    world.issuer.states[ALICE] = CHANGED
    world.hears(NAMED)
    world.issuer.has_read.clear()
    late = asyncio.create_task(world.copies(ALICE))
    await world.issuer.has_read.wait()

    world.issuer.may_answer.set()
    await asyncio.gather(early, late)

    assert world.copies.recall(str(ALICE)) == CHANGED


async def test_a_caller_who_gives_up_leaves_nothing_behind(world: World) -> None:
    world.issuer.may_answer.clear()
    asking = asyncio.create_task(world.copies(ALICE))
    await world.issuer.has_read.wait()

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert world.copies._asking == {}
    assert world.copies.recall(str(ALICE)) is None


async def test_that_there_is_no_such_user_is_an_answer_until_somebody_says_otherwise(world: World) -> None:
    nobody = uuid4()
    assert await world.copies(nobody) is None
    assert await world.copies(nobody) is None
    assert world.issuer.asked == 1
    world.issuer.states[nobody] = replace(STATE, user_id=nobody)

    world.hears(SubjectChange(str(nobody), 1))

    assert await world.copies(nobody) == replace(STATE, user_id=nobody)


async def test_a_copy_is_old_after_a_minute_whatever_the_feed_says(world: World) -> None:
    """The backstop for a fault that nobody has found yet."""
    await world.copies(ALICE)
    world.issuer.states[ALICE] = CHANGED

    world.clock.advance(MAX_AGE_SECONDS)

    assert await world.copies(ALICE) == CHANGED


async def test_an_old_copy_counts_where_nobody_can_be_asked(world: World) -> None:
    """Design §5, FT-08: own copies of roles while Redis and the issuer are away and a feed is still fresh."""
    await world.copies(ALICE)
    world.hears(SubjectChange())

    with world.outage:
        assert await world.copies(ALICE) == STATE

    world.issuer.states[ALICE] = CHANGED
    assert await world.copies(ALICE) == CHANGED


async def test_a_copy_that_the_feed_named_is_no_answer_even_where_nobody_can_be_asked(world: World) -> None:
    """P3: a role that was taken away is not given for want of somebody to ask."""
    await world.copies(ALICE)
    world.hears(NAMED)

    with world.outage, pytest.raises(Unavailable):
        await world.copies(ALICE)


async def test_a_copy_that_is_named_while_nobody_answers_is_no_answer(world: World) -> None:
    """P3. The question is under way when the feed names the subject, and then it fails."""
    await world.copies(ALICE)
    world.clock.advance(MAX_AGE_SECONDS)
    world.issuer.has_read.clear()
    world.issuer.may_answer.clear()
    asking = asyncio.create_task(world.copies(ALICE))
    await world.issuer.has_read.wait()

    world.hears(NAMED)
    world.issuer.fails = True
    world.issuer.may_answer.set()

    with pytest.raises(Unavailable):
        await asking


async def test_without_a_copy_nobody_is_guessed(world: World) -> None:
    with world.outage, pytest.raises(Unavailable):
        await world.copies(ALICE)


async def test_an_old_copy_is_no_answer_to_a_directory_that_lost_the_entry(world: World) -> None:
    """Design §5: a miss without marker is 503, never allow."""
    directory = MemoryRoleDirectory()
    await directory.put(STATE)
    copies = SubjectCopies(FindSubject(directory, world.issuer, world.clock), world.clock)
    await copies(ALICE)
    directory._states.clear()
    copies.lost_track()

    with world.outage, pytest.raises(Unavailable):
        await copies(ALICE)


async def test_copies_do_not_fill_the_memory(world: World) -> None:
    for _ in range(10):
        await world.copies(uuid4())

    assert len(world.copies._copies) == 3
