"""What orchestrators ask: does the process run, can it do its work?"""

from __future__ import annotations

import pytest
from issuer_http import HttpWorld

ALL_UP = {"record": "up", "keys": "up", "id_keys": "up"}


@pytest.mark.parametrize("port", ["public", "internal"])
async def test_liveness_touches_no_store(http: HttpWorld, port: str) -> None:
    """FT-23: a restart mends no database, so an outage must not cause one."""
    outages = http.world.outages
    with outages.mariadb, outages.redis, outages.vault:
        async with http.bearer(None) if port == "public" else http.inside(None) as probe:
            answer = await probe.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("port", ["public", "internal"])
async def test_readiness_names_the_part_that_is_missing(http: HttpWorld, port: str) -> None:
    """FT-23."""
    async with http.bearer(None) if port == "public" else http.inside(None) as probe:
        ready = await probe.get("/health/ready")
        with http.world.outages.mariadb:
            not_ready = await probe.get("/health/ready")
        again = await probe.get("/health/ready")

    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert {part["name"]: part["status"] for part in ready.json()["parts"]} == ALL_UP
    assert (not_ready.status_code, not_ready.json()["status"]) == (503, "not_ready")
    assert {part["name"]: part["status"] for part in not_ready.json()["parts"]} == ALL_UP | {"record": "down"}
    assert int(not_ready.headers["retry-after"]) >= 1
    assert again.status_code == 200


async def test_probes_need_no_credential_and_are_never_stored(http: HttpWorld) -> None:
    async with http.bearer("junk") as probe:
        for path in ("/health/live", "/health/ready"):
            answer = await probe.get(path)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"
