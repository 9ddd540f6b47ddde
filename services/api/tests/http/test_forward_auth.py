"""Proxies ask whether requests may pass (abuse cases FA): whoever asks, with whatever, in each family's way."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api_world import ALICE, ISSUER, ApiWorld
from edge_world import (
    ALLOWED,
    CLIENT,
    FAMILIES,
    HOST,
    IDENTITY,
    ORIGIN,
    PEPPERS,
    SETTINGS,
    SID,
    SIGNED_IN,
    ask,
    bearer,
    change_key,
    cookie_for,
    edge_cookie,
    identity_of,
    rule,
    secret_of,
    send,
    signed_in,
    status_of,
    stored_key,
)
from paseport.revocation import RevocationKind
from paseport_api.settings import ForwardAuthVariables
from paseport_shared.domain.models.api_key import DeletedApiKey, new_api_key
from paseport_shared.domain.models.policy import Access, CredentialKind, Policy, Reason
from paseport_shared.domain.models.rate_limit import RateLimit

every_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    """An api that a proxy asks, with rules."""
    async with ApiWorld(tmp_path, **SETTINGS) as world:
        world.policies.policy = SIGNED_IN
        yield world


async def reasons(world: ApiWorld) -> list[Reason]:
    """Why requests were denied, as the decision log has it, oldest first."""
    await world.api.use.log_denials.step()
    denials, _ = await world.decision_log.latest(100)
    return [denial.reason for denial in reversed(denials)]


# --- who may pass -----------------------------------------------------------------------------------------------------


@every_family
async def test_an_access_token_names_its_user_to_the_service(edge: ApiWorld, family: str) -> None:
    """FA-06: the whole identity set, each header of it."""
    await edge.user("User", "Auditor")

    answer = await ask(edge, "/things?id=1", bearer(await edge.token()), family=family)

    assert answer.status_code == ALLOWED[family]
    assert answer.content == b""
    assert identity_of(answer) == {
        "X-User": "alice",
        "X-User-Id": str(ALICE),
        "X-User-Roles": "Auditor,User",
        "X-User-Scopes": " ".join(sorted(edge.claims().scope)),
        "X-User-Email": "",
        "X-Auth-Method": "access_token",
        "Remote-User": "alice",
        "Remote-Groups": "Auditor,User",
        "Remote-Name": "",
        "Remote-Email": "",
    }
    assert len(answer.headers["X-Request-Id"]) == 36


@every_family
async def test_an_api_key_is_worth_the_roles_that_it_shares_with_its_owner(edge: ApiWorld, family: str) -> None:
    await edge.user("User", "Auditor")
    _, text = await stored_key(edge)

    answer = await ask(edge, "/", bearer(text), family=family)

    assert answer.status_code == ALLOWED[family]
    assert (answer.headers["X-User-Roles"], answer.headers["X-User-Scopes"]) == ("User", "reports")
    assert answer.headers["X-Auth-Method"] == "api_key"


@every_family
async def test_a_browser_that_was_handed_over_is_its_person(edge: ApiWorld, family: str) -> None:
    await edge.user("User")

    answer = await ask(edge, "/", edge_cookie(await signed_in(edge)), family=family)

    assert answer.status_code == ALLOWED[family]
    assert (answer.headers["X-User"], answer.headers["X-Auth-Method"]) == ("alice", "session")


@every_family
async def test_a_machine_is_named_by_its_client(edge: ApiWorld, family: str) -> None:
    token = await edge.token(
        subject="reporting-job", session_id=None, family_id=None, user_version=None, auth_time=None, amr=()
    )

    answer = await ask(edge, "/", bearer(token), family=family)

    assert (answer.headers["X-User"], answer.headers["X-User-Id"]) == ("reporting-job", "reporting-job")
    assert answer.headers["Remote-Groups"] == ""


@every_family
async def test_on_a_public_path_nobody_needs_a_credential_and_a_good_one_still_counts(
    edge: ApiWorld, family: str
) -> None:
    """FA-06: nobody's identity set is there too, empty, so that what a client sent is overwritten."""
    await edge.user("User")

    nobody = await ask(edge, "/health", {"X-User": "admin"}, family=family)
    bad = await ask(edge, "/health", bearer("v4.public.junk"), family=family)
    somebody = await ask(edge, "/health", bearer(await edge.token()), family=family)

    assert [answer.status_code for answer in (nobody, bad, somebody)] == [ALLOWED[family]] * 3
    expected = dict.fromkeys(IDENTITY, "") | {"X-Auth-Method": "none"}
    assert identity_of(nobody) == identity_of(bad) == expected
    assert somebody.headers["X-User"] == "alice"


async def test_what_no_header_can_hold_is_percent_encoded(edge: ApiWorld) -> None:
    state = await edge.user("User")
    await edge.roles.put(replace(state, revision=9, name="Zoë 50% \N{SNOWMAN}\r\nX-Evil: 1", email="a@example.com"))

    answer = await ask(edge, "/", bearer(await edge.token()))

    assert answer.headers["Remote-Name"] == "Zo%C3%AB 50%25 %E2%98%83%0D%0AX-Evil: 1"
    assert answer.headers["X-User-Email"] == answer.headers["Remote-Email"] == "a@example.com"


A_KEY = new_api_key("0" * 16, bytes(32)).reveal()


@every_family
async def test_credentials_and_cookies_of_ours_are_not_passed_on_and_others_are(edge: ApiWorld, family: str) -> None:
    await edge.user("User")
    cookie = await signed_in(edge)
    ours = f"__Host-paseport-edge={cookie}"
    mixed = {"Cookie": f"theme=dark; {ours}; Paseport-Session=x; lang=en", "Authorization": "Basic YTpi"}

    several = await ask(edge, "/", mixed, family=family)
    alone = await ask(edge, "/", {"Cookie": ours}, family=family)
    by_token = await ask(edge, "/", bearer(await edge.token()), family=family)

    assert several.headers["Cookie"] == "theme=dark; lang=en"
    assert several.headers["Authorization"] == "Basic YTpi"
    assert alone.headers["Cookie"] == ""
    assert "Authorization" not in by_token.headers
    assert "Cookie" not in by_token.headers


