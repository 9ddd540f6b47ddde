"""An admin asks what this process knows of the revocations in force."""

from __future__ import annotations

from datetime import timedelta

import pytest
from api_parts import ALICE, session_revoked
from paseport.follow_revocations import FollowRevocations
from paseport.revocation import FeedPosition, Revocation, RevocationKind
from paseport.revocation_list import RevocationList
from paseport_api.use_cases.show_revocations import RevocationSummary, ShowRevocations
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.domain.errors import Unavailable


async def test_revocations_are_counted_by_kind(
    revocations: RevocationList, follow: FollowRevocations, feed: MemoryRevocationFeed, clock: ManualClock
) -> None:
    later = START + timedelta(minutes=6)
    for number in range(3):
        await feed.publish(session_revoked(f"session-{number}"))
    await feed.publish(Revocation(RevocationKind.USER, str(ALICE), 2, START, later))
    await follow.step()
    clock.advance(2)

    summary = await ShowRevocations(revocations)()

    assert summary == RevocationSummary(
        FeedPosition(7, 4),
        is_fresh=False,
        age_seconds=2.0,
        in_force={
            RevocationKind.SESSION: 3,
            RevocationKind.FAMILY: 0,
            RevocationKind.USER: 1,
            RevocationKind.TOKEN: 0,
            RevocationKind.KEY: 0,
            RevocationKind.API_KEY: 0,
        },
    )


async def test_before_the_first_word_of_the_feed_nobody_can_say(revocations: RevocationList) -> None:
    with pytest.raises(Unavailable):
        await ShowRevocations(revocations)()
