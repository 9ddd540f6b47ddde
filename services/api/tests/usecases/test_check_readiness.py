"""An orchestrator asks whether this process can decide about tokens."""

from __future__ import annotations

from paseport_api.use_cases.check_readiness import CheckReadiness
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.domain.revocation_list import RevocationList
from paseport_shared.use_cases.follow_revocations import FollowRevocations


async def lacking(readiness: CheckReadiness) -> set[str]:
    return {part.name for part in await readiness() if not part.is_up}


async def test_an_api_that_just_started_waits_for_the_feed(
    revocations: RevocationList, roles: MemoryRoleDirectory
) -> None:
    assert await lacking(CheckReadiness(revocations, roles)) == {"revocation_feed"}


async def test_an_api_is_ready_once_it_heard_the_feed_and_until_it_refuses(
    revocations: RevocationList, roles: MemoryRoleDirectory, follow: FollowRevocations, clock: ManualClock
) -> None:
    readiness = CheckReadiness(revocations, roles)
    await follow.step()
    clock.advance(5)
    assert await lacking(readiness) == set()

    clock.advance(0.1)
    assert await lacking(readiness) == {"revocation_feed"}


async def test_a_role_directory_that_does_not_answer_is_named(
    revocations: RevocationList, follow: FollowRevocations
) -> None:
    outage = MemoryOutage()
    await follow.step()

    with outage:
        assert await lacking(CheckReadiness(revocations, MemoryRoleDirectory(outage))) == {"role_directory"}


async def test_a_directory_that_is_still_being_filled_does_not_make_the_api_unready(
    revocations: RevocationList, roles: MemoryRoleDirectory, follow: FollowRevocations
) -> None:
    """Misses are asked of the issuer meanwhile."""
    await follow.step()
    readiness = CheckReadiness(revocations, roles)
    _, directory = await readiness()
    assert directory.is_up
    assert directory.detail is not None

    await roles.mark_complete()
    _, directory = await readiness()
    assert (directory.is_up, directory.detail) == (True, None)
