"""A signed-in user and an admin open their dashboard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from api_parts import ALICE, BOB, caller, session
from paseport_api.use_cases.observe_system import ObserveSystem
from paseport_api.use_cases.show_dashboard import MAX_SESSIONS, ShowDashboard
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.session_store import MemorySessionStore
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.session import SessionPolicy


@pytest.fixture
def show(sessions: MemorySessionStore, observe: ObserveSystem, clock: ManualClock) -> ShowDashboard:
    return ShowDashboard(sessions, observe, clock)


async def test_a_user_sees_their_own_sessions_and_which_one_this_is(
    show: ShowDashboard, sessions: MemorySessionStore
) -> None:
    await sessions.create(session("session-1", ALICE))
    await sessions.create(session("session-2", ALICE, last_seen_at=START + timedelta(seconds=1)))
    await sessions.create(session("session-3", BOB))

    dashboard = await show(caller("User", session_id="session-1"))

    assert [(one.id, dashboard.is_current(one)) for one in dashboard.sessions] == [
        ("session-2", False),
        ("session-1", True),
    ]
    assert dashboard.session_count == 2


async def test_a_token_of_an_offline_family_belongs_to_no_session(
    show: ShowDashboard, sessions: MemorySessionStore
) -> None:
    await sessions.create(session("session-1", ALICE))

    dashboard = await show(caller("User", session_id=None))

    assert [dashboard.is_current(one) for one in dashboard.sessions] == [False]


async def test_a_user_with_a_thousand_sessions_gets_the_latest_and_their_number(
    show: ShowDashboard, sessions: MemorySessionStore
) -> None:
    for number in range(1000):
        await sessions.create(session(f"session-{number}", ALICE, last_seen_at=START - timedelta(seconds=number)))

    dashboard = await show(caller("User"))

    assert [one.id for one in dashboard.sessions] == [f"session-{number}" for number in range(MAX_SESSIONS)]
    assert dashboard.session_count == 1000


async def test_an_admin_sees_the_figures_of_the_system(show: ShowDashboard) -> None:
    dashboard = await show(caller("Admin"))

    assert all(service.figures is not None for service in dashboard.system.services)


@pytest.mark.parametrize("roles", [("User",), ("admin", "User"), ("Auditor",), ()])
async def test_who_is_no_admin_sees_which_service_is_up_and_nothing_else(
    show: ShowDashboard, roles: tuple[str, ...]
) -> None:
    dashboard = await show(caller(*roles))

    for service in dashboard.system.services:
        assert (service.figures, service.parts, service.pools, service.feed) == (None, (), (), None)


async def test_a_machine_has_no_sessions(show: ShowDashboard) -> None:
    dashboard = await show(caller(subject="reporting-job", session_id=None))

    assert (dashboard.sessions, dashboard.session_count) == ((), 0)


async def test_sessions_that_cannot_be_had_are_not_shown_as_none(observe: ObserveSystem, clock: ManualClock) -> None:
    outage = MemoryOutage()
    store = MemorySessionStore(SessionPolicy(timedelta(hours=1), timedelta(days=1)), outage)

    with outage, pytest.raises(Unavailable):
        await ShowDashboard(store, observe, clock)(caller("User"))
