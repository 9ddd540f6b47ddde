"""Liveness and readiness (FT-23)."""

import asyncio
from collections.abc import Sequence

import pytest
from http_support import client, service
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Part
from paseport_shared.http import health
from paseport_shared.http.health import health_handlers

CANARY = "mariadb://paseport:canary-5c0ffee@10.0.0.5"


async def up() -> None: ...


async def down() -> None:
    raise Unavailable(CANARY)


async def broken() -> None:
    raise ValueError(CANARY)


async def silent() -> None:
    await asyncio.Event().wait()


async def test_liveness_touches_nothing() -> None:
    asked: list[str] = []

    async def ask() -> None:
        asked.append("asked")

    async with client(service(*health_handlers({"record": ask}))) as probe:
        answer = await probe.get("/health/live")

    assert (answer.status_code, answer.json(), asked) == (200, {"status": "ok"}, [])


async def test_a_service_whose_parts_all_answer_is_ready() -> None:
    async with client(service(*health_handlers({"record": up, "keys": up}))) as probe:
        answer = await probe.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "parts": [{"name": "record", "status": "up"}, {"name": "keys", "status": "up"}],
    }


@pytest.mark.parametrize(
    ("check", "detail"),
    [(down, "Does not answer."), (broken, "The check failed."), (silent, "Did not answer within 0.01 s.")],
)
async def test_a_part_that_is_missing_is_named_without_its_address(
    monkeypatch: pytest.MonkeyPatch, check: health.Check, detail: str
) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.01)

    async with client(service(*health_handlers({"record": check, "keys": up}))) as probe:
        answer = await probe.get("/health/ready")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == {
        "status": "not_ready",
        "parts": [{"name": "record", "status": "down", "detail": detail}, {"name": "keys", "status": "up"}],
    }


async def test_all_parts_are_asked_at_once() -> None:
    both = asyncio.Barrier(2)

    async def meet() -> None:
        await both.wait()

    async with client(service(*health_handlers({"record": meet, "keys": meet}))) as probe:
        answer = await probe.get("/health/ready")

    assert answer.json()["status"] == "ready"


async def test_an_optional_part_is_shown_and_not_needed() -> None:
    async with client(service(*health_handlers({"keys": down, "record": up}, optional=["keys"]))) as probe:
        answer = await probe.get("/health/ready")

    assert (answer.status_code, answer.json()["parts"][0]["status"]) == (200, "down")


async def test_a_service_can_read_its_parts_itself_and_below_another_path() -> None:
    async def read() -> Sequence[Part]:
        return [Part("revocation_feed", is_up=False, detail="Nothing was heard lately.")]

    async with client(service(*health_handlers(read, "/api/health"))) as probe:
        answer = await probe.get("/api/health/ready")

    assert answer.json()["parts"] == [
        {"name": "revocation_feed", "status": "down", "detail": "Nothing was heard lately."}
    ]
