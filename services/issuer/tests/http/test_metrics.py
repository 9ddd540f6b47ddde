"""What operators read at ``/metrics`` of the issuer, after what people did."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from pathlib import Path
from zlib import crc32

import pytest
from issuer_http import HttpWorld, running_issuer, sign_in
from issuer_world import APP, CALLER, CLI, IssuerWorld, issuer_settings
from paseport.secret import Secret
from paseport_issuer.measure import MeasureBacklog, MeasuredSigner
from paseport_issuer.use_cases.refresh_tokens import RefreshCommand
from paseport_shared.domain.errors import InvalidGrant, Overloaded, Unavailable
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.client import Client
from paseport_shared.http.metrics import ACCESS, ID, IssuerMetrics
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

Series = dict[str, float]


async def scraped(http: HttpWorld) -> Series:
    """Every series of the page, as ``name{label=value}``."""
    async with http.inside(None) as operator:
        page = (await operator.get("/metrics")).text
    return {
        f"{sample.name}{{{','.join(f'{name}={value}' for name, value in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


async def page_with(http: HttpWorld, series: set[str]) -> Series:
    """The page once it has these series, which the background work makes."""
    async with asyncio.timeout(10):
        while True:
            page = await scraped(http)
            if series <= page.keys():
                return page
            await asyncio.sleep(0)  # requests in one process never wait: others must have a turn


def counted(page: Series, name: str) -> dict[str, float]:
    """What a counter counted by outcome, without what it did not count."""
    prefix = f"{name}{{outcome="
    return {key[len(prefix) : -1]: value for key, value in page.items() if key.startswith(prefix) and value}


async def refresh(http: HttpWorld, token: Secret[str], client: Client = APP) -> Secret[str]:
    """Present a refresh token; return the one to present next."""
    return (await http.issuer.use.refresh_tokens(RefreshCommand(token, client, CALLER))).refresh_token


# --- sign-in ----------------------------------------------------------------------------------------------------------


async def test_sign_ins_are_counted_by_how_they_end(http: HttpWorld) -> None:
    await http.world.add_user("alice")
    async with http.browser() as browser:
        await sign_in(browser, "alice")
        await sign_in(browser, "alice", "wrong")
        await sign_in(browser, "nobody")
        for outage in (http.world.outages.mariadb, http.world.outages.vault):
            with outage:
                await sign_in(browser, "alice")
        for _ in range(10):
            await sign_in(browser, "nobody")

    page = await scraped(http)

    assert counted(page, "paseport_login_total") == {"accepted": 1, "refused": 11, "unavailable": 2, "limited": 1}
    assert page["paseport_attempts_limited_total{limit=account}"] == 1
    assert page["paseport_attempts_limited_total{limit=address}"] == 0


async def test_a_flood_from_one_address_is_counted_as_one(tmp_path: Path) -> None:
    """LG-17."""
    async with running_issuer(tmp_path, issuer_settings(login_attempts_per_address=2)) as http, http.browser() as one:
        for number in range(5):
            await sign_in(one, f"user-{number}")

        page = await scraped(http)

    assert page["paseport_attempts_limited_total{limit=address}"] == 3
    assert counted(page, "paseport_login_total") == {"refused": 2}


# --- refresh ----------------------------------------------------------------------------------------------------------


async def test_every_way_a_refresh_can_end_is_counted_apart(http: HttpWorld) -> None:
    """TE-10, TE-11, TE-12."""
    await http.world.add_user("alice")
    first = (await http.world.sign_in()).refresh_token
    second = await refresh(http, first)
    assert (await refresh(http, first)).reveal() == second.reveal()
    await refresh(http, second)
    for token, client in (
        (first, APP),  # late
        (second, CLI),  # another client's
        (Secret("prt_junk"), APP),
        (forged(second), APP),
    ):
        with pytest.raises(InvalidGrant):
            await refresh(http, token, client)
    with http.world.outages.redis, pytest.raises(Unavailable):
        await refresh(http, second)
    http.world.clock.advance(timedelta(minutes=1))
    for _ in ("reuse", "gone"):
        with pytest.raises(InvalidGrant):
            await refresh(http, first)

    assert counted(await scraped(http), "paseport_refresh_total") == {
        "rotate": 2,
        "replay": 1,
        "late": 1,
        "refused": 1,
        "unknown": 2,
        "unavailable": 1,
        "reuse": 1,
        "gone": 1,
    }


def forged(token: Secret[str]) -> Secret[str]:
    """The same family and generation under a MAC of the forger's own, with the right check sum."""
    family, generation, mac = token.reveal().split("_")[1:4]
    body = f"prt_{family}_{generation}_{mac[::-1]}"
    return Secret(f"{body}_{base62.encode(crc32(body.encode()), 6)}")


