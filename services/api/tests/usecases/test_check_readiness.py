"""An orchestrator asks whether this process can decide about tokens."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from paseport.follow_revocations import FollowRevocations
from paseport.revocation_list import RevocationList
from paseport_api.use_cases.check_readiness import CheckReadiness
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory


async def lacking(readiness: CheckReadiness) -> set[str]:
    return {part.name for part in await readiness() if not part.is_up}


async def test_an_api_that_just_started_waits_for_the_feed(
    revocations: RevocationList, roles: MemoryRoleDirectory, clock: ManualClock
) -> None:
    assert await lacking(CheckReadiness(revocations, roles, clock)) == {"revocation_feed"}


async def test_an_api_is_ready_once_it_heard_the_feed_and_until_it_refuses(
    revocations: RevocationList, roles: MemoryRoleDirectory, follow: FollowRevocations, clock: ManualClock
) -> None:
    readiness = CheckReadiness(revocations, roles, clock)
    await follow.step()
    clock.advance(5)
    assert await lacking(readiness) == set()

    clock.advance(0.1)
    assert await lacking(readiness) == {"revocation_feed"}


async def test_a_role_directory_that_does_not_answer_is_named(
    revocations: RevocationList, follow: FollowRevocations, clock: ManualClock
) -> None:
    outage = MemoryOutage()
    await follow.step()

    with outage:
        assert await lacking(CheckReadiness(revocations, MemoryRoleDirectory(outage), clock)) == {"role_directory"}


async def test_a_directory_that_is_still_being_filled_does_not_make_the_api_unready(
    revocations: RevocationList, roles: MemoryRoleDirectory, follow: FollowRevocations, clock: ManualClock
) -> None:
    """Misses are asked of the issuer meanwhile."""
    await follow.step()
    readiness = CheckReadiness(revocations, roles, clock)
    _, directory = await readiness()
    assert directory.is_up
    assert directory.detail is not None

    await roles.mark_complete()
    _, directory = await readiness()
    assert (directory.is_up, directory.detail) == (True, None)


class OtherClock:
    """The clock of another machine, so far away from ours."""

    def __init__(self, clock: ManualClock, outage: MemoryOutage) -> None:
        self._clock = clock
        self._outage = outage
        self.ahead = timedelta(0)

    async def time(self) -> datetime:
        self._outage.check()
        return self._clock.now() + self.ahead


@pytest.mark.parametrize(("seconds", "is_wrong"), [(0, False), (29, False), (-29, False), (300, True), (-300, True)])
async def test_a_machine_whose_clock_is_wrong_is_not_ready(
    revocations: RevocationList,
    roles: MemoryRoleDirectory,
    follow: FollowRevocations,
    clock: ManualClock,
    seconds: int,
    is_wrong: bool,
) -> None:
    """FT-17: within the leeway it decides rightly; beyond it, it would refuse good tokens or accept expired ones."""
    await follow.step()
    outage = MemoryOutage()
    other = OtherClock(clock, outage)
    other.ahead = timedelta(seconds=seconds)
    readiness = CheckReadiness(revocations, roles, clock, other)

    assert await lacking(readiness) == ({"clock"} if is_wrong else set())

    with outage:
        assert await lacking(readiness) == ({"clock"} if is_wrong else set())
    other.ahead = timedelta(0)
    assert await lacking(readiness) == set()
