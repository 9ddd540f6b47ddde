import heapq
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from contracts.refresh_rotation import RefreshRotationMachine
from contracts.refresh_token_store import NO_GRACE, POLICY, a_family
from contracts.support import NOW, SECOND
from hypothesis import given, settings
from hypothesis import strategies as st
from paseport_shared.adapters.memory.refresh_token_store import MemoryRefreshTokenStore
from paseport_shared.domain.models.refresh_token import Rotation


class MemoryRotationMachine(RefreshRotationMachine):
    def make_store(self) -> MemoryRefreshTokenStore:
        return MemoryRefreshTokenStore(self.policy)


class MemoryRotationWithoutGraceMachine(MemoryRotationMachine):
    policy = NO_GRACE


class MemoryRotationWithLongGraceMachine(MemoryRotationMachine):
    """A minute of grace: more generations are spent within it than the store remembers."""

    policy = replace(POLICY, grace=60 * SECOND)


SENDS, ARRIVES = 0, 1

_THOROUGH = settings(max_examples=100, stateful_step_count=40, deadline=None)

TestRotation = MemoryRotationMachine.TestCase
TestRotation.settings = _THOROUGH
TestRotationWithoutGrace = MemoryRotationWithoutGraceMachine.TestCase
TestRotationWithoutGrace.settings = _THOROUGH
TestRotationWithLongGrace = MemoryRotationWithLongGraceMachine.TestCase
TestRotationWithLongGrace.settings = _THOROUGH


@dataclass(frozen=True, slots=True)
class Request:
    """A tab reads the shared cookie ``pause`` after the tab before it; the request takes ``travel`` to arrive."""

    pause: timedelta
    travel: timedelta
    answer_is_lost: bool


# Bounds under which design §3 promises that nobody is signed out: at most every other answer is lost, all copies of a
# token arrive within the grace, and no more generations are spent meanwhile than a family remembers.
REQUESTS = st.lists(
    st.builds(
        Request,
        pause=st.integers(300, 3000).map(lambda milliseconds: timedelta(milliseconds=milliseconds)),
        travel=st.integers(0, 2000).map(lambda milliseconds: timedelta(milliseconds=milliseconds)),
        answer_is_lost=st.booleans(),
    ),
    min_size=2,
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(requests=REQUESTS)
async def test_tabs_that_share_a_cookie_are_never_signed_out(requests: list[Request]) -> None:
    """TE-12, TE-13: answers get lost, requests overtake one another."""
    store = MemoryRefreshTokenStore(POLICY)
    family = a_family()
    await store.open_family(family)
    cookie, lost_before = 0, False
    events: list[tuple[datetime, int, int, bool]] = []
    at = NOW
    for order, request in enumerate(requests):
        at += request.pause
        lost_before = request.answer_is_lost and not lost_before
        heapq.heappush(events, (at, SENDS, order, lost_before))

    now, in_flight = NOW, dict[int, int]()
    while events:
        now, event, order, answer_is_lost = heapq.heappop(events)
        if event == SENDS:
            in_flight[order] = cookie
            heapq.heappush(events, (now + requests[order].travel, ARRIVES, order, answer_is_lost))
            continue
        advance = await store.advance(family.id, in_flight.pop(order), now)
        assert advance.rotation in (Rotation.ROTATE, Rotation.REPLAY, Rotation.LATE)
        # A refused copy leaves the cookie alone: what a faster tab put there is still good.
        if advance.rotation is not Rotation.LATE and not answer_is_lost:
            cookie = advance.generation

    assert await store.find_family(family.id, now) is not None
