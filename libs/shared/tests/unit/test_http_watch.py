"""What an on-call engineer reads: one line when something changes, however often it is looked at."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from paseport.feed import FeedGap
from paseport.follow_revocations import FollowRevocations
from paseport.revocation import FeedPosition, Revocation, RevocationKind
from paseport.revocation_list import RevocationList
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Part
from paseport_shared.http import watch
from paseport_shared.http.metrics import ServiceMetrics
from paseport_shared.http.watch import NoticedFeed, WatchFeeds, WatchParts, reasons_of
from structlog.testing import capture_logs

CANARY = "canary-5c0ffee"


def said(log: Sequence[Any]) -> list[tuple[str, str]]:
    return [(line["log_level"], line["event"]) for line in log]


# --- parts ------------------------------------------------------------------------------------------------------------


class Backend:
    """A part that a test switches off."""

    def __init__(self) -> None:
        self.says: Exception | None = None

    async def check(self) -> None:
        if self.says is not None:
            raise self.says


def value_of(metrics: ServiceMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_a_part_that_goes_away_and_comes_back_leaves_two_lines() -> None:
    redis = Backend()
    metrics = ServiceMetrics("test", "1")
    watching = WatchParts(reasons_of({"redis": redis.check}), metrics)

    with capture_logs() as log:
        await watching.step()
        redis.says = Unavailable("no Sentinel names a primary")
        for _ in range(3):
            await watching.step()
        redis.says = None
        for _ in range(3):
            await watching.step()

    down, up = log
    assert down == {
        "log_level": "error",
        "event": "part is down",
        "part": "redis",
        "reason": "no Sentinel names a primary",
    }
    assert up.pop("down_seconds") >= 0
    assert up == {"log_level": "warning", "event": "part is up again", "part": "redis"}


async def test_an_alert_sees_the_part_that_is_down() -> None:
    redis, record = Backend(), Backend()
    metrics = ServiceMetrics("test", "1")
    watching = WatchParts(reasons_of({"redis": redis.check, "record": record.check}), metrics)

    redis.says = Unavailable()
    await watching.step()

    assert value_of(metrics, "paseport_part_up", part="redis") == 0
    assert value_of(metrics, "paseport_part_up", part="record") == 1

    redis.says = None
    await watching.step()
    assert value_of(metrics, "paseport_part_up", part="redis") == 1


async def test_a_part_that_is_down_from_the_start_is_said_to_be() -> None:
    vault = Backend()
    vault.says = Unavailable("Vault is sealed")

    with capture_logs() as log:
        await WatchParts(reasons_of({"vault": vault.check}), ServiceMetrics("test", "1")).step()

    assert [(line["part"], line["reason"]) for line in log] == [("vault", "Vault is sealed")]


async def test_a_check_that_fails_itself_hides_no_other_part_and_shows_no_value() -> None:
    """LG-21: what an unknown exception says may be anything."""
    broken, vault = Backend(), Backend()
    broken.says = RuntimeError(CANARY)
    vault.says = Unavailable("Vault is sealed")

    with capture_logs() as log:
        await WatchParts(reasons_of({"broken": broken.check, "vault": vault.check}), ServiceMetrics("test", "1")).step()

    assert [line["reason"] for line in log] == ["the check failed: RuntimeError", "Vault is sealed"]


async def test_a_part_that_never_answers_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "CHECK_SECONDS", 0.01)

    async def never() -> None:
        await asyncio.Event().wait()

    with capture_logs() as log:
        await WatchParts(reasons_of({"record": never}), ServiceMetrics("test", "1")).step()

    assert [line["reason"] for line in log] == ["no answer within 0.01 s"]


async def test_a_clock_that_is_wrong_is_an_alarm_of_its_own() -> None:
    """FT-17."""
    parts = [Part("clock", is_up=False, detail="This machine is 300 s ahead of Redis' clock.")]

    async def read() -> Sequence[Part]:
        return parts

    with capture_logs() as log:
        watching = WatchParts(read, ServiceMetrics("test", "1"))
        await watching.step()
        await watching.step()

    (line,) = log
    assert (line["part"], line["reason"]) == ("clock", "This machine is 300 s ahead of Redis' clock.")


# --- feeds ------------------------------------------------------------------------------------------------------------


class Following:
    """A follower of two feeds that a test switches off."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.outages = (MemoryOutage(), MemoryOutage())
        self.feeds = tuple(MemoryRevocationFeed(epoch, outage) for epoch, outage in enumerate(self.outages, 1))
        self.revocations = RevocationList(self.clock)
        self.follow = FollowRevocations([(feed, 0) for feed in self.feeds], self.revocations, self.clock)

    async def fill(self) -> None:
        for feed in self.feeds:
            await feed.mark_complete(await feed.epoch())

    async def step(self) -> None:
        try:
            await self.follow.step()
        except Unavailable:
            return


