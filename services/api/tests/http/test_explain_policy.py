"""Would this pass, and why not: the answer is that of the live decision."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from answers import assert_401n, assert_403
from api_world import ALICE, ApiWorld
from edge_world import (
    CLIENT,
    HOST,
    SETTINGS,
    ask,
    bearer,
    change_key,
    edge_cookie,
    rule,
    signed_in,
    status_of,
    stored_key,
)
from paseport.subject import SubjectState
from paseport_shared.adapters.re2.pattern_matcher import Re2PatternMatcher
from paseport_shared.domain.models.api_key import DeletedApiKey
from paseport_shared.domain.models.policy import Access, CredentialKind, PathPattern, Policy, Reason
from paseport_shared.http.request_id import new_request_id

EXPLAIN = "/api/policy/explain"
ADA = UUID("01900000-0000-7000-8000-0000000000ad")
NOBODY = {"anonymous": True}
POLICY = Policy([
    replace(rule("health", Access.PUBLIC, "/health"), line=2),
    replace(rule("secret", Access.DENY, "/secret/**"), line=5),
    replace(rule("admin", Access.SIGNED_IN, "/admin/**", roles=frozenset({"Admin"})), line=8),
    replace(rule("ada", Access.SIGNED_IN, "/ada", users=frozenset({"ada"})), line=12),
    replace(rule("reports", Access.SIGNED_IN, "/reports/**", scopes=frozenset({"reports"})), line=16),
    replace(rule("inside", Access.SIGNED_IN, "/inside", networks=("10.0.0.0/8",)), line=20),
    replace(
        rule("people", Access.SIGNED_IN, "/people/**", credentials=frozenset({CredentialKind.SESSION})), line=24
    ),
    replace(rule("app", hosts=(HOST,), methods=frozenset({"GET", "POST"})), line=28),
])  # fmt: skip


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    """Alice administers; ada has an account as everybody has."""
    async with ApiWorld(tmp_path, **SETTINGS) as world:
        world.policies.policy = POLICY
        await world.user("Admin", "User")
        world.subjects.states[ADA] = await world.user("User", user_id=ADA, username="ada")
        yield world


async def asked(world: ApiWorld, body: dict[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {await world.token()}"}
    return await world.http.post(EXPLAIN, json=body, headers=headers)


async def explained(
    world: ApiWorld, path: str, asker: dict[str, Any] | None = None, *, method: str = "GET", host: str = HOST,
    address: str | None = CLIENT,
) -> Any:  # fmt: skip
    request = {"host": host, "path": path, "method": method, "address": address}
    response = await asked(world, {"request": request} | ({} if asker is None else {"asker": asker}))
    assert response.status_code == 200, response.text
    return response.json()


async def denial_of(world: ApiWorld, response: httpx.Response) -> Any:
    """What the log says of an answer, or None for one that let the request pass."""
    await world.api.use.log_denials.step()
    return await world.decision_log.find(response.headers["X-Request-Id"])


# --- one request ------------------------------------------------------------------------------------------------------


async def test_an_administrator_sees_decision_rule_line_remedy_and_what_the_caller_holds(guarded: ApiWorld) -> None:
    assert await explained(guarded, "/admin/x?y=%2e", {"user": "ada"}) == {
        "allowed": False,
        "reason": "role_missing",
        "reason_text": "The caller has none of the roles that the rule names.",
        "rule": {"name": "admin", "line": 8},
        "remedy": "the role Admin",
        "asker": {
            "kind": "session", "subject": str(ADA), "username": "ada", "roles": ["User"], "scopes": [], "key_id": None,
            "key_refusal": None,
        },
        "request": {"host": HOST, "path": "/admin/x?y=%2e", "method": "GET", "address": CLIENT},
        "recorded_at": None,
        "now": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "asker", "reason", "rule_name"),
    [
        ("/health", NOBODY, "allowed", "health"),
        ("/", NOBODY, "sign_in_required", "app"),
        ("/", None, "sign_in_required", "app"),
        ("/", {"user": "ada"}, "allowed", "app"),
        ("/", {"user": str(ADA)}, "allowed", "app"),
        ("/ada", {"user": "ada"}, "allowed", "ada"),
        ("/ada", {"user": str(ALICE)}, "user_not_listed", "ada"),
        ("/secret/x", {"user": str(ALICE)}, "denied_by_rule", "secret"),
        ("/admin", {"user": str(ALICE)}, "allowed", "admin"),
        ("/people/x", {"user": "ada"}, "allowed", "people"),
        ("/people/x", {"user": "ada", "credential": "access_token"}, "credential_kind", "people"),
        ("/reports/x", {"user": "ada", "credential": "access_token", "scopes": ["reports"]}, "allowed", "reports"),
        ("/reports/x", {"user": "ada"}, "scope_missing", "reports"),
        # A token without the scope `roles` has none.
        ("/admin", {"user": str(ALICE), "credential": "access_token", "scopes": ["admin"]}, "role_missing", "admin"),
        ("/admin", {"user": str(ALICE), "credential": "access_token", "scopes": ["roles"]}, "allowed", "admin"),
        ("/inside", {"user": "ada"}, "network_refused", "inside"),
        ("/", {"user": "nobody"}, "credential_invalid", "app"),
        ("/", {"user": str(UUID(int=7))}, "credential_invalid", "app"),
        ("/", {"api_key": "0000000000000000"}, "credential_invalid", "app"),
        ("/health", {"user": "nobody"}, "allowed", "health"),
        ("/a/../admin", {"user": "ada"}, "request_unclear", None),
        ("admin", {"user": "ada"}, "request_unclear", None),
    ],
)
async def test_callers_are_taken_as_they_are_now(
    guarded: ApiWorld, path: str, asker: dict[str, Any] | None, reason: str, rule_name: str | None
) -> None:
    answer = await explained(guarded, path, asker)

    assert (answer["reason"], answer["allowed"]) == (reason, reason == "allowed")
    assert (None if answer["rule"] is None else answer["rule"]["name"]) == rule_name
    assert bool(answer["remedy"]) is not answer["allowed"]


async def test_a_key_says_what_it_refuses_even_where_the_rule_would_let_anybody_in(guarded: ApiWorld) -> None:
    key, _ = await stored_key(guarded, hosts=("other.example.com",))

    refused = await explained(guarded, "/", {"api_key": key.id})
    public = await explained(guarded, "/health", {"api_key": key.id})

    assert (refused["reason"], refused["rule"]["name"], refused["remedy"]) == ("key_host", "app", "a key for this host")
    assert refused["asker"]["roles"] == ["Admin", "User"]
    assert (public["reason"], public["asker"]["key_refusal"]) == ("allowed", "key_host")


async def test_a_role_that_the_owner_of_a_key_lost_is_gone_at_once(guarded: ApiWorld) -> None:
    """AD-06."""
    key, _ = await stored_key(guarded, owner_id=ADA)
    before = await explained(guarded, "/admin", {"api_key": key.id})
    await guarded.user("User", "Admin", user_id=ADA, username="ada")

    after = await explained(guarded, "/admin", {"api_key": key.id})

    assert (before["reason"], after["reason"]) == ("role_missing", "allowed")


async def test_a_disabled_user_is_nobody(guarded: ApiWorld) -> None:
    key, _ = await stored_key(guarded, owner_id=ADA)
    await guarded.user("User", user_id=ADA, username="ada", enabled=False)

    for asker in ({"user": str(ADA)}, {"api_key": key.id}):
        answer = await explained(guarded, "/", asker)
        assert answer["reason"] == "credential_invalid"
        assert "disabled" in answer["remedy"]


# --- one that was denied ----------------------------------------------------------------------------------------------


async def test_a_denial_is_explained_by_its_request_id_and_so_is_what_it_would_be_now(guarded: ApiWorld) -> None:
    key, text = await stored_key(guarded, owner_id=ADA)
    denied = await ask(guarded, "/admin/%C3%BC", bearer(text))
    await guarded.api.use.log_denials.step()
    await guarded.user("User", "Admin", user_id=ADA, username="ada")

    answer = (await asked(guarded, {"request_id": denied.headers["X-Request-Id"]})).json()

    assert (answer["allowed"], answer["reason"], answer["remedy"]) == (False, "role_missing", "the role Admin")
    assert answer["rule"] == {"name": "admin", "line": 8}
    assert answer["request"] == {"host": HOST, "path": "/admin/ü", "method": "GET", "address": CLIENT}
    assert (answer["asker"]["key_id"], answer["asker"]["roles"]) == (key.id, ["Admin", "User"])
    assert answer["recorded_at"] is not None
    assert (answer["now"]["allowed"], answer["now"]["reason"], answer["now"]["rule"]) == (True, "allowed", "admin")


async def test_a_rule_that_is_gone_is_named_without_a_line(guarded: ApiWorld) -> None:
    denied = await ask(guarded, "/secret/x")
    await guarded.api.use.log_denials.step()
    guarded.policies.policy = Policy(())

    answer = (await asked(guarded, {"request_id": denied.headers["X-Request-Id"]})).json()

    assert answer["rule"] == {"name": "secret", "line": None}
    assert answer["now"]["reason"] == "no_rule"


@pytest.mark.parametrize(("target", "reason"), [("/a/../x", "request_unclear"), ("/" + "a" * 600, "sign_in_required")])
async def test_of_a_request_that_nobody_has_whole_it_is_not_said_what_it_would_be_now(
    guarded: ApiWorld, target: str, reason: str
) -> None:
    denied = await ask(guarded, target)
    await guarded.api.use.log_denials.step()

    answer = (await asked(guarded, {"request_id": denied.headers["X-Request-Id"]})).json()

    assert (answer["reason"], answer["now"]) == (reason, None)


async def test_of_a_credential_that_was_not_genuine_it_is_not_said_what_it_would_be_now(guarded: ApiWorld) -> None:
    denied = await ask(guarded, "/admin", bearer("v4.public.junk"))
    await guarded.api.use.log_denials.step()

    answer = (await asked(guarded, {"request_id": denied.headers["X-Request-Id"]})).json()

    assert (answer["reason"], answer["now"], answer["asker"]["kind"]) == ("credential_invalid", None, "none")


async def test_a_request_that_was_not_denied_is_not_found(guarded: ApiWorld) -> None:
    for request_id in (new_request_id(), "x"):
        response = await asked(guarded, {"request_id": request_id})
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


# --- who may ask, and how ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "request"),
        ({"asker": NOBODY}, "request"),
        ({"request_id": "x", "asker": NOBODY}, "request_id"),
        ({"request": {"host": "a", "path": "/", "method": "GET"}, "asker": {}}, "asker"),
        ({"request": {"host": "a", "path": "/", "method": "GET"}, "asker": {"user": "a", "api_key": "b"}}, "asker"),
        ({"request": {"host": "a", "path": "/", "method": "GET"}, "asker": {"user": "a", "anonymous": True}}, "asker"),
    ],
)
async def test_a_question_that_is_none_is_refused(guarded: ApiWorld, body: dict[str, Any], field: str) -> None:
    response = await asked(guarded, body)

    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")
    assert [problem["field"] for problem in response.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "body",
    [
        {"request": {"host": "a", "path": "/", "method": "GET", "query": "x"}},
        {"request": {"host": "a", "path": 1, "method": "GET"}},
        {"request": {"host": "a", "path": "/", "method": "GET"}, "asker": {"user": "ada", "credential": "api_key"}},
        {"request": "GET /"},
    ],
)
async def test_a_malformed_question_is_refused(guarded: ApiWorld, body: dict[str, Any]) -> None:
    assert (await asked(guarded, body)).status_code in (400, 422)


async def test_only_an_administrator_with_the_scope_may_ask(guarded: ApiWorld) -> None:
    """AD-01: whoever may ask learns every rule, and whether a user exists."""
    body = {"request": {"host": HOST, "path": "/", "method": "GET"}}
    assert_401n(await guarded.http.post(EXPLAIN, json=body))
    weak = {"Authorization": f"Bearer {await guarded.token(scope=('openid', 'roles', 'account'))}"}
    beyond = await guarded.http.post(EXPLAIN, json=body, headers=weak)
    assert (beyond.status_code, beyond.json()["code"]) == (403, "insufficient_scope")

    await guarded.user("User")

    assert_403(await asked(guarded, body))


async def test_where_nobody_can_say_who_asks_nothing_is_guessed(guarded: ApiWorld) -> None:
    """FA-07, design §5."""
    key, _ = await stored_key(guarded)
    outages = guarded.outages
    for asker, switches in (
        ({"api_key": key.id}, (outages.api_keys, outages.api_key_source)),
        ({"user": "ada"}, (outages.subjects,)),
    ):
        with ExitStack() as stack:
            for switch in switches:
                stack.enter_context(switch)
            response = await asked(guarded, {"request": {"host": HOST, "path": "/", "method": "GET"}, "asker": asker})
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")


# --- it agrees with the live decision ---------------------------------------------------------------------------------


def some_rules(choice: random.Random) -> Policy:
    """Rules that overlap, so that their order counts."""
    paths = ["/", "/a", "/a/**", "/a/b/**", "/**"]

    def some(values: list[str], most: int = 2) -> tuple[str, ...]:
        return tuple(choice.sample(values, choice.randint(0, min(most, len(values)))))

    return Policy([
        replace(
            rule(
                f"r{number}",
                choice.choices(list(Access), [2, 8, 1])[0],
                *some(paths),
                hosts=some([HOST, "*.example.com", "other.example.com"], 1),
                methods=frozenset(some(["GET", "POST"], 1)),
                networks=choice.choice([(), (), (), ("203.0.113.0/24",), ("10.0.0.0/8",)]),
            ),
            roles=frozenset(choice.choice([(), (), ("Admin",), ("User", "Admin")])),
            users=frozenset(choice.choice([(), (), (), ("ada",), (str(ALICE), "ada")])),
            scopes=frozenset(choice.choice([(), (), (), ("reports",)])),
            credentials=frozenset(
                choice.choice([(), (), (CredentialKind.SESSION,), (CredentialKind.API_KEY, CredentialKind.SESSION)])
            ),
            line=number + 1,
        )
        for number in range(choice.randint(0, 4))
    ])  # fmt: skip


TARGETS = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/%61/b", "/a//b", "/b/../a", "/a;x", "/x?y=/../a", "/%C3%BC", "/a%2fb"]


@pytest.mark.parametrize("seed", range(4))
async def test_it_agrees_with_the_live_answer_on_a_generated_corpus(guarded: ApiWorld, seed: int) -> None:
    """Decision, rule, reason and remedy are the same, whoever asks and whatever the rules are."""
    choice = random.Random(seed)
    now = guarded.clock.now()
    changes: list[dict[str, Any]] = [
        {}, {"owner_id": ADA}, {"hosts": (HOST,), "paths": ("/a",)}, {"methods": frozenset({"POST"})},
        {"networks": ("10.0.0.0/8",)}, {"disabled": True}, {"expires_at": now}, {"scopes": (), "roles": frozenset()},
    ]  # fmt: skip
    keys = [await stored_key(guarded, **change) for change in changes]
    revoked, revoked_text = await stored_key(guarded)
    await change_key(guarded, DeletedApiKey(revoked.id, revoked.revision + 1))
    cookie = await signed_in(guarded)
    token = await guarded.token()
    callers: list[tuple[dict[str, str], dict[str, Any]]] = [
        ({}, NOBODY),
        (edge_cookie(cookie), {"user": str(ALICE)}),
        (
            bearer(token),
            {"user": str(ALICE), "credential": "access_token", "scopes": list(guarded.claims().scope)},
        ),
        (bearer(revoked_text), {"api_key": revoked.id}),
        *((bearer(text), {"api_key": key.id}) for key, text in keys),
    ]
    reasons = set()
    for _ in range(150):
        guarded.policies.policy = some_rules(choice)
        headers, asker = choice.choice(callers)
        target, method = choice.choice(TARGETS), choice.choice(["GET", "POST", "DELETE"])
        host = choice.choice([HOST, HOST, "other.example.com"])
        if "Cookie" in headers:
            host = HOST  # at any other, it is no cookie
            headers = {**headers, "Origin": f"https://{host}"}

        live = await ask(guarded, target, headers, method=method, host=host)
        denial = await denial_of(guarded, live)
        answer = await explained(guarded, target, asker, method=method, host=host)

        status = status_of(live, "/forward-auth")
        if denial is None:
            assert status == 204, (denial, status)
            assert answer["reason"] == "allowed"
        else:
            found = (answer["reason"], (answer["rule"] or {}).get("name"), answer["allowed"])
            assert found == (denial.reason.value, denial.rule, False), (target, asker)
            # Why a credential is none is said in other words, since there was no credential to look at.
            if denial.reason is not Reason.CREDENTIAL_INVALID:
                assert answer["remedy"] == denial.remedy
        reasons.add(answer["reason"])
    assert len(reasons) > 8


async def test_a_path_that_is_too_long_for_a_regular_expression_is_unclear_and_passes_no_rule(
    guarded: ApiWorld,
) -> None:
    """GW-01: it may be one that the rule denies, and the rule behind it lets everybody in."""
    guarded.policies.policy = Policy([
        replace(
            rule("deny", Access.DENY), paths=(PathPattern("/a+b", Re2PatternMatcher().compile("/a+b")),)
        ),
        rule("open", Access.PUBLIC),
    ])  # fmt: skip
    target = "/" + "a" * 2_000 + "b"

    live = await ask(guarded, target)
    short = await ask(guarded, "/aab")

    assert live.status_code == 400
    assert short.status_code == 403
    assert (await explained(guarded, target))["reason"] == "request_unclear"


async def test_names_are_asked_of_the_issuer_and_not_guessed(guarded: ApiWorld) -> None:
    guarded.subjects.states[ALICE] = SubjectState(ALICE, "alice", frozenset({"User"}), True, 1, 1)

    assert (await explained(guarded, "/", {"user": "alice"}))["asker"]["subject"] == str(ALICE)
    assert (await explained(guarded, "/", {"user": "Alice"}))["reason"] == "credential_invalid"


async def test_time_does_not_stand_still_for_a_key(guarded: ApiWorld) -> None:
    key, _ = await stored_key(guarded, expires_at=guarded.clock.now() + timedelta(minutes=1))
    before = await explained(guarded, "/", {"api_key": key.id})
    guarded.clock.advance(60)
    await guarded.heartbeat()

    assert before["reason"] == "allowed"
    assert (await explained(guarded, "/", {"api_key": key.id}))["reason"] == "key_expired"