async def test_a_reused_token_is_told_to_whoever_is_on_call_once(http: HttpWorld) -> None:
    """TE-11: the family, and nothing that could be used."""
    await http.world.add_user("alice")
    first = (await http.world.sign_in()).refresh_token
    await refresh(http, first)
    http.world.clock.advance(timedelta(minutes=1))

    with capture_logs() as log:
        for _ in range(3):
            with pytest.raises(InvalidGrant):
                await refresh(http, first)

    lines = [line for line in log if "used again" in line["event"]]
    family = first.reveal().split("_")[1]
    assert [(line["log_level"], line["reason"]) for line in lines] == [("warning", f"reuse of family {family}")]
    assert first.reveal() not in repr(log)


async def test_racing_refreshes_are_each_counted(http: HttpWorld) -> None:
    """TE-12."""
    await http.world.add_user("alice")
    token = (await http.world.sign_in()).refresh_token

    await asyncio.gather(*(refresh(http, token) for _ in range(50)))

    assert counted(await scraped(http), "paseport_refresh_total") == {"rotate": 1, "replay": 49}


async def test_a_bug_is_counted_as_an_error_and_not_as_a_refusal(http: HttpWorld) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    await http.world.add_user("alice")
    token = (await http.world.sign_in()).refresh_token
    http.world.families.find_family = broken  # type: ignore[method-assign, assignment] - nothing else fails like a bug
    with pytest.raises(RuntimeError):
        await refresh(http, token)

    assert counted(await scraped(http), "paseport_refresh_total") == {"error": 1}


# --- signing ----------------------------------------------------------------------------------------------------------


class ScriptedSigner:
    """A signer that does what the test says."""

    def __init__(self) -> None:
        self.says: Exception | None = None

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        if self.says is not None:
            raise self.says
        return message[::-1]


@pytest.mark.parametrize(("token", "other"), [("access", "id"), ("id", "access")])
async def test_signatures_of_each_token_are_timed_and_failures_counted_by_kind(token: str, other: str) -> None:
    metrics = IssuerMetrics("1")
    inner = ScriptedSigner()
    signer = MeasuredSigner(inner, metrics.signatures if token == "access" else metrics.id_signatures)

    assert await signer.sign(b"abc", key_version=1) == b"cba"
    for failure in (Overloaded(), Unavailable(), Unavailable(), RuntimeError()):
        inner.says = failure
        with pytest.raises(type(failure)):
            await signer.sign(b"abc", key_version=1)

    value = metrics.registry.get_sample_value
    assert value("paseport_sign_duration_seconds_count", {"token": token}) == 1
    assert value("paseport_sign_duration_seconds_count", {"token": other}) == 0
    kinds = ("overloaded", "unavailable", "error")
    failures = [
        [value("paseport_sign_failures_total", {"token": each, "kind": kind}) for kind in kinds]
        for each in (token, other)
    ]
    assert failures == [[1, 2, 1], [0, 0, 0]]
    bounds = [
        sample.labels["le"]
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "paseport_sign_duration_seconds_bucket"
    ]
    assert (bounds[0], bounds[-2]) == ("0.0005", "2.5")


# --- what waits -------------------------------------------------------------------------------------------------------


def backlog(world: IssuerWorld, metrics: IssuerMetrics) -> MeasureBacklog:
    adapters = world.adapters
    return MeasureBacklog(
        metrics,
        pending=adapters.pending,
        record=adapters.record,
        keys={ACCESS: adapters.signing_keys, ID: adapters.id_keys},
        clock=adapters.clock,
    )


