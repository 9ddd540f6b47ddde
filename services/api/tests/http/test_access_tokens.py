"""Whoever presents an access token, a forged one or none: what the api answers (abuse cases TK)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from answers import assert_401n, assert_401t, assert_503d
from api_world import ALICE, ISSUER, ApiWorld
from paseport import base64url
from paseport.revocation import RevocationKind
from paseport.rfc3339 import format_time
from paseport.subject import SubjectState
from paseport.v4_public import assemble, footer_for, signing_input
from paseport_shared.adapters.keyfile.key_file import KeyFile
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner

DASHBOARD = "/api/dashboard"


async def sign_raw(world: ApiWorld, message: bytes, kid: str | None = None) -> str:
    """A token with a genuine signature over whatever bytes: what a buggy issuer would make."""
    key = await world.keys.active()
    footer = footer_for(kid or key.kid)
    return assemble(message, await world.keys.sign(signing_input(message, footer), key_version=key.version), footer)


def wire_message(world: ApiWorld, **changes: Any) -> bytes:
    """The message of a good token with claims replaced, or left out (None)."""
    now = world.clock.now()
    values: dict[str, Any] = {
        "iss": ISSUER,
        "sub": str(ALICE),
        "aud": f"{ISSUER}/api",
        "exp": now + timedelta(minutes=5),
        "nbf": now,
        "iat": now,
        "jti": "jti",
        "client_id": "bff",
        "scope": "openid roles",
        "typ": "access",
        "fid": "family",
        "ver": 1,
    } | changes
    return json.dumps(
        {
            name: format_time(value) if isinstance(value, datetime) else value
            for name, value in values.items()
            if value is not None
        },
        separators=(",", ":"),
    ).encode()


# --- nobody, and somebody ---------------------------------------------------------------------------------------------


async def test_a_user_with_a_valid_token_is_let_in(world: ApiWorld) -> None:
    await world.user("User")

    assert (await world.get(DASHBOARD, await world.token())).status_code == 200


@pytest.mark.parametrize("path", [DASHBOARD, "/api/admin/revocations"])
async def test_nobody_is_asked_to_sign_in(world: ApiWorld, path: str) -> None:
    """TK-01, AD-01."""
    assert_401n(await world.get(path))


async def test_another_scheme_presents_no_bearer_token(world: ApiWorld) -> None:
    """TK-01."""
    assert_401n(await world.get(DASHBOARD, Authorization="Basic YWxpY2U6c2VjcmV0"))


async def test_a_token_in_query_or_cookie_is_not_looked_at(world: ApiWorld) -> None:
    """TK-01: RFC 9700 §4.3.2. What stands in an address ends up in logs."""
    await world.user("User")
    token = await world.token()

    assert_401n(await world.get(f"{DASHBOARD}?access_token={token}"))
    assert_401n(await world.get(DASHBOARD, Cookie=f"access_token={token}"))


async def test_two_authorization_headers_are_refused_even_if_one_would_do(world: ApiWorld) -> None:
    """TK-13: a proxy and we might each believe another one."""
    await world.user("User")
    token = await world.token()

    headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]

    assert_401t(await world.http.get(DASHBOARD, headers=headers))


# --- forgeries --------------------------------------------------------------------------------------------------------


async def test_an_attacker_who_flips_one_bit_anywhere_is_refused_before_roles_are_read(world: ApiWorld) -> None:
    """TK-02: a sample of positions in payload, signature and footer. A directory that is down would answer 503."""
    await world.user("User")
    token = await world.token()
    payload, footer = (base64url.decode(part) for part in token.split(".")[2:])

    with world.outages.roles, world.outages.subjects:
        for position in range(0, len(payload) + len(footer), 7):
            forged = bytearray(payload + footer)
            forged[position] ^= 1 << position % 8
            parts = base64url.encode(bytes(forged[: len(payload)])), base64url.encode(bytes(forged[len(payload) :]))
            assert_401t(await world.get(DASHBOARD, "v4.public." + ".".join(parts)))


async def test_an_attacker_who_signs_with_a_key_of_their_own_is_refused(world: ApiWorld, tmp_path: Any) -> None:
    """TK-03: under the published ``kid`` the signature does not fit; under their own there is no key."""
    await world.user("User", "Admin")
    forger = KeyFile(tmp_path / "forger.json", world.clock, SeededRandomness(666))
    message = wire_message(world)
    footer = footer_for((await world.keys.active()).kid)
    borrowed = assemble(message, await forger.sign(signing_input(message, footer), key_version=1), footer)

    assert_401t(await world.get(DASHBOARD, borrowed))
    assert_401t(await world.get(DASHBOARD, await PasetoTokenSigner(forger, forger).sign(world.claims())))


@pytest.mark.parametrize(
    "spelling",
    [
        lambda token: token.replace("v4.public", "v3.public"),
        lambda token: token.replace("v4.public", "v2.public"),
        lambda token: token.replace("v4.public", "v4.local"),
        lambda token: token.replace("v4.public", "V4.public"),
        lambda token: token.replace("v4.public", "v4.PUBLIC"),
        lambda token: token.replace(".", "\uff0e").encode(),
        lambda token: f"\u202e{token}".encode(),
        lambda token: token.encode() + b"\x00",
        lambda token: token.encode() + b"\xff\xfe",
        lambda token: token + "\n",
        lambda token: token + "\r\n X-Forged: 1",
        lambda token: token + " " + token,
        lambda token: token + "=",
        lambda token: token + ".",
        lambda token: token.rpartition(".")[0],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: "v4.public.." + token.rpartition(".")[2],
        lambda token: token + ".e30.e30",
        lambda token: "v4.public." + "A" * 4096,
        lambda token: token + "A" * 4096,
        lambda token: "v4.public.",
        lambda token: "v4.public",
        lambda token: ".....",
    ],
)
async def test_what_is_nearly_a_token_is_refused(world: ApiWorld, spelling: Callable[[str], str | bytes]) -> None:
    """TK-03, TK-10, TK-11, TK-13: made from a valid token, and no longer one."""
    await world.user("User")
    written = spelling(await world.token())
    header = b"Bearer " + (written if isinstance(written, bytes) else written.encode())

    assert_401t(await world.http.get(DASHBOARD, headers=[(b"Authorization", header)]))


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "bearer  ", "Bearer \t", "BEARER x"])
async def test_the_word_bearer_and_nothing_that_is_a_token_is_a_credential_that_does_not_do(
    world: ApiWorld, header: str
) -> None:
    """TK-13."""
    assert_401t(await world.get(DASHBOARD, Authorization=header))


@pytest.mark.parametrize(
    "credential",
    [
        "prt_0HhUZ5YzOqPD5w2uMvZ0yA_0_3Xq1o2Ww9bQxJtYc8LmNeR4TzUvBsDfGhKjPaQwErTy_1a2B3c",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImlkLTEifQ.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20ifQ.c2lnbmF0dXJl",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        "ppk_0123456789abcdef_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG_1a2B3c",
        "pss_0HhUZ5YzOqPD5w2uMvZ0yA_0HhUZ5YzOqPD5w2uMvZ0yA_1a2B3c",
        "prr_0HhUZ5YzOqPD5w2uMvZ0yA",
        "SplxlOBeZQQYbYS6WxSbIA",
    ],
)
async def test_another_credential_is_no_access_token(world: ApiWorld, credential: str) -> None:
    """TK-04: refresh token, ID token, unsigned JWT, API key, session cookie, reset link, authorization code."""
    assert_401t(await world.get(DASHBOARD, credential))


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "id"},
        {"typ": "refresh"},
        {"iss": f"{ISSUER}/"},
        {"iss": "https://elsewhere.example.com"},
        {"iss": ""},
        {"aud": ISSUER},
        {"aud": f"{ISSUER}/api/"},
        {"aud": f"{ISSUER}/userinfo"},
        {"aud": "https://service.example.com"},
        {"ver": None},
        {"fid": None},
        {"sub": str(ALICE).upper()},
        {"sub": f"{{{ALICE}}}"},
    ],
)
async def test_a_genuine_token_for_something_else_is_refused(world: ApiWorld, changes: dict[str, Any]) -> None:
    """TK-05, TK-14, TK-15: signed by the issuer, and not an access token of a user for this api."""
    await world.user("User")

    token = await sign_raw(world, wire_message(world, **changes))

    assert_401t(await world.get(DASHBOARD, token))


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "typ"])
@pytest.mark.parametrize("value", [b"null", b"17", b'["x"]', b'{"x":"y"}', None])
async def test_a_genuine_token_without_a_claim_or_with_one_of_another_type_is_refused(
    world: ApiWorld, claim: str, value: bytes | None
) -> None:
    """TK-08, TK-15: never a 5xx, whatever the issuer signed. ``aud`` as a list is not configured."""
    await world.user("User")
    members = [part.split(b":", 1) for part in wire_message(world).strip(b"{}").split(b",")]
    kept = [(name, held) for name, held in members if name != f'"{claim}"'.encode()]
    changed = kept if value is None else [*kept, (f'"{claim}"'.encode(), value)]

    token = await sign_raw(world, b"{" + b",".join(b":".join(member) for member in changed) + b"}")

    assert_401t(await world.get(DASHBOARD, token))


@pytest.mark.parametrize("message", [b"", b"[]", b"null", b"{", b"[" * 1000, b"\xff", b'{"sub":"\xff"}'])
async def test_a_genuine_signature_over_something_that_is_no_claims_is_refused(world: ApiWorld, message: bytes) -> None:
    """TK-08."""
    assert_401t(await world.get(DASHBOARD, await sign_raw(world, message)))


# --- time -------------------------------------------------------------------------------------------------------------


async def test_a_token_ends_when_it_says_and_not_a_second_later(world: ApiWorld) -> None:
    """TK-08."""
    await world.user("User")
    token = await world.token()
    world.clock.advance(299)
    await world.heartbeat()
    assert (await world.get(DASHBOARD, token)).status_code == 200

    world.clock.advance(1)
    assert_401t(await world.get(DASHBOARD, token))


@pytest.mark.parametrize(
    "changes",
    [
        lambda now: {"nbf": now + timedelta(seconds=31)},
        lambda now: {"iat": now + timedelta(seconds=31), "exp": now + timedelta(minutes=5)},
        lambda now: {"exp": now + timedelta(hours=1, seconds=1)},
        lambda now: {"exp": now - timedelta(seconds=1), "iat": now - timedelta(minutes=5)},
    ],
)
async def test_a_token_out_of_its_time_is_refused(world: ApiWorld, changes: Callable[[Any], dict[str, Any]]) -> None:
    """TK-08, TK-09."""
    await world.user("User")

    token = await sign_raw(world, wire_message(world, **changes(world.clock.now())))

    assert_401t(await world.get(DASHBOARD, token))


# --- keys -------------------------------------------------------------------------------------------------------------


def unknown_kid(number: int) -> str:
    return "k4.pid." + base64url.encode(number.to_bytes(33))


async def test_a_thousand_unknown_keys_cause_one_fetch_of_the_key_document(world: ApiWorld) -> None:
    """TK-06: whoever makes up key ids must not make us hammer the issuer; and gets the same 401 each time."""
    await world.user("User")
    assert (await world.get(DASHBOARD, await world.token())).status_code == 200
    world.clock.advance(10)
    await world.heartbeat()
    before = world.key_document.fetches
    message = wire_message(world)
    tokens = [await sign_raw(world, message, unknown_kid(number)) for number in range(1000)]

    responses = await asyncio.gather(*(world.get(DASHBOARD, token) for token in tokens))

    for response in responses:
        assert_401t(response)
    assert world.key_document.fetches <= before + 1


async def test_an_unknown_key_while_the_key_document_cannot_be_had_is_503(world: ApiWorld) -> None:
    """TK-06: it may be a new key of ours. Keys in hand stay good meanwhile."""
    await world.user("User")
    token = await world.token()
    assert (await world.get(DASHBOARD, token)).status_code == 200
    world.clock.advance(10)
    await world.heartbeat()

    with world.outages.key_document:
        unknown = await sign_raw(world, wire_message(world), unknown_kid(1))
        assert_503d(await world.get(DASHBOARD, unknown))
        assert (await world.get(DASHBOARD, token)).status_code == 200


async def test_an_api_that_never_saw_the_key_document_lets_nobody_in(world: ApiWorld) -> None:
    """TK-06."""
    await world.user("User")

    with world.outages.key_document:
        assert_503d(await world.get(DASHBOARD, await world.token()))


# --- revocation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "subject", "min_version"),
    [
        (RevocationKind.SESSION, "session-of-alice", None),
        (RevocationKind.FAMILY, "family-of-alice", None),
        (RevocationKind.TOKEN, "jti-of-alice", None),
        (RevocationKind.USER, str(ALICE), 2),
    ],
)
async def test_a_revoked_token_is_refused_as_soon_as_the_feed_says_so(
    world: ApiWorld, kind: RevocationKind, subject: str, min_version: int | None
) -> None:
    """TK-22, TK-23: the copy is brought up to date by the api itself, within the second that ``revoke`` allows."""
    await world.user("User")
    token = await world.token()
    assert (await world.get(DASHBOARD, token)).status_code == 200

    await world.revoke(kind, subject, min_version)

    assert_401t(await world.get(DASHBOARD, token))


async def test_a_token_of_a_revoked_key_is_refused(world: ApiWorld) -> None:
    """TK-23."""
    await world.user("User")
    token = await world.token()

    await world.revoke(RevocationKind.KEY, (await world.keys.active()).kid)

    assert_401t(await world.get(DASHBOARD, token))


async def test_revoking_one_session_leaves_the_others_alone(world: ApiWorld) -> None:
    """TK-23."""
    await world.user("User")
    await world.revoke(RevocationKind.SESSION, "session-of-alice")

    other = await world.token(session_id="other-session", family_id="other-family", token_id="other-jti")

    assert (await world.get(DASHBOARD, other)).status_code == 200


async def test_tokens_from_after_a_user_wide_revocation_are_good(world: ApiWorld) -> None:
    """TK-22: signed in again after "sign out everywhere"."""
    await world.user("User", version=2)
    await world.revoke(RevocationKind.USER, str(ALICE), 2)

    assert (await world.get(DASHBOARD, await world.token(user_version=2))).status_code == 200


# --- the subject ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [{"enabled": False}, {"version": 2}, {"enabled": False, "version": 2}])
async def test_the_token_of_a_user_who_was_disabled_or_moved_on_dies(world: ApiWorld, state: dict[str, Any]) -> None:
    """TK-22: by the role directory alone, even where the feed has not spoken yet."""
    await world.user("User", "Admin")
    token = await world.token()
    assert (await world.get(DASHBOARD, token)).status_code == 200

    await world.user("User", "Admin", **state)

    assert_401t(await world.get(DASHBOARD, token))


async def test_a_subject_that_nobody_knows_is_refused(world: ApiWorld) -> None:
    """TK-22: the directory is complete, so its word is final and the issuer is not asked."""
    assert_401t(await world.get(DASHBOARD, await world.token()))
    assert world.subjects.asked == 0


async def test_a_machine_is_known_and_holds_no_role(world: ApiWorld) -> None:
    token = await world.token(
        subject="reporting-job", session_id=None, family_id=None, user_version=None, auth_time=None, amr=()
    )

    response = await world.get(DASHBOARD, token)

    assert (response.status_code, response.json()["code"]) == (403, "insufficient_role")


async def test_an_admins_token_without_the_scope_administers_nothing(world: ApiWorld) -> None:
    """A token is never worth more than its scope."""
    await world.user("User", "Admin")

    response = await world.get("/api/admin/revocations", await world.token(scope=("openid", "roles")))

    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
    assert 'scope="admin"' in response.headers["WWW-Authenticate"]


async def test_every_cause_gives_one_answer(world: ApiWorld) -> None:
    """TK-26: an attacker does not learn which check failed."""
    await world.user("User", "Admin", enabled=False)
    good = await world.token()
    tokens = [
        good,
        good[:-1],
        await world.token(issuer="https://elsewhere.example.com"),
        await world.token(subject="01900000-0000-7000-8000-0000000000ff"),
        await world.token(expires_at=world.clock.now()),
        await sign_raw(world, b"{}"),
        await sign_raw(world, b"{}", unknown_kid(3)),
    ]

    answers = []
    for token in tokens:
        response = await world.get(DASHBOARD, token)
        body = {name: value for name, value in response.json().items() if name != "request_id"}
        headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
        headers.pop("content-length", None)
        answers.append((response.status_code, body, headers))

    assert all(answer == answers[0] for answer in answers)


async def test_no_token_is_written_to_a_log(world: ApiWorld) -> None:
    """P11: neither a good one, nor one that is refused, nor one in the wrong place."""
    await world.user("User")
    good = await world.token()
    for token in (good, good[:-1], f"{good}.canary"):
        await world.get(DASHBOARD, token)
        await world.get(f"{DASHBOARD}?access_token={token}")
        await world.get(f"/api/{token}")

    assert world.logs
    assert good[10:60] not in str(world.logs)


async def test_a_miss_in_an_incomplete_directory_is_asked_of_the_issuer(unfilled: ApiWorld) -> None:
    state = SubjectState(ALICE, "alice", frozenset({"User"}), enabled=True, version=1, revision=1)
    unfilled.subjects.states[ALICE] = state

    assert (await unfilled.get(DASHBOARD, await unfilled.token())).status_code == 200
    assert unfilled.subjects.asked == 1


async def test_a_miss_that_the_issuer_does_not_know_either_is_refused(unfilled: ApiWorld) -> None:
    """TK-22."""
    assert_401t(await unfilled.get(DASHBOARD, await unfilled.token()))
    assert unfilled.subjects.asked == 1


async def test_a_miss_while_the_issuer_cannot_be_asked_is_503_and_never_let_in(unfilled: ApiWorld) -> None:
    """FA-07 for the api."""
    with unfilled.outages.subjects:
        assert_503d(await unfilled.get(DASHBOARD, await unfilled.token()))


async def test_a_disabled_user_whom_only_the_issuer_knows_is_refused(unfilled: ApiWorld) -> None:
    """TK-22."""
    unfilled.subjects.states[ALICE] = SubjectState(ALICE, "alice", frozenset({"Admin"}), False, 1, 1)

    assert_401t(await unfilled.get(DASHBOARD, await unfilled.token()))
