"""Given a request id, an administrator sees what was denied, by which rule, and what would have let it pass."""

from __future__ import annotations

from typing import Any

import pytest
from answers import assert_401n, assert_403
from api_world import ALICE, ApiWorld
from edge_world import CLIENT, SETTINGS, SIGNED_IN, ask, bearer, stored_key
from paseport_api.handlers.schemas.reasons import REASON_TEXTS
from paseport_shared.domain.models.policy import Reason
from paseport_shared.http.request_id import new_request_id

DECISIONS = "/api/admin/decisions"


@pytest.fixture
async def guarded(tmp_path: Any) -> Any:
    async with ApiWorld(tmp_path, **SETTINGS) as world:
        world.policies.policy = SIGNED_IN
        await world.user("Admin")
        yield world


async def listed(world: ApiWorld, query: str = "") -> Any:
    """What an administrator is shown, once everything is written down."""
    await world.api.use.log_denials.step()
    response = await world.get(f"{DECISIONS}{query}", await world.token())
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_administrator_finds_a_denial_by_the_request_id_of_its_answer(guarded: ApiWorld) -> None:
    key, text = await stored_key(guarded, roles=frozenset({"User"}))
    denied = await ask(guarded, "/admin/x?token=s3cret", bearer(text), method="POST")

    found = await listed(guarded, f"?request_id={denied.headers['X-Request-Id']}")

    assert denied.status_code == 403
    assert found == {
        "items": [
            {
                "request_id": denied.headers["X-Request-Id"],
                "at": guarded.clock.now().isoformat().replace("+00:00", "Z"),
                "reason": "role_missing",
                "reason_text": "The caller has none of the roles that the rule names.",
                "rule": "admin",
                "remedy": "the role Admin",
                "host": "app.example.com",
                "path": "/admin/x",
                "method": "POST",
                "address": CLIENT,
                "credential": "api_key",
                "subject": str(ALICE),
                "key_id": key.id,
            }
        ],
        "next": None,
    }


async def test_what_passed_and_what_never_was_is_not_there(guarded: ApiWorld) -> None:
    passed = await ask(guarded, "/health")

    assert await listed(guarded, f"?request_id={passed.headers['X-Request-Id']}") == {"items": [], "next": None}
    assert await listed(guarded, f"?request_id={new_request_id()}") == {"items": [], "next": None}


async def test_an_administrator_pages_from_the_newest_to_the_oldest(guarded: ApiWorld) -> None:
    for number in range(5):
        await ask(guarded, f"/secret/{number}")

    first = await listed(guarded, "?limit=2")
    second = await listed(guarded, f"?limit=2&before={first['next']}")
    third = await listed(guarded, f"?limit=2&before={second['next']}")

    pages = [[item["path"] for item in page["items"]] for page in (first, second, third)]
    assert pages == [["/secret/4", "/secret/3"], ["/secret/2", "/secret/1"], ["/secret/0"]]
    assert third["next"] is None


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("request_id=x", ["request_id"]),
        ("request_id=*", ["request_id"]),
        ("limit=0", ["limit"]),
        ("limit=201", ["limit"]),
        ("limit=-1", ["limit"]),
        ("limit=x", ["limit"]),
        ("before=" + "9" * 100, ["before"]),
        ("order=at", ["query"]),
        ("limit=x&order=at&request_id=1", ["query", "request_id", "limit"]),
    ],
)
async def test_a_query_that_is_not_understood_is_refused(guarded: ApiWorld, query: str, fields: list[str]) -> None:
    """AD-08."""
    response = await guarded.get(f"{DECISIONS}?{query}", await guarded.token())

    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")
    assert [problem["field"] for problem in response.json()["errors"]] == fields


@pytest.mark.parametrize("before", ["x", "-", "+", "(1-0", "1;2", "%2A"])
async def test_a_position_that_cannot_be_one_is_refused(guarded: ApiWorld, before: str) -> None:
    response = await guarded.get(f"{DECISIONS}?before={before}", await guarded.token())

    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


async def test_a_log_that_does_not_answer_is_told_and_never_an_empty_page(guarded: ApiWorld) -> None:
    with guarded.outages.decision_log:
        for query in ("", f"?request_id={new_request_id()}"):
            response = await guarded.get(f"{DECISIONS}{query}", await guarded.token())
            assert (response.status_code, response.json()["code"]) == (503, "unavailable")


async def test_only_an_administrator_with_the_scope_sees_what_was_denied(guarded: ApiWorld) -> None:
    """AD-01: rules and remedies tell how an installation is protected."""
    assert_401n(await guarded.get(DECISIONS))
    beyond = await guarded.get(DECISIONS, await guarded.token(scope=("openid", "roles", "account")))
    assert (beyond.status_code, beyond.json()["code"]) == (403, "insufficient_scope")

    await guarded.user("User")

    assert_403(await guarded.get(DECISIONS, await guarded.token()))


def test_every_reason_has_a_sentence_of_its_own() -> None:
    assert set(REASON_TEXTS) == set(Reason)
    assert len(set(REASON_TEXTS.values())) == len(Reason)
