"""A verifier that looks up who a subject is, while what it asks comes and goes."""

from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest
from paseport.find_subject import COPIES_KEPT, FindSubject
from paseport.subject import SubjectState
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.domain.errors import Unavailable

ALICE = uuid4()
STATE = SubjectState(ALICE, "alice", frozenset({"User"}), enabled=True, version=1, revision=1)
CHANGED = replace(STATE, roles=frozenset({"User", "Admin"}), revision=2)


@dataclass
class Record:
    """A ``SubjectSource``: the issuer, which reads the record."""

    outage: MemoryOutage
    states: dict[UUID, SubjectState] = field(default_factory=dict)
    asked: int = 0

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        self.asked += 1
        self.outage.check()
        return self.states.get(user_id)


class World:
    def __init__(self) -> None:
        self.redis, self.issuer = MemoryOutage(), MemoryOutage()
        self.clock = ManualClock()
        self.directory = MemoryRoleDirectory(self.redis)
        self.record = Record(self.issuer, {ALICE: STATE})
        self.find = FindSubject(self.directory, self.record, self.clock)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.directory.put(STATE)
    return world


async def test_the_directory_is_asked_each_time_while_it_answers(world: World) -> None:
    """P3: a changed role is in force with the next request."""
    assert await world.find(ALICE) == STATE
    await world.directory.put(CHANGED)

    assert await world.find(ALICE) == CHANGED
    assert world.record.asked == 0


async def test_without_directory_the_record_is_asked_and_a_change_is_in_force_within_a_second(world: World) -> None:
    """FT-08, P3: Redis is away for this verifier alone, so an administrator's change succeeds meanwhile."""
    await world.find(ALICE)

    with world.redis:
        world.clock.advance(1.1)
        world.record.states[ALICE] = CHANGED
        assert await world.find(ALICE) == CHANGED
        world.record.states[ALICE] = replace(CHANGED, enabled=False, revision=3)
        world.clock.advance(0.9)
        assert await world.find(ALICE) == CHANGED
        world.clock.advance(0.2)

        assert await world.find(ALICE) == replace(CHANGED, enabled=False, revision=3)
    assert world.record.asked == 2


async def test_without_directory_and_record_the_last_answer_counts(world: World) -> None:
    await world.find(ALICE)

    with world.redis, world.issuer:
        world.clock.advance(60)

        assert await world.find(ALICE) == STATE


async def test_without_directory_and_record_nobody_is_guessed(world: World) -> None:
    with world.redis, world.issuer, pytest.raises(Unavailable):
        await world.find(ALICE)


async def test_a_miss_that_is_not_final_is_unavailable_without_the_issuer_whatever_was_known_before(
    world: World,
) -> None:
    """Design §5: the directory answers, and has lost the entry. An old copy is no answer to that."""
    await world.find(ALICE)
    world.directory._states.clear()

    with world.issuer, pytest.raises(Unavailable):
        await world.find(ALICE)


async def test_that_there_is_no_such_user_is_an_answer_too(world: World) -> None:
    nobody = uuid4()
    await world.directory.mark_complete()
    assert await world.find(nobody) is None

    with world.redis, world.issuer:
        assert await world.find(nobody) is None


async def test_a_directory_that_is_away_is_left_alone_for_a_moment_and_then_asked_again(world: World) -> None:
    """Each request would wait for its deadline otherwise."""
    with world.redis:
        assert await world.find(ALICE) == STATE
    await world.directory.put(CHANGED)

    assert await world.find(ALICE) == STATE
    world.clock.advance(0.6)
    assert await world.find(ALICE) == CHANGED


async def test_copies_do_not_fill_the_memory(world: World) -> None:
    await world.directory.mark_complete()
    for _ in range(COPIES_KEPT + 10):
        await world.find(uuid4())

    assert len(world.find._copies) == COPIES_KEPT