@every_family
@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {A_KEY} folded",
        "Bearer v4.public.x.y folded",
        f"Digest {A_KEY}",
        "Basic " + base64.b64encode(f"{A_KEY}:x".encode()).decode(),
        "Basic " + base64.b64encode(f"x:{A_KEY}".encode()).decode(),
    ],
)
async def test_what_holds_a_credential_of_ours_is_not_passed_on_in_whatever_form(
    edge: ApiWorld, family: str, authorization: str
) -> None:
    """FA-21: proxies join the lines of a folded header. A public service must not collect what is in there."""
    answer = await ask(edge, "/health", {"Authorization": authorization, "X-API-Key": f"x {A_KEY}"}, family=family)

    assert answer.status_code == ALLOWED[family]
    assert "Authorization" not in answer.headers
    assert "X-API-Key" not in answer.headers


async def test_a_services_own_bearer_token_passes_beside_a_session(edge: ApiWorld) -> None:
    """A page of the service calls it with a token of its own; the browser adds our cookie by itself."""
    await edge.user("User")
    own = {**edge_cookie(await signed_in(edge)), **bearer("eyJhbGciOi.of.somebody"), "X-API-Key": "theirs"}

    answer = await ask(edge, "/", own)

    assert (answer.status_code, answer.headers["X-Auth-Method"]) == (204, "session")
    assert answer.headers["Authorization"] == "Bearer eyJhbGciOi.of.somebody"
    assert answer.headers["X-API-Key"] == "theirs"


# --- who may not ------------------------------------------------------------------------------------------------------


@every_family
async def test_who_presents_nothing_is_asked_to_sign_in(edge: ApiWorld, family: str) -> None:
    """FA-01 for programs."""
    answer = await ask(edge, "/", family=family)

    assert answer.status_code == status_of(answer, family) == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="paseport"'
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["code"], body["request_id"]) == ("sign_in_required", answer.headers["X-Request-Id"])


PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}


@every_family
async def test_a_person_who_opens_a_page_is_led_to_sign_in(edge: ApiWorld, family: str) -> None:
    """FA-01 for people, FA-24: by way of the host itself, back to the page."""
    answer = await ask(edge, "/things?id=1&b=%20", PAGE, family=family)

    name = "X-Paseport-Location" if family == "/auth-request" else "Location"
    assert status_of(answer, family) == 303
    assert answer.headers[name] == f"{ORIGIN}/.paseport/handover?return_to=%2Fthings%3Fid%3D1%26b%3D%2520"
    assert answer.status_code == (401 if family == "/auth-request" else 303)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "POST"},
        {"proto": "http"},
        {"host": "other.example.com"},
        {"headers": {**PAGE, "Sec-Fetch-Mode": "cors"}},
        {"headers": {"Accept": "application/json"}},
        {"headers": {**PAGE, **bearer("v4.public.junk")}},
        {"headers": {**PAGE, **bearer("junk")}},
    ],
    ids=["unsafe", "plain http", "unlisted host", "script", "no page", "bad token", "foreign token"],
)
async def test_nobody_else_is_led_anywhere(edge: ApiWorld, changes: dict[str, Any]) -> None:
    """FA-01, FA-24: only to hosts in the list, over https, and only a person who opens a page."""
    edge.policies.policy = Policy([rule()])

    answer = await ask(edge, "/", **{"headers": PAGE, **changes})

    assert answer.status_code == 401
    assert "Location" not in answer.headers


async def test_whose_session_ended_is_led_to_sign_in_again_from_a_page_and_refused_elsewhere(edge: ApiWorld) -> None:
    await edge.user("User")
    cookie = edge_cookie(cookie_for(edge))

    page, script = await ask(edge, "/", {**PAGE, **cookie}), await ask(edge, "/", cookie)

    assert (page.status_code, script.status_code) == (303, 401)
    assert script.json()["code"] == "invalid_token"