async def test_another_feed_that_is_followed_is_told_once() -> None:
    """FT-08."""
    following = Following()
    await following.fill()
    watching = WatchFeeds(("hot_store", "issuer"), following.follow)

    async def look() -> None:
        for _ in range(2):
            await following.step()
            watching.step()

    with capture_logs() as log:
        watching.step()
        await look()
        with following.outages[0]:
            await look()
            with following.outages[1]:
                await look()
            await look()
        await look()

    assert [(line["log_level"], line["event"], line.get("feed")) for line in log] == [
        ("info", "following a revocation feed", "hot_store"),
        ("warning", "following the next revocation feed", "issuer"),
        ("error", "no revocation feed answers", None),
        ("info", "following a revocation feed", "issuer"),
        ("info", "following a revocation feed", "hot_store"),
    ]


async def test_a_new_primary_is_told_once() -> None:
    """FT-04: its feed begins a new epoch."""
    following = Following()
    await following.fill()
    inner = following.feeds[0]
    feed = NoticedFeed("hot_store", inner)

    with capture_logs() as log:
        first = await feed.snapshot(START)
        await feed.snapshot(START)
        inner.lose_everything()
        with pytest.raises(FeedGap):
            await feed.changes_since(first.position, 0)
        await following.fill()
        second = await feed.snapshot(START)
        await feed.snapshot(START)

    (line,) = log
    assert said(log) == [("warning", "the revocation feed began a new epoch")]
    assert (line["feed"], line["before"], line["epoch"]) == ("hot_store", first.position.epoch, second.position.epoch)


async def test_a_noticed_feed_passes_on_what_the_feed_says() -> None:
    following = Following()
    await following.fill()
    inner = following.feeds[0]
    feed = NoticedFeed("hot_store", inner)
    position = (await feed.snapshot(START)).position
    revocation = Revocation(RevocationKind.SESSION, "sid", None, START, START + timedelta(minutes=5))

    published = await inner.publish(revocation)

    assert [change.what for change in await feed.changes_since(position, 0)] == [revocation]
    assert published == FeedPosition(position.epoch, position.seq + 1)
    with following.outages[0], pytest.raises(Unavailable):
        await feed.snapshot(START)


async def test_the_metrics_show_how_old_the_copy_is_and_whose_it_is() -> None:
    following = Following()
    metrics = ServiceMetrics("test", "1")
    metrics.watch_feed(("hot_store", "issuer"), following.follow, following.revocations)

    assert value_of(metrics, "paseport_revocation_feed_age_seconds") == float("inf")

    await following.fill()
    await following.step()
    following.clock.advance(1.25)
    following.revocations.learn(Revocation(RevocationKind.USER, "u", 2, START, START + timedelta(minutes=5)))

    assert value_of(metrics, "paseport_revocation_feed_age_seconds") == 1.25
    assert value_of(metrics, "paseport_revocation_feed_followed", feed="hot_store") == 1
    assert value_of(metrics, "paseport_revocation_feed_followed", feed="issuer") == 0
    assert value_of(metrics, "paseport_revocations_in_force", kind="user") == 1
    assert value_of(metrics, "paseport_revocations_in_force", kind="session") == 0

    with following.outages[0]:
        await following.step()
    assert value_of(metrics, "paseport_revocation_feed_followed", feed="issuer") == 1
