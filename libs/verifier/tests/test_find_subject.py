"""A verifier that looks up who a subject is, while what it asks comes and goes."""

from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest
from paseport.find_subject import FindSubject
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


async def test_without_directory_the_record_is_asked_each_time(world: World) -> None:
    """FT-08, P3: Redis is away for this verifier alone, so an administrator's change succeeds meanwhile."""
    await world.find(ALICE)

    with world.redis:
        assert await world.find(ALICE) == STATE
        world.record.states[ALICE] = CHANGED

        assert await world.find(ALICE) == CHANGED
    assert world.record.asked == 2


async def test_a_verifier_without_a_directory_asks_the_issuer(world: World) -> None:
    find = FindSubject(None, world.record, world.clock)

    assert await find(ALICE) == STATE
    assert await find(uuid4()) is None
    assert not find.directory_answers


async def test_without_directory_and_record_nobody_is_guessed(world: World) -> None:
    await world.find(ALICE)

    with world.redis, world.issuer, pytest.raises(Unavailable):
        await world.find(ALICE)


async def test_a_miss_that_is_not_final_is_unavailable_without_the_issuer(world: World) -> None:
    """Design §5: the directory answers, and does not have everybody."""
    with world.issuer, pytest.raises(Unavailable):
        await world.find(uuid4())
    assert world.find.directory_answers


async def test_a_miss_in_a_complete_directory_is_final(world: World) -> None:
    await world.directory.mark_complete()

    assert await world.find(uuid4()) is None
    assert world.record.asked == 0


async def test_a_directory_that_is_away_is_left_alone_for_a_moment_and_then_asked_again(world: World) -> None:
    """Each request would wait for its deadline otherwise."""
    with world.redis:
        assert await world.find(ALICE) == STATE
    await world.directory.put(CHANGED)

    assert await world.find(ALICE) == STATE
    world.clock.advance(0.6)
    assert await world.find(ALICE) == CHANGED