@every_family
async def test_a_rule_that_denies_and_no_rule_at_all_deny_whoever_asks(edge: ApiWorld, family: str) -> None:
    await edge.user("User", "Admin")
    token = bearer(await edge.token())

    answers = [
        await ask(edge, "/secret/plans", token, family=family),
        await ask(edge, "/", token, family=family, host="other.example.com"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert [answer.json()["code"] for answer in answers] == ["forbidden", "forbidden"]
    assert await reasons(edge) == [Reason.DENIED_BY_RULE, Reason.NO_RULE]


async def test_where_no_rule_helps_no_credential_is_looked_at(edge: ApiWorld) -> None:
    """A directory that is away would say 503."""
    _, text = await stored_key(edge)
    with edge.outages.api_keys, edge.outages.api_key_source:
        assert (await ask(edge, "/secret", bearer(text))).status_code == 403


@every_family
async def test_a_caller_without_the_role_is_refused_and_told_nothing_of_the_rule(edge: ApiWorld, family: str) -> None:
    await edge.user("User")

    answer = await ask(edge, "/admin/users", bearer(await edge.token()), family=family)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "admin" not in answer.text.lower()
    assert "Admin" not in str(answer.headers)
    await edge.api.use.log_denials.step()
    denial = await edge.decision_log.find(answer.headers["X-Request-Id"])
    assert denial is not None
    assert (denial.reason, denial.rule, denial.remedy) == (Reason.ROLE_MISSING, "admin", "the role Admin")
    assert (denial.host, denial.path, denial.method, denial.address) == (HOST, "/admin/users", "GET", CLIENT)
    assert (denial.subject, denial.credential) == (str(ALICE), CredentialKind.ACCESS_TOKEN)


@pytest.mark.parametrize(
    "headers",
    [
        bearer("v4.public.junk"),
        bearer("ppk_junk"),
        bearer("eyJhbGciOiJub25lIn0.e30."),
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer a b"},
        {"X-API-Key": "junk"},
        {"X-API-Key": ""},
        {"Cookie": "__Host-paseport-edge=pse_junk"},
        {"Cookie": "__Host-paseport-edge="},
        {"Authorization": "Bearer \xff\xfe"},
    ],
    ids=repr,
)
@every_family
async def test_junk_of_any_form_is_refused_in_the_same_words(
    edge: ApiWorld, family: str, headers: dict[str, str]
) -> None:
    """FA-07, TK-26."""
    answer = await ask(edge, "/", headers, family=family)

    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_token"
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_a_token_for_another_audience_is_refused_and_one_for_the_host_is_not(edge: ApiWorld) -> None:
    await edge.user("User")

    answers = {
        audience: (await ask(edge, "/", bearer(await edge.token(audience=audience)))).status_code
        for audience in (
            f"{ISSUER}/api",
            ORIGIN,
            f"{ISSUER}/userinfo",
            "https://other.example.com",
            f"{ORIGIN}/",
            f"http://{HOST}",
            f"{ORIGIN}:8443",
            HOST,
        )
    }

    assert answers == {
        f"{ISSUER}/api": 204,
        ORIGIN: 204,
        f"{ISSUER}/userinfo": 403,
        "https://other.example.com": 403,
        f"{ORIGIN}/": 403,
        f"http://{HOST}": 403,
        f"{ORIGIN}:8443": 403,
        HOST: 403,
    }
    assert set(await reasons(edge)) == {Reason.AUDIENCE_REFUSED}


async def test_a_port_in_the_host_makes_no_other_audience_acceptable(edge: ApiWorld) -> None:
    """The port is the caller's to choose, and proxies route by name."""
    await edge.user("User")
    token = await edge.token(audience=f"{ORIGIN}:8443")

    assert (await ask(edge, "/", bearer(token), host=f"{HOST}:8443")).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer {token}"), ("X-API-Key", "{key}")],
        [("Authorization", "Bearer {token}"), ("Cookie", "__Host-paseport-edge={cookie}")],
        [("X-API-Key", "{key}"), ("Cookie", "__Host-paseport-edge={cookie}")],
        [("Authorization", "Bearer {token}"), ("Authorization", "Bearer {token}")],
        [("X-API-Key", "{key}"), ("X-API-Key", "{key}")],
        [("Cookie", "__Host-paseport-edge={cookie}; __Host-paseport-edge={cookie}")],
        [("Cookie", "__Host-paseport-edge={cookie}"), ("Cookie", "__Host-paseport-edge=other")],
        [("Authorization", "Bearer {key}"), ("X-API-Key", "ppk_other")],
    ],
    ids=[
        "token and key",
        "token and cookie",
        "key and cookie",
        "header twice",
        "key twice",
        "cookie twice",
        "cookies apart",
        "two keys",
    ],
)
async def test_two_credentials_are_none(edge: ApiWorld, headers: list[tuple[str, str]]) -> None:
    """TK-13: a proxy, a service and we might each believe another one."""
    await edge.user("User")
    _, key = await stored_key(edge)
    values = {"token": await edge.token(), "key": key, "cookie": await signed_in(edge)}
    sent = [(name, value.format(**values)) for name, value in headers]

    answer = await send(edge, "GET", f"{ISSUER}/forward-auth", facts() + sent)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert await reasons(edge) == [Reason.CREDENTIALS_AMBIGUOUS]


async def test_one_key_in_two_places_is_one_credential(edge: ApiWorld) -> None:
    await edge.user("User")
    _, key = await stored_key(edge)

    answer = await ask(edge, "/", {**bearer(key), "X-API-Key": key})

    assert answer.status_code == 204
    assert not {"Authorization", "X-API-Key"} & set(answer.headers)


def facts(**changes: str) -> list[tuple[str, str]]:
    """What Traefik and Caddy say of a request."""
    values = {
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": HOST,
        "X-Forwarded-Uri": "/",
        "X-Forwarded-For": CLIENT,
    }
    return list((values | changes).items())


# --- what a proxy says ------------------------------------------------------------------------------------------------


@every_family
async def test_only_our_proxies_are_believed(edge: ApiWorld, family: str) -> None:
    """FA-02: refused, and said in the log once, not with every try."""
    await edge.user("User")
    token = bearer(await edge.token())

    answers = [await ask(edge, "/", token, family=family, peer="192.0.2.9") for _ in range(3)]

    assert {status_of(answer, family) for answer in answers} == {400}
    assert answers[0].json()["code"] == "proxy_untrusted"
    alarms = [entry for entry in edge.logs if "no trusted proxy" in entry["event"]]
    assert [(entry["log_level"], entry["peer"]) for entry in alarms] == [("warning", "192.0.2.9")]
    assert await reasons(edge) == []


async def test_an_api_without_trusted_proxies_believes_nobody(world: ApiWorld) -> None:
    """FA-02: the default."""
    world.policies.policy = Policy([rule("all", Access.PUBLIC)])

    assert (await ask(world, "/", peer="127.0.0.1")).status_code == 400


@pytest.mark.parametrize("name", ["Method", "Proto", "Host", "Uri", "For"])
async def test_a_fact_that_is_missing_or_said_twice_denies(edge: ApiWorld, name: str) -> None:
    """FA-11, FA-14."""
    edge.policies.policy = Policy([rule("all", Access.PUBLIC)])
    header = f"X-Forwarded-{name}"
    value = dict(facts())[header]

    missing = await send(edge, "GET", f"{ISSUER}/forward-auth", [pair for pair in facts() if pair[0] != header])
    twice = await send(edge, "GET", f"{ISSUER}/forward-auth", [*facts(), (header, value)])

    assert [answer.status_code for answer in (missing, twice)] == [400, 400]
    assert missing.json()["code"] == "request_unclear"
    assert await reasons(edge) == [Reason.REQUEST_UNCLEAR] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"X-Forwarded-Uri": "/health/../admin"},
        {"X-Forwarded-Uri": "/health/%2e%2e/admin"},
        {"X-Forwarded-Uri": "//health"},
        {"X-Forwarded-Uri": "/health\\"},
        {"X-Forwarded-Uri": "/health%2f"},
        {"X-Forwarded-Uri": "/health;x"},
        {"X-Forwarded-Uri": "/health?a#b"},
        {"X-Forwarded-Uri": f"https://{HOST}/health"},
        {"X-Forwarded-Uri": "/health%00"},
        {"X-Forwarded-Uri": "health"},
        {"X-Forwarded-Uri": ""},
        {"X-Forwarded-Host": ""},
        {"X-Forwarded-Host": f"{HOST}/x"},
        {"X-Forwarded-Host": f"evil@{HOST}"},
        {"X-Forwarded-Host": f"{HOST}, {HOST}"},
        {"X-Forwarded-Host": f"{HOST}."},
        {"X-Forwarded-Method": "get"},
        {"X-Forwarded-Method": "CONNECT"},
        {"X-Forwarded-Method": "GET, POST"},
        {"X-Forwarded-Proto": "https,http"},
        {"X-Forwarded-Proto": "ftp"},
    ],
    ids=repr,
)
async def test_what_can_be_read_in_several_ways_denies_even_where_anybody_may_pass(
    edge: ApiWorld, changes: dict[str, str]
) -> None:
    """FA-09, FA-11, FA-14, FA-15."""
    edge.policies.policy = Policy([rule("all", Access.PUBLIC)])
    assert (await send(edge, "GET", f"{ISSUER}/forward-auth", facts())).status_code == 204

    answer = await send(edge, "GET", f"{ISSUER}/forward-auth", facts(**changes))

    assert (answer.status_code, answer.json()["code"]) == (400, "request_unclear")


