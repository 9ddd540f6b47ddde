"""An admin looks at the installation; many people look at once; the issuer is slow, gone or restarted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from api_parts import ScriptedMonitor, reading
from paseport.follow_revocations import FollowRevocations
from paseport.revocation import FeedPosition
from paseport_api.use_cases import observe_system
from paseport_api.use_cases.observe_system import Figures, ObserveSystem, ServiceStatus, ServiceView
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Part, ServiceReading


async def figures_of_issuer(observe: ObserveSystem) -> Figures:
    """What the next look, two seconds at most after the last, says of the issuer."""
    issuer, _ = (await observe()).services
    assert issuer.figures is not None
    return issuer.figures


async def test_services_that_lack_nothing_are_operational(observe: ObserveSystem, follow: FollowRevocations) -> None:
    await follow.step()

    system = await observe()

    assert [(service.name, service.status) for service in system.services] == [
        ("issuer", ServiceStatus.UP),
        ("api", ServiceStatus.UP),
    ]
    assert system.is_operational


async def test_the_api_tells_where_it_stands_in_the_feed(observe: ObserveSystem, follow: FollowRevocations) -> None:
    await follow.step()

    issuer, api = (await observe()).services

    assert issuer.feed is None
    assert api.feed is not None
    assert (api.feed.position, api.feed.is_fresh) == (FeedPosition(7, 0), True)


async def test_an_api_that_lost_the_feed_is_degraded_before_it_refuses(
    observe: ObserveSystem, follow: FollowRevocations, clock: ManualClock
) -> None:
    await follow.step()
    clock.advance(2)

    _, api = (await observe()).services

    assert api.status is ServiceStatus.DEGRADED


async def test_a_service_that_lacks_a_part_is_degraded(observe: ObserveSystem, issuer: ScriptedMonitor) -> None:
    issuer.says = reading(parts=(Part("record", is_up=False),))

    system = await observe()

    assert system.services[0].status is ServiceStatus.DEGRADED
    assert not system.is_operational


async def test_an_issuer_that_does_not_answer_is_down_and_the_api_still_described(
    observe: ObserveSystem, issuer: ScriptedMonitor, follow: FollowRevocations
) -> None:
    await follow.step()
    issuer.says = Unavailable("refused")

    system = await observe()

    assert system.services[0] == ServiceView("issuer", ServiceStatus.DOWN)
    assert system.services[1].status is ServiceStatus.UP


async def test_an_issuer_that_never_answers_is_down_after_the_deadline(
    observe: ObserveSystem, issuer: ScriptedMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert observe_system.DEADLINE_SECONDS <= 2
    monkeypatch.setattr(observe_system, "DEADLINE_SECONDS", 0.01)
    issuer.hold = asyncio.Event()

    system = await observe()

    assert system.services[0].status is ServiceStatus.DOWN


async def test_an_issuer_without_readable_metrics_shows_no_figures(
    observe: ObserveSystem, issuer: ScriptedMonitor
) -> None:
    issuer.says = ServiceReading((Part("metrics", is_up=False),), counters=None)

    view = (await observe()).services[0]

    assert (view.figures, view.pools, view.status) == (None, (), ServiceStatus.DEGRADED)


async def test_fifty_dashboards_at_once_are_one_look_at_the_issuer(
    observe: ObserveSystem, issuer: ScriptedMonitor
) -> None:
    await asyncio.gather(*(observe() for _ in range(50)))

    assert issuer.looks == 1


async def test_the_next_look_is_a_second_later(
    observe: ObserveSystem, issuer: ScriptedMonitor, clock: ManualClock
) -> None:
    await observe()
    clock.advance(0.9)
    await observe()
    assert issuer.looks == 1

    clock.advance(0.1)
    await observe()
    assert issuer.looks == 2


async def test_an_issuer_that_is_down_is_not_asked_by_every_dashboard_either(
    observe: ObserveSystem, issuer: ScriptedMonitor
) -> None:
    issuer.says = Unavailable("refused")

    await asyncio.gather(*(observe() for _ in range(50)))

    assert issuer.looks == 1


async def test_who_leaves_while_looking_does_not_fail_the_others(
    observe: ObserveSystem, issuer: ScriptedMonitor
) -> None:
    issuer.hold = asyncio.Event()
    leaving, staying = asyncio.create_task(observe()), asyncio.create_task(observe())
    await asyncio.sleep(0)

    leaving.cancel()
    issuer.hold.set()

    assert (await staying).services[0].status is ServiceStatus.UP


async def test_the_first_look_measures_from_the_start_of_the_service(
    observe: ObserveSystem, issuer: ScriptedMonitor, clock: ManualClock
) -> None:
    issuer.says = reading(requests=120, errors=30, started_at=START - timedelta(minutes=2))

    figures = await figures_of_issuer(observe)

    assert figures == Figures("1.2.3", 120, requests_total=120, requests_per_minute=60, error_rate=0.25)


async def test_later_looks_measure_the_last_minute(
    observe: ObserveSystem, issuer: ScriptedMonitor, clock: ManualClock
) -> None:
    issuer.says = reading(requests=1000, errors=1000, started_at=START - timedelta(days=7))
    await observe()
    for second in range(2, 121, 2):
        clock.advance(2)
        issuer.says = reading(requests=1000 + second, errors=1000, started_at=START - timedelta(days=7))
        figures = await figures_of_issuer(observe)

    assert figures.requests_per_minute == pytest.approx(60)
    assert figures.error_rate == 0


async def test_a_look_after_an_hour_measures_that_hour(
    observe: ObserveSystem, issuer: ScriptedMonitor, clock: ManualClock
) -> None:
    issuer.says = reading(requests=5000, started_at=START - timedelta(days=7))
    await observe()
    clock.advance(timedelta(hours=1))
    issuer.says = reading(requests=5600, errors=6, started_at=START - timedelta(days=7))

    figures = await figures_of_issuer(observe)

    assert (figures.requests_per_minute, figures.error_rate) == (10, 0.01)


async def test_a_service_that_started_anew_is_measured_from_its_new_start(
    observe: ObserveSystem, issuer: ScriptedMonitor, clock: ManualClock
) -> None:
    issuer.says = reading(requests=5000, errors=50, started_at=START - timedelta(days=7))
    await observe()
    clock.advance(60)
    issuer.says = reading(requests=15, started_at=START + timedelta(seconds=30))

    figures = await figures_of_issuer(observe)

    assert (figures.uptime_seconds, figures.requests_per_minute, figures.error_rate) == (30, 30, 0)


async def test_a_wall_clock_that_was_set_back_gives_no_negative_figures(
    observe: ObserveSystem, issuer: ScriptedMonitor, clock: ManualClock
) -> None:
    issuer.says = reading(requests=10, started_at=START)
    clock.set_wall_clock(START - timedelta(days=1))

    figures = await figures_of_issuer(observe)

    assert (figures.uptime_seconds, figures.requests_per_minute) == (0, 0)


async def test_looking_for_days_keeps_a_dozen_samples(
    observe: ObserveSystem, issuer: ScriptedMonitor, clock: ManualClock
) -> None:
    for _ in range(2000):
        clock.advance(1)
        await observe()

    assert len(observe._rates["issuer"]._samples) <= 14


async def test_what_everybody_may_see_is_which_service_is_up(observe: ObserveSystem, follow: FollowRevocations) -> None:
    await follow.step()

    system = (await observe()).without_details()

    assert system.services == (ServiceView("issuer", ServiceStatus.UP), ServiceView("api", ServiceStatus.UP))
