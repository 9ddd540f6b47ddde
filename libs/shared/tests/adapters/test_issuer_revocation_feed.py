"""The api follows the issuer's feed over HTTP; and the answers that it must not take for one."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from contracts.revocation_feed import LoseEverything, RevocationFeedContract
from contracts.support import NOW, Unreachable, rehearsed
from litestar import Litestar, Response, get
from litestar.params import FromQuery
from paseport.feed import FeedGap
from paseport.issuer_client import open_http_client
from paseport.issuer_feed import IssuerFeed
from paseport.revocation import FeedPosition, Revocation, RevocationKind, SubjectChange
from paseport.secret import Secret
from paseport_shared.adapters.issuer.internal_client import FEED_PATH, InternalClient
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.domain.errors import Unavailable

SECRET = "the service secret"
START = FeedPosition(epoch=7, seq=3)


def on_the_wire(revocation: Revocation | SubjectChange, seq: int | None = None) -> dict[str, Any]:
    if isinstance(revocation, SubjectChange):
        return {"seq": seq, "kind": "subject", "subject": revocation.subject, "revision": revocation.revision}
    return {
        "seq": seq,
        "kind": revocation.kind.value,
        "subject": revocation.subject,
        "min_version": revocation.min_version,
        "recorded_at": revocation.recorded_at.isoformat(),
        "expires_at": revocation.expires_at.isoformat(),
    }


def issuer_serving(feed: MemoryRevocationFeed) -> Litestar:
    """An issuer that has an internal port and nothing else."""

    @get("/internal/v1/feed")
    async def serve_feed(
        epoch: FromQuery[int | None] = None, seq: FromQuery[int | None] = None, wait: FromQuery[float] = 0
    ) -> Response[dict[str, Any]]:
        try:
            if epoch is not None and seq is not None:
                changes = await feed.changes_since(FeedPosition(epoch, seq), wait)
                items = [on_the_wire(change.what, change.position.seq) for change in changes]
                end = changes[-1].position.seq if changes else seq
                return Response({"epoch": epoch, "seq": end, "reset": False, "changes": items})
        except FeedGap:
            pass
        except Unavailable:
            return Response({"code": "unavailable"}, status_code=503)
        try:
            snapshot = await feed.snapshot(NOW)
        except Unavailable:
            return Response({"code": "unavailable"}, status_code=503)
        position = snapshot.position
        items = [on_the_wire(revocation) for revocation in snapshot.revocations]
        return Response({"epoch": position.epoch, "seq": position.seq, "reset": True, "changes": items})

    return Litestar([serve_feed], openapi_config=None)


class TestIssuerFeed(RevocationFeedContract):
    @pytest.fixture
    def increments_kept(self) -> int:
        return 64

    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def publisher(self, outage: MemoryOutage, increments_kept: int) -> MemoryRevocationFeed:
        return MemoryRevocationFeed(7, outage, increments_kept=increments_kept)

    @pytest.fixture
    def lose_everything(self, publisher: MemoryRevocationFeed) -> LoseEverything:
        async def lose() -> None:
            publisher.lose_everything()

        return lose

    @pytest.fixture
    async def feed(self, publisher: MemoryRevocationFeed) -> AsyncIterator[IssuerFeed]:
        transport = httpx.ASGITransport(issuer_serving(publisher))
        async with open_http_client("http://issuer.internal", transport) as client:
            yield IssuerFeed(InternalClient(client, Secret(SECRET)), FEED_PATH)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)


def feed_that_answers(**answer: Any) -> IssuerFeed:
    """The api's end of a feed that always gives this answer."""
    body = {"epoch": START.epoch, "seq": START.seq, "reset": False, "changes": []} | answer
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    return IssuerFeed(InternalClient(open_http_client("http://issuer.internal", transport), Secret(SECRET)), FEED_PATH)


def change(seq: int | None, **other: Any) -> dict[str, Any]:
    return on_the_wire(Revocation(RevocationKind.SESSION, f"session-{seq}", None, NOW, NOW), seq) | other


@pytest.mark.parametrize(
    "answer",
    [
        {"epoch": 8},
        {"reset": True},
        {"seq": 2},
        {"seq": 4},
        {"seq": 5, "changes": [change(5)]},
        {"seq": 4, "changes": [change(4), change(5)]},
        {"seq": 5, "changes": [change(5), change(4)]},
        {"seq": 4, "changes": [change(None)]},
        {"seq": 2**60, "changes": [change(4)]},
    ],
)
async def test_increments_of_which_one_may_be_missing_are_a_gap_for_the_api(answer: dict[str, Any]) -> None:
    """One revocation overlooked would never come again: a resync is cheaper than to believe."""
    with pytest.raises(FeedGap):
        await feed_that_answers(**answer).changes_since(START, 0)


@pytest.mark.parametrize(
    "revocation",
    [
        change(4, kind="something new"),
        change(4, kind="user"),
        change(4, min_version=1),
        change(4, expires_at="2026-03-01T12:00:00"),
        change(4, expires_at=None),
        change(4, subject=None),
    ],
)
async def test_a_revocation_that_the_api_does_not_understand_is_not_skipped(revocation: dict[str, Any]) -> None:
    """A newer issuer may revoke what this api has never heard of. It refuses everybody rather than let one in."""
    feed = feed_that_answers(seq=4, changes=[revocation])

    with pytest.raises(Unavailable):
        await feed.changes_since(START, 0)


async def test_increments_are_no_snapshot() -> None:
    """Taken for one, they would lift every other revocation that the api knows."""
    with pytest.raises(Unavailable):
        await feed_that_answers(reset=False).snapshot(NOW)