@pytest.mark.parametrize(
    "alias", ["X_User", "x_user_id", "X_User-Roles", "Remote_User", "remote_groups", "X-User_Email", "X_Auth_Method"]
)
async def test_an_alias_of_an_identity_header_denies(edge: ApiWorld, alias: str) -> None:
    """FA-04: services behind CGI and its relatives read `X_User` as `X-User`."""
    edge.policies.policy = Policy([rule("all", Access.PUBLIC)])

    answers = [await ask(edge, "/", {alias: "admin"}, family=family) for family in ("/forward-auth", "/ext-authz")]

    assert [answer.status_code for answer in answers] == [400, 400]


@every_family
async def test_no_other_header_is_a_fact(edge: ApiWorld, family: str) -> None:
    """FA-03, FA-15: what other proxies and frameworks read as another path, host or method."""
    lies = {
        "X-Rewrite-URL": "/health",
        "X-Original-URL": "/health",
        "X-Forwarded-Prefix": "/health",
        "Forwarded": f"for=10.0.0.1;host=other.example.com;proto=https;by={HOST}",
        "X-HTTP-Method-Override": "POST",
        "X-Real-IP": "10.0.0.9",
        "X-Forwarded-Server": HOST,
        "X-Forwarded-Path": "/health",
        "X_Forwarded_Uri": "/health",
    }

    answer = await ask(edge, "/things", lies, family=family)

    assert status_of(answer, family) == 401
    await edge.api.use.log_denials.step()
    denial = await edge.decision_log.find(answer.headers["X-Request-Id"])
    assert denial is not None
    assert (denial.path, denial.method, denial.address) == ("/things", "GET", CLIENT)


async def test_the_headers_of_another_family_are_no_facts(edge: ApiWorld) -> None:
    """FA-03."""
    edge.policies.policy = Policy([rule("all", Access.PUBLIC)])

    answer = await send(edge, "GET", f"{ISSUER}/auth-request", facts())

    assert (answer.status_code, answer.headers["X-Paseport-Status"]) == (403, "400")


async def test_envoy_asks_with_the_path_as_it_was_sent(edge: ApiWorld) -> None:
    """FA-09: decoded, `/health%2F..%2Fadmin` would be another path."""
    edge.policies.policy = Policy([rule("health", Access.PUBLIC, "/health")])

    answers = [
        await ask(edge, target, family="/ext-authz")
        for target in ("/health", "/health?x=/admin", "/health%2F..%2Fadmin", "/%2e%2e/health", "/h%65alth")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 400, 400, 200]


async def test_envoy_asks_with_the_method_itself(edge: ApiWorld) -> None:
    edge.policies.policy = Policy([rule("read", Access.PUBLIC, methods=frozenset({"GET"}))])

    answers = [await ask(edge, "/", family="/ext-authz", method=method) for method in ("GET", "POST", "TRACE")]

    assert [answer.status_code for answer in answers] == [200, 403, 400]


async def test_a_proxy_that_asks_with_another_method_or_in_an_old_version_is_denied(edge: ApiWorld) -> None:
    """FA-21: HTTP/1.0 has no Host, and ends what was sent with the connection."""
    edge.policies.policy = Policy([rule("all", Access.PUBLIC)])

    assert (await send(edge, "POST", f"{ISSUER}/forward-auth", facts())).status_code == 400

    async def old(scope: Any, receive: Any, send_answer: Any) -> None:
        await served({**scope, "http_version": "1.0"}, receive, send_answer)

    served, edge.app = edge.app, old  # type: ignore[assignment]
    assert (await send(edge, "GET", f"{ISSUER}/forward-auth", facts())).status_code == 400


@pytest.mark.parametrize(
    "more",
    [
        [("X-Padding", "x" * 65_536)],
        [("Cookie", "a=" + "x" * 8_192)],
        [("Authorization", "Bearer " + "x" * 8_192)],
        [(f"X-Header-{number}", "x") for number in range(200)],
    ],
    ids=["64 KiB header", "8 KiB cookie", "8 KiB credential", "200 headers"],
)
async def test_what_is_too_large_is_refused_and_never_read_in_part(edge: ApiWorld, more: list[tuple[str, str]]) -> None:
    """FA-20."""
    edge.policies.policy = Policy([rule("all", Access.PUBLIC)])

    assert (await send(edge, "GET", f"{ISSUER}/forward-auth", facts() + more)).status_code == 400


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        (CLIENT, CLIENT),
        (f"198.51.100.1, {CLIENT}", CLIENT),
        (f"198.51.100.1, {CLIENT}, 10.9.9.9", CLIENT),
        (f"junk, {CLIENT}", CLIENT),
        ("junk", "10.1.2.3"),
        (f"::ffff:{CLIENT}", CLIENT),
    ],
)
async def test_the_client_is_the_last_hop_that_is_no_proxy_of_ours(edge: ApiWorld, chain: str, address: str) -> None:
    """FA-08: what stands left of it was written by the client."""
    answer = await ask(edge, "/", address=chain)

    await edge.api.use.log_denials.step()
    denial = await edge.decision_log.find(answer.headers["X-Request-Id"])
    assert denial is not None
    assert denial.address == address


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("restriction", "status", "reason"),
    [
        ({"hosts": ("other.example.com", "*.example.org")}, 403, Reason.KEY_HOST),
        ({"paths": ("/reports",)}, 403, Reason.KEY_PATH),
        ({"methods": frozenset({"POST"})}, 403, Reason.KEY_METHOD),
        ({"networks": ("192.0.2.0/24",)}, 403, Reason.KEY_NETWORK),
        ({"disabled": True}, 401, Reason.KEY_DISABLED),
        ({"expires_at": "now"}, 401, Reason.KEY_EXPIRED),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else None,
)
async def test_a_key_works_only_where_and_while_it_may(
    edge: ApiWorld, restriction: dict[str, Any], status: int, reason: Reason
) -> None:
    """FA-16: the wrong host is 403, what has ended is 401."""
    await edge.user("User")
    if "expires_at" in restriction:
        restriction = {"expires_at": edge.clock.now()}
    key, text = await stored_key(edge, **restriction)

    answer = await ask(edge, "/things", bearer(text))

    assert answer.status_code == status
    assert await reasons(edge) == [reason]
    denials, _ = await edge.decision_log.latest(1)
    assert (denials[0].key_id, denials[0].subject) == (key.id, str(ALICE))


