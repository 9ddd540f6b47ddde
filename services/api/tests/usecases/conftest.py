"""The api's use cases on memory adapters and a clock the test moves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from api_parts import ScriptedMonitor
from paseport.follow_revocations import HEARTBEAT_SECONDS, FollowRevocations
from paseport.revocation_list import RevocationList
from paseport_api.use_cases.observe_system import ObserveSystem
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.adapters.memory.session_store import MemorySessionStore
from paseport_shared.domain.models.session import SessionPolicy


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def feed() -> MemoryRevocationFeed:
    feed = MemoryRevocationFeed(epoch=7)
    await feed.mark_complete(7)
    return feed


@pytest.fixture
def revocations(clock: ManualClock) -> RevocationList:
    return RevocationList(clock)


@pytest.fixture
def follow(feed: MemoryRevocationFeed, revocations: RevocationList, clock: ManualClock) -> FollowRevocations:
    return FollowRevocations([(feed, HEARTBEAT_SECONDS)], revocations, clock)


@pytest.fixture
def roles() -> MemoryRoleDirectory:
    return MemoryRoleDirectory()


@pytest.fixture
def sessions() -> MemorySessionStore:
    return MemorySessionStore(SessionPolicy(idle=timedelta(hours=12), max_lifetime=timedelta(days=30)))


@pytest.fixture
def issuer() -> ScriptedMonitor:
    return ScriptedMonitor()


@pytest.fixture
def api() -> ScriptedMonitor:
    return ScriptedMonitor()


@pytest.fixture
def observe(
    issuer: ScriptedMonitor, api: ScriptedMonitor, revocations: RevocationList, clock: ManualClock
) -> ObserveSystem:
    return ObserveSystem(issuer, api, revocations, clock)
