"""What operators read at ``/metrics`` of the api, after what people did."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from api_world import ApiWorld
from paseport_api.app import Api
from paseport_shared.domain.errors import Unavailable


async def sample(world: ApiWorld, series: str) -> float:
    """One series of the page."""
    page = (await world.internal.get("/metrics")).text
    (line,) = (line for line in page.splitlines() if line.startswith(f"{series} "))
    return float(line.rpartition(" ")[2])


async def verified(world: ApiWorld, outcome: str) -> float:
    return await sample(world, f'paseport_verification_total{{outcome="{outcome}"}}')


async def test_access_tokens_are_counted_by_how_they_are_judged(world: ApiWorld) -> None:
    await world.user("User")
    token = await world.token()

    await world.get("/api/dashboard", token)
    for bad in ("junk", await world.token(audience="https://other.example.com")):
        await world.get("/api/dashboard", bad)
    await world.get("/api/dashboard")
    await world.user("User", enabled=False)
    await world.get("/api/dashboard", token)

    assert [await verified(world, outcome) for outcome in ("accepted", "refused", "unavailable")] == [1, 3, 0]


async def test_tokens_that_nobody_can_judge_are_counted_apart(world: ApiWorld) -> None:
    """FT-08: an alert on refusals would call an outage an attack."""
    await world.user("User")
    token = await world.token()
    world.clock.advance(timedelta(seconds=6))

    await world.get("/api/dashboard", token)

    assert [await verified(world, outcome) for outcome in ("accepted", "refused", "unavailable")] == [0, 0, 1]


async def test_the_age_of_the_feed_is_published(world: ApiWorld) -> None:
    world.clock.advance(timedelta(seconds=3))

    assert await sample(world, "paseport_revocation_feed_age_seconds") == 3
    assert await sample(world, 'paseport_revocation_feed_followed{feed="hot_store"}') == 1
    assert await sample(world, 'paseport_revocation_feed_followed{feed="issuer"}') == 0


class OtherClock:
    """The clock of another machine; None where it does not answer."""

    def __init__(self, now: datetime) -> None:
        self.now: datetime | None = now

    async def time(self) -> datetime:
        if self.now is None:
            raise Unavailable
        return self.now


async def test_a_clock_that_runs_away_is_published_with_its_direction(world: ApiWorld) -> None:
    """FT-17."""
    reference = OtherClock(world.clock.now() + timedelta(seconds=40))
    api = Api(world.settings, replace(world.adapters, reference_clock=reference))

    def skew() -> float | None:
        return api.metrics.registry.get_sample_value("paseport_clock_skew_seconds")

    assert skew() == 0
    await api.use.check_readiness()
    assert skew() == -40

    reference.now = None
    await api.use.check_readiness()
    assert skew() == -40


async def test_where_there_is_no_other_clock_nothing_is_said_about_it(world: ApiWorld) -> None:
    assert "clock_skew" not in (await world.internal.get("/metrics")).text