async def test_a_key_in_the_query_is_no_credential(edge: ApiWorld) -> None:
    """FA-16: what stands in an address ends up in logs."""
    await edge.user("User")
    _, text = await stored_key(edge)

    answer = await ask(edge, f"/?api_key={text}&access_token={text}&key={text}")

    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_required")
    assert text not in str(edge.logs)
    await edge.api.use.log_denials.step()
    assert text not in str(await edge.decision_log.latest(10))


@pytest.mark.parametrize("carrier", ["bearer", "x-api-key", "basic"])
async def test_a_key_counts_in_the_carriers_that_are_on_and_in_no_other(tmp_path: Path, carrier: str) -> None:
    import base64

    rules = ForwardAuthVariables(api_key_carriers=(carrier,))
    async with ApiWorld(tmp_path, **SETTINGS, forward_auth=rules) as world:
        world.policies.policy = SIGNED_IN
        await world.user("User")
        _, text = await stored_key(world)
        password = base64.b64encode(f"whoever:{text}".encode()).decode()
        carriers = {
            "bearer": bearer(text),
            "x-api-key": {"X-API-Key": text},
            "basic": {"Authorization": f"Basic {password}"},
        }

        answers = {name: (await ask(world, "/", headers)).status_code for name, headers in carriers.items()}

    assert answers == dict.fromkeys(carriers, 401) | {carrier: 204}


async def test_a_revoked_key_is_refused_with_the_next_request(edge: ApiWorld) -> None:
    """FA-16, P2."""
    await edge.user("User")
    key, text = await stored_key(edge)
    assert (await ask(edge, "/", bearer(text))).status_code == 204

    await change_key(edge, DeletedApiKey(key.id, 2))

    assert (await ask(edge, "/", bearer(text))).status_code == 401


async def test_a_changed_key_is_what_it_is_now_with_the_next_request(edge: ApiWorld) -> None:
    await edge.user("User")
    key, text = await stored_key(edge)
    assert (await ask(edge, "/", bearer(text))).status_code == 204

    await change_key(edge, replace(key, hosts=("other.example.com",), revision=2))
    assert (await ask(edge, "/", bearer(text))).status_code == 403
    await change_key(edge, replace(key, hosts=(HOST,), revision=3))
    assert (await ask(edge, "/", bearer(text))).status_code == 204


async def test_a_key_whose_owner_lost_a_role_has_lost_it_too(edge: ApiWorld) -> None:
    """AD-06: with the next request."""
    await edge.user("User", "Admin")
    _, text = await stored_key(edge)
    assert (await ask(edge, "/admin/x", bearer(text))).status_code == 204

    await edge.user("User")

    assert (await ask(edge, "/admin/x", bearer(text))).status_code == 403
    assert (await ask(edge, "/", bearer(text))).headers["X-User-Roles"] == "User"


async def test_a_key_whose_owner_is_disabled_is_refused(edge: ApiWorld) -> None:
    """AD-07."""
    await edge.user("User")
    _, text = await stored_key(edge)
    assert (await ask(edge, "/", bearer(text))).status_code == 204

    await edge.user("User", enabled=False)

    assert (await ask(edge, "/", bearer(text))).status_code == 401


async def test_what_is_known_of_an_owner_from_before_their_last_revocation_lets_nobody_in(edge: ApiWorld) -> None:
    """AD-07, FT-08: as where only the record's feed is left, which names users and no changes, and roles are old."""
    await edge.user("User")
    _, text = await stored_key(edge)
    assert (await ask(edge, "/", bearer(text))).status_code == 204

    await edge.revoke(RevocationKind.USER, str(ALICE), 2)

    assert (await ask(edge, "/", bearer(text))).status_code == 503
    await edge.user("User", version=2)
    assert (await ask(edge, "/", bearer(text))).status_code == 204


async def test_of_two_secrets_each_works_for_as_long_as_it_lives(edge: ApiWorld) -> None:
    await edge.user("User")
    key, old = await stored_key(edge)
    assert (await ask(edge, "/", bearer(old))).status_code == 204
    new = new_api_key(key.id, bytes(31) + b"\x07").reveal()
    ends = edge.clock.now() + timedelta(seconds=3)
    held = (secret_of(old, expires_at=ends), secret_of(new))
    await change_key(edge, replace(key, secrets=held, revision=2))

    during = [(await ask(edge, "/", bearer(text))).status_code for text in (old, new)]
    edge.clock.advance(3)
    after = [(await ask(edge, "/", bearer(text))).status_code for text in (old, new)]

    assert (during, after) == ([204, 204], [401, 204])


async def test_a_key_ends_in_the_second_that_was_said_though_it_was_good_a_moment_ago(edge: ApiWorld) -> None:
    """FA-16: what is remembered for a second does not outlive the key."""
    await edge.user("User")
    _, text = await stored_key(edge, expires_at=edge.clock.now() + timedelta(seconds=0.5))
    assert (await ask(edge, "/", bearer(text))).status_code == 204

    edge.clock.advance(0.5)

    assert (await ask(edge, "/", bearer(text))).status_code == 401