async def test_what_has_not_arrived_yet_is_counted(world: IssuerWorld) -> None:
    """MariaDB is down while somebody signs out; Redis is down while a role is changed."""
    metrics = IssuerMetrics("1")
    value = metrics.registry.get_sample_value
    measure = backlog(world, metrics)
    alice = await world.add_user("alice")
    issued = await world.sign_in()

    await measure.step()
    assert value("paseport_pending_record_entries") == 0
    assert (value("paseport_changes_overdue"), value("paseport_oldest_change_seconds")) == (0, 0)
    for token in ("access", "id"):
        assert value("paseport_signing_keys", {"token": token, "status": "active"}) == 1
        assert value("paseport_signing_keys", {"token": token, "status": "revoked"}) == 0

    await world.sign_out(issued)
    with world.outages.redis, pytest.raises(Unavailable):
        await world.disable(alice)
    await measure.step()
    assert value("paseport_pending_record_entries") == 1
    assert value("paseport_changes_overdue") == 0  # the request that made it may still be carrying it

    world.clock.advance(30)
    await measure.step()
    assert (value("paseport_changes_overdue"), value("paseport_oldest_change_seconds")) == (1, 30)


async def test_what_nobody_can_say_is_not_a_number(world: IssuerWorld) -> None:
    """Neither 0, which would end an alert, nor what was true before."""
    metrics = IssuerMetrics("1")
    measure = backlog(world, metrics)
    await measure.step()

    with world.outages.redis, world.outages.mariadb:
        await measure.step()

    for name in ("pending_record_entries", "changes_overdue", "oldest_change_seconds"):
        assert math.isnan(metrics.registry.get_sample_value(f"paseport_{name}") or 0)


# --- the page ---------------------------------------------------------------------------------------------------------


async def test_the_page_shows_parts_feed_and_pools_of_a_running_issuer(http: HttpWorld) -> None:
    page = await page_with(http, {"paseport_part_up{part=record}", "paseport_signing_keys{status=active,token=id}"})

    assert page["paseport_part_up{part=record}"] == 1
    assert page["paseport_part_up{part=keys}"] == 1
    assert page["paseport_revocation_feed_followed{feed=hot_store}"] == 1
    assert page["paseport_revocation_feed_age_seconds{}"] < 5
    assert page["paseport_pool_capacity{pool=password_hashing}"] == 2
    assert page["paseport_pool_waiting{pool=password_hashing}"] == 0
    assert page["paseport_pending_record_entries{}"] == 0
    assert page["paseport_part_up{part=id_keys}"] == 1
    assert page["paseport_signing_keys{status=active,token=access}"] == 1
    assert page["paseport_signing_keys{status=active,token=id}"] == 1


async def test_no_client_makes_a_new_series(http: HttpWorld) -> None:
    """A label that a client chose would fill the memory of whoever collects it."""
    await http.world.add_user("alice")

    async def visit(number: int) -> None:
        name = f"name-{number}"
        async with http.browser() as browser:
            await sign_in(browser, name, name)
            await browser.get(f"/{name}", headers={"User-Agent": name, "X-Request-Id": name})
            await browser.request(name.upper(), f"/users/v1/{name}", params={name: name})
            await browser.post("/auth/v1/refresh", headers={"Cookie": f"__Host-paseport-refresh={name}"})
        async with http.bearer(name) as somebody:
            await somebody.get("/users/v1")

    await visit(0)
    await scraped(http)
    before = await scraped(http)
    for number in range(1, 8):
        await visit(number)

    assert (await scraped(http)).keys() == before.keys()
    assert "name-" not in repr(before)


async def test_access_tokens_are_counted_by_how_they_are_judged(http: HttpWorld) -> None:
    await http.world.add_user("root", roles=("Admin",))
    token = await http.token("root")

    for presented in (token, f"{token[:-9]}AAAAAAAAA", None):
        async with http.bearer(presented) as caller:
            await caller.get("/users/v1")

    assert counted(await scraped(http), "paseport_verification_total") == {"accepted": 1, "refused": 1}