async def test_a_key_with_another_pepper_version_is_refused_without_it(edge: ApiWorld) -> None:
    await edge.user("User")
    key, text = await stored_key(edge)
    other = replace(key.secrets[0], pepper_version=PEPPERS.current + 1)
    await change_key(edge, replace(key, secrets=(other,), revision=2))

    assert (await ask(edge, "/", bearer(text))).status_code == 401


async def test_uses_of_keys_are_counted_and_passed_on(edge: ApiWorld) -> None:
    await edge.user("User")
    key, text = await stored_key(edge)
    other, unused = await stored_key(edge, hosts=("other.example.com",))
    for _ in range(3):
        await ask(edge, "/", bearer(text))
    edge.clock.advance(2)
    last = edge.clock.now()
    await ask(edge, "/", bearer(text))
    await ask(edge, "/", bearer(unused))

    await edge.api.use.record_key_uses.step()

    uses = await edge.api_key_usage.take(10)
    assert [(use.key_id, use.count, use.last_used_at) for use in uses] == [(key.id, 4, last)]
    assert other.id not in {use.key_id for use in uses}


# --- keys, while parts are down ---------------------------------------------------------------------------------------


async def test_while_redis_is_down_known_keys_and_those_of_the_issuer_work(edge: ApiWorld) -> None:
    """FT-08 for keys."""
    await edge.user("User")
    _, known = await stored_key(edge)
    assert (await ask(edge, "/", bearer(known))).status_code == 204
    key, text = await stored_key(edge)
    await edge.api_key_source.put([key])

    with edge.outages.api_keys:
        assert (await ask(edge, "/", bearer(text))).status_code == 204
        edge.clock.advance(2)
        await edge.heartbeat()
        with edge.outages.api_key_source:
            assert (await ask(edge, "/", bearer(known))).status_code == 204


async def test_while_the_issuer_is_down_keys_work_and_unknown_ones_are_refused(edge: ApiWorld) -> None:
    await edge.user("User")
    _, text = await stored_key(edge)
    _, unknown = new_key_text()

    with edge.outages.api_key_source, edge.outages.subjects:
        assert (await ask(edge, "/", bearer(text))).status_code == 204
        assert (await ask(edge, "/", bearer(unknown))).status_code == 401


async def test_a_miss_that_is_not_final_is_503_while_the_issuer_is_down(tmp_path: Path) -> None:
    """FA-07: never allow, and never "unknown"."""
    async with ApiWorld(tmp_path, directory_is_complete=False, **SETTINGS) as world:
        world.policies.policy = SIGNED_IN
        _, unknown = new_key_text()
        with world.outages.api_key_source:
            answer = await ask(world, "/", bearer(unknown))

    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "1")


async def test_a_key_that_the_feed_named_is_not_let_in_on_an_old_copy(edge: ApiWorld) -> None:
    """P2 while directory and issuer are away: what is known to be old is no answer."""
    await edge.user("User")
    key, text = await stored_key(edge)
    assert (await ask(edge, "/", bearer(text))).status_code == 204

    await edge.revoke(RevocationKind.API_KEY, key.id, 2)
    with edge.outages.api_keys, edge.outages.api_key_source:
        answer = await ask(edge, "/", bearer(text))

    assert answer.status_code == 503


async def test_a_lost_feed_denies_keys_tokens_and_sessions_alike(edge: ApiWorld) -> None:
    """P2: five seconds after the last answer of any feed."""
    await edge.user("User")
    _, text = await stored_key(edge)
    credentials = [bearer(text), bearer(await edge.token()), edge_cookie(await signed_in(edge))]
    for credential in credentials:
        assert (await ask(edge, "/", credential)).status_code == 204

    with edge.outages.feed:
        edge.clock.advance(5.1)

        assert [(await ask(edge, "/", credential)).status_code for credential in credentials] == [503, 503, 503]
        assert (await ask(edge, "/health")).status_code == 204


def new_key_text() -> tuple[object, str]:
    from edge_world import new_key

    return new_key()


# --- sessions ---------------------------------------------------------------------------------------------------------


async def test_a_session_that_ended_is_refused_with_the_next_request(edge: ApiWorld) -> None:
    await edge.user("User")
    cookie = edge_cookie(await signed_in(edge))
    assert (await ask(edge, "/", cookie)).status_code == 204

    await edge.sessions.end(SID)
    await edge.revoke(RevocationKind.SESSION, SID)

    assert (await ask(edge, "/", cookie)).status_code == 401


async def test_a_user_who_moved_on_has_no_session_here(edge: ApiWorld) -> None:
    """TK-22: by the feed, and by what the directory says."""
    await edge.user("User")
    cookie = edge_cookie(await signed_in(edge))
    await edge.revoke(RevocationKind.USER, str(ALICE), 2)
    assert (await ask(edge, "/", cookie)).status_code == 401


@pytest.mark.parametrize("changes", [{"enabled": False}, {"version": 2}], ids=str)
async def test_a_user_who_is_disabled_or_of_a_later_version_is_refused(edge: ApiWorld, changes: dict[str, Any]) -> None:
    """TK-22."""
    await edge.user("User")
    cookie = edge_cookie(await signed_in(edge))
    assert (await ask(edge, "/", cookie)).status_code == 204

    await edge.user("User", **changes)

    assert (await ask(edge, "/", cookie)).status_code == 401


async def test_the_cookie_of_one_host_opens_no_other(edge: ApiWorld) -> None:
    await edge.user("User")
    edge.policies.policy = Policy([rule()])
    cookie = edge_cookie(await signed_in(edge))

    assert (await ask(edge, "/", cookie, host="b.apps.example.com")).status_code == 401
    assert (await ask(edge, "/", cookie, host=f"{HOST}:8443")).status_code == 204


async def test_a_session_is_asked_for_once_a_minute(edge: ApiWorld) -> None:
    """One that ended as an idle one, of which no feed tells, works on for so long."""
    await edge.user("User")
    cookie = edge_cookie(await signed_in(edge))
    assert (await ask(edge, "/", cookie)).status_code == 204
    await edge.sessions.end(SID)

    for _ in range(14):
        edge.clock.advance(4)
        await edge.heartbeat()
    assert (await ask(edge, "/", cookie)).status_code == 204
    edge.clock.advance(4)
    await edge.heartbeat()
    assert (await ask(edge, "/", cookie)).status_code == 401


async def test_without_the_session_store_a_session_nobody_knows_is_503(edge: ApiWorld) -> None:
    """FA-07."""
    await edge.user("User")
    cookie = edge_cookie(await signed_in(edge))

    with edge.outages.sessions:
        assert (await ask(edge, "/", cookie)).status_code == 503


@pytest.mark.parametrize(
    ("method", "more", "status"),
    [
        ("GET", {}, 204),
        ("HEAD", {}, 204),
        ("POST", {"Origin": ORIGIN}, 204),
        ("GET", {"Upgrade": "websocket", "Origin": ORIGIN}, 204),
        ("POST", {}, 403),
        ("DELETE", {}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Origin": "https://evil.example.com"}, 403),
        ("POST", {"Origin": f"http://{HOST}"}, 403),
        ("POST", {"Origin": f"{ORIGIN}:8443"}, 403),
        ("GET", {"Upgrade": "websocket"}, 403),
        ("GET", {"Sec-WebSocket-Key": "x"}, 403),
        ("GET", {"Upgrade": "websocket", "Origin": "https://evil.example.com"}, 403),
        # Not every proxy passes on what tells a WebSocket from a page.
        ("GET", {"Origin": "https://evil.example.com"}, 403),
    ],
    ids=repr,
)
@every_family
async def test_a_session_changes_things_only_from_pages_of_its_own_host(
    edge: ApiWorld, family: str, method: str, more: dict[str, str], status: int
) -> None:
    """FA-19, and cross-site request forgery."""
    await edge.user("User")

    answer = await ask(edge, "/", {**edge_cookie(await signed_in(edge)), **more}, method=method, family=family)

    assert answer.status_code == (ALLOWED[family] if status == 204 else status)


async def test_an_upgrade_that_only_the_scheme_tells_needs_an_origin_too(edge: ApiWorld) -> None:
    """FA-19."""
    await edge.user("User")
    cookie = edge_cookie(await signed_in(edge))

    assert (await ask(edge, "/", cookie, proto="wss")).status_code == 403
    assert (await ask(edge, "/", {**cookie, "Origin": ORIGIN}, proto="wss")).status_code == 204


async def test_a_key_needs_no_origin(edge: ApiWorld) -> None:
    """No browser adds one by itself."""
    await edge.user("User")
    _, text = await stored_key(edge)

    assert (await ask(edge, "/", {**bearer(text), "Origin": "https://evil.example.com"}, method="POST")).is_success


async def test_used_sessions_are_told_to_the_issuer_once_a_minute(edge: ApiWorld) -> None:
    await edge.user("User")
    cookie = edge_cookie(await signed_in(edge))
    note = edge.api.use.note_session_uses

    for _ in range(2):
        await ask(edge, "/", cookie)
        await note.step()
    assert edge.handovers.used == [SID]
    edge.clock.advance(60)
    await edge.heartbeat()
    with edge.outages.handovers:
        await ask(edge, "/", cookie)
        await note.step()
    await ask(edge, "/", cookie)
    await note.step()
    assert edge.handovers.used == [SID, SID]


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [False, True], ids=["local", "strict"])
@every_family
async def test_a_key_that_is_used_too_often_has_to_wait(edge: ApiWorld, family: str, strict: bool) -> None:
    await edge.user("User")
    _, text = await stored_key(edge, rate_limit=RateLimit(3, timedelta(seconds=10), strict))

    answers = [await ask(edge, "/", bearer(text), family=family) for _ in range(4)]

    assert [status_of(answer, family) for answer in answers] == [ALLOWED[family]] * 3 + [429]
    refused = answers[3]
    assert refused.json()["code"] == "rate_limited"
    assert (refused.headers["RateLimit-Limit"], refused.headers["RateLimit-Remaining"]) == ("3", "0")
    assert 1 <= int(refused.headers["Retry-After"]) <= 11
    edge.clock.advance(21)
    await edge.heartbeat()
    assert (await ask(edge, "/", bearer(text), family=family)).status_code == ALLOWED[family]


async def test_limits_of_one_key_are_no_limits_of_another(edge: ApiWorld) -> None:
    await edge.user("User")
    texts = [(await stored_key(edge, rate_limit=RateLimit(1, timedelta(minutes=1))))[1] for _ in range(2)]

    assert [(await ask(edge, "/", bearer(text))).status_code for text in texts * 2] == [204, 204, 429, 429]


async def test_a_strict_limit_is_local_while_redis_is_down_and_not_gone(edge: ApiWorld) -> None:
    await edge.user("User")
    _, text = await stored_key(edge, rate_limit=RateLimit(2, timedelta(minutes=1), strict=True))

    with edge.outages.shared_rates:
        answers = [(await ask(edge, "/", bearer(text))).status_code for _ in range(3)]

    assert answers == [204, 204, 429]


@pytest.mark.parametrize("field", ["rate_limit_user", "rate_limit_address"])
async def test_a_user_and_an_address_have_limits_where_they_are_set(tmp_path: Path, field: str) -> None:
    rules = ForwardAuthVariables(**{field: 2})
    async with ApiWorld(tmp_path, **SETTINGS, forward_auth=rules) as world:
        world.policies.policy = SIGNED_IN
        await world.user("User")
        _, text = await stored_key(world)
        token = await world.token()

        answers = [(await ask(world, "/", bearer(one))).status_code for one in (text, token, text)]
        elsewhere = await ask(world, "/", bearer(token), address="198.51.100.9")

    assert answers == [204, 204, 429]
    assert elsewhere.status_code == (429 if field == "rate_limit_user" else 204)


async def test_processes_that_count_side_by_side_share_a_limit(tmp_path: Path) -> None:
    rules = ForwardAuthVariables(rate_limit_address=4, rate_limit_shares=2)
    async with ApiWorld(tmp_path, **SETTINGS, forward_auth=rules) as world:
        world.policies.policy = SIGNED_IN

        answers = [(await ask(world, "/health")).status_code for _ in range(3)]

    assert answers == [204, 204, 429]


@every_family
async def test_whoever_guesses_keys_has_to_wait_and_nobody_else(tmp_path: Path, family: str) -> None:
    """FA-18: valid keys of others go on, those behind the same address too, once they were seen."""
    rules = ForwardAuthVariables(bad_credentials=20)
    async with ApiWorld(tmp_path, **SETTINGS, forward_auth=rules) as world:
        world.policies.policy = SIGNED_IN
        await world.user("User")
        _, valid = await stored_key(world)
        assert (await ask(world, "/", bearer(valid), family=family)).is_success
        guesses = [new_key_text()[1] for _ in range(25)]

        answers = [status_of(await ask(world, "/", bearer(text), family=family), family) for text in guesses]
        with world.outages.api_keys, world.outages.api_key_source:
            untried = await ask(world, "/", bearer(new_key_text()[1]), family=family)
        same_address = await ask(world, "/", bearer(valid), family=family)
        other_address = await ask(world, "/", bearer(new_key_text()[1]), address="198.51.100.9", family=family)
        world.clock.advance(120)
        await world.heartbeat()
        later = await ask(world, "/", bearer(new_key_text()[1]), family=family)

    assert answers == [401] * 20 + [429] * 5
    # Refused before anybody was asked, else it would be 503.
    assert status_of(untried, family) == 429
    assert same_address.is_success
    assert [status_of(answer, family) for answer in (other_address, later)] == [401, 401]


# --- nginx ------------------------------------------------------------------------------------------------------------


async def test_nginx_is_told_in_headers_what_it_cannot_be_told_by_status(edge: ApiWorld) -> None:
    await edge.user("User")
    _, limited = await stored_key(edge, rate_limit=RateLimit(1, timedelta(minutes=1)))
    await ask(edge, "/", bearer(limited), family="/auth-request")

    async def told(target: str = "/", headers: dict[str, str] | None = None, **more: Any) -> tuple[int, str, str]:
        answer = await ask(edge, target, headers, family="/auth-request", **more)
        return answer.status_code, answer.headers["X-Paseport-Status"], answer.headers["X-Paseport-Reason"]

    assert await told() == (401, "401", "sign_in_required")
    assert await told(headers=bearer("v4.public.junk")) == (401, "401", "invalid_token")
    assert await told("/secret") == (403, "403", "forbidden")
    assert await told("/a//b") == (403, "400", "invalid_request")
    assert await told(peer="192.0.2.9") == (403, "400", "invalid_request")
    assert await told(headers=bearer(limited)) == (403, "429", "rate_limited")
    with edge.outages.feed:
        edge.clock.advance(6)
        assert await told(headers=bearer(await edge.token())) == (403, "503", "unavailable")


async def test_nginx_may_keep_an_answer_for_a_moment_unless_something_was_counted_or_changes(edge: ApiWorld) -> None:
    await edge.user("User")
    token = bearer(await edge.token())
    _, local = await stored_key(edge, rate_limit=RateLimit(9, timedelta(minutes=1)))
    _, strict = await stored_key(edge, rate_limit=RateLimit(9, timedelta(minutes=1), strict=True))

    async def expires(headers: dict[str, str] | None, target: str = "/", method: str = "GET") -> str | None:
        answer = await ask(edge, target, headers, family="/auth-request", method=method)
        return answer.headers.get("X-Accel-Expires")

    assert await expires(token) is None
    assert await expires(bearer(local)) is None
    assert await expires(bearer(strict)) == "0"
    assert await expires(bearer(strict)) == "0"
    assert await expires(token, method="POST") == "0"
    assert await expires(None) == "0"
    assert await expires(token, "/secret") == "0"


# --- what is remembered -----------------------------------------------------------------------------------------------


async def test_new_rules_count_with_the_next_request(edge: ApiWorld) -> None:
    await edge.user("User")
    token = bearer(await edge.token())
    assert (await ask(edge, "/things", token)).status_code == 204

    edge.policies.policy = Policy([rule("closed", Access.DENY)])

    assert (await ask(edge, "/things", token)).status_code == 403


async def test_what_was_decided_a_moment_ago_differs_by_everything_that_it_depends_on(edge: ApiWorld) -> None:
    """The same credential, and one fact after the other changed."""
    await edge.user("User")
    _, text = await stored_key(
        edge, hosts=(HOST,), paths=("/things",), methods=frozenset({"GET"}), networks=("203.0.113.0/24",)
    )
    edge.policies.policy = Policy([rule()])
    headers = bearer(text)
    assert (await ask(edge, "/things", headers)).status_code == 204

    answers = [
        await ask(edge, "/others", headers),
        await ask(edge, "/things", headers, host="other.example.com"),
        await ask(edge, "/things", headers, method="POST"),
        await ask(edge, "/things", headers, address="198.51.100.9"),
        await ask(edge, "/things", headers, peer="192.0.2.9"),
        await ask(edge, "/things?x#y", headers),
        await ask(edge, "/things?x", headers),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 400, 400, 204]


async def test_decisions_are_counted_by_reason(edge: ApiWorld) -> None:
    await edge.user("User")
    token = bearer(await edge.token())
    for _ in range(2):
        await ask(edge, "/", token)
    await ask(edge, "/secret", token)

    metrics = (await edge.internal.get("/metrics")).text

    assert 'paseport_decision_total{outcome="allowed"} 2.0' in metrics
    assert 'paseport_decision_total{outcome="denied_by_rule"} 1.0' in metrics
    assert 'paseport_http_requests_total{method="GET",route="/forward-auth",status="2xx"} 2.0' in metrics


async def test_no_credential_is_written_down(edge: ApiWorld) -> None:
    """P11: neither a good one nor one that is refused, in the log or among the denials."""
    await edge.user("User")
    _, key = await stored_key(edge)
    cookie, token = await signed_in(edge), await edge.token()
    for headers in (bearer(key), bearer(key[:-1]), bearer(token[:-1]), edge_cookie(cookie[:-1])):
        await ask(edge, "/admin/x", {**headers, "Accept": "text/html"})

    await edge.api.use.log_denials.step()
    written = f"{edge.logs} {await edge.decision_log.latest(100)}"
    assert "role_missing" in written.lower()
    for secret in (key[21:60], token[10:60], cookie[60:100]):
        assert secret not in written
