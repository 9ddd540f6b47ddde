"""P5: the key of access tokens is rotated ten times and then revoked, while people work; nobody but a thief notices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from findings import REVOKED_WITHIN_SECONDS, Report
from key_operator import REVOKED_KEY_WITHIN_SECONDS, KeyLoad, KeyOperator, Prober, kid_of
from paseport_testkit.harness.nginx import write_bare_app
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.vault import ACCESS_KEY, ID_KEY
from paseport_testkit.harness.waiting import wait_until

ROTATIONS = 10
MAX_AGE_SECONDS = 2
TOKEN_SECONDS = 30
SIGNED_AGAIN_WITHIN_SECONDS = 8.0
"""P6, and more than a new version waits until verifiers know it."""
PASERK = "/.well-known/paserk.json"
JWKS = "/.well-known/jwks.json"


@pytest.fixture(scope="module")
def keys_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two issuers and two apis, whose key document is good for two seconds."""
    folder = tmp_path_factory.mktemp("keys")
    settings = {
        "PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS": "1000000",
        "PASEPORT_KEY_DOCUMENT_MAX_AGE": str(MAX_AGE_SECONDS),
        "ACCESS_TOKEN_TTL": str(TOKEN_SECONDS),
    }
    app = write_bare_app(folder / "app")
    with Stack(folder / "stack", issuers=2, apis=2, app=app, settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def operator(keys_stack: Stack) -> Iterator[KeyOperator]:
    with KeyOperator(keys_stack) as operator:
        yield operator


@pytest.fixture(scope="module")
def people(keys_stack: Stack) -> Iterator[KeyLoad]:
    with KeyLoad(keys_stack, token_life_seconds=TOKEN_SECONDS) as load:
        yield load


def decisions(stack: Stack) -> dict[str, str]:
    """Name whoever decides about a token, and where an administrator asks for one."""
    apis = {f"api {number}": f"{api.url}/api/admin/revocations" for number, api in stack.apis.items()}
    return apis | {f"issuer {number}": f"{issuer.url}/users/v1?limit=1" for number, issuer in stack.issuers.items()}


def host_of(stack: Stack) -> str:
    return stack.origin.removeprefix("https://")


def decide(stack: Stack, url: str, token: str) -> httpx.Response:
    headers = {"Host": host_of(stack), "Authorization": f"Bearer {token}"}
    return httpx.get(url, headers=headers, trust_env=False, timeout=20)


def test_ten_rotations_and_an_emergency_under_load(
    keys_stack: Stack, operator: KeyOperator, people: KeyLoad, report: Report
) -> None:
    """P5, KR-01, KR-02, KR-04: no good token is refused, the revoked key is, and signing goes on with another one."""
    refused = operator.ask("POST", "/keys/v1/access/publish", {"create": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "key_version_not_permitted")
    assert refused.json()["errors"][0]["message"] == f"Run: vault write -f transit/keys/{ACCESS_KEY}/rotate"

    with people.at_work() as findings:
        for _ in range(ROTATIONS):
            version = operator.publish("access", ACCESS_KEY)
            operator.activate("access", version["version"])
            _wait_until_signed_by(version["kid"], operator)
        rotated_in = time.monotonic() - findings.began_at
        findings.check()
        # Refreshing stops for no rotation.
        assert findings.refresh_gap() <= REVOKED_WITHIN_SECONDS
        assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS

        signing = operator.versions("access")[-1]
        refused_after, signed_after = _revoke(keys_stack, operator, people, signing["version"])
        people.wait_until_flowing(findings)

    report(
        findings,
        f"{ROTATIONS} rotations in {rotated_in:.0f} s; the revoked key was refused everywhere"
        f" {refused_after:.2f} s after somebody asked for it, its replacement signed after {signed_after:.2f} s",
    )
    assert refused_after <= REVOKED_KEY_WITHIN_SECONDS
    assert signed_after <= SIGNED_AGAIN_WITHIN_SECONDS


def test_a_verifier_that_was_away_during_a_rotation_takes_the_new_key_at_once(
    keys_stack: Stack, operator: KeyOperator
) -> None:
    """KR-03: at first its copy of the revocations is too old to say anything; it never says that the token is bad."""
    api = keys_stack.apis[1]
    api.pause()
    try:
        version = operator.publish("access", ACCESS_KEY)
        operator.activate("access", version["version"])
        _wait_until_signed_by(version["kid"], operator)
        token = operator.token()
    finally:
        api.resume()

    answers = []

    def missing() -> str | None:
        answers.append(decide(keys_stack, decisions(keys_stack)["api 1"], token).status_code)
        return None if answers[-1] == 200 else f"answered {answers[-1]}"

    wait_until("it accepts a token of the new key", missing, 10)
    assert set(answers) <= {200, 503}


def test_the_key_of_id_tokens_is_rotated_and_both_are_in_the_key_set(keys_stack: Stack, operator: KeyOperator) -> None:
    """KR-07."""
    before = [key["kid"] for key in operator.document(JWKS)]

    version = operator.publish("id", ID_KEY)
    both = [*before, version["kid"]]

    def missing() -> str | None:
        # Several times, so that each issuer behind the edge is asked.
        named = [[key["kid"] for key in operator.document(JWKS)] for _ in range(4)]
        return None if named == [both] * 4 else f"named are {named}"

    wait_until("every issuer names both", missing, 2 * MAX_AGE_SECONDS)
    operator.activate("id", version["version"])
    assert missing() is None
    assert [held["status"] for held in operator.versions("id")] == ["retiring", "active"]


def test_a_version_is_retired_once_its_last_token_has_expired(keys_stack: Stack, operator: KeyOperator) -> None:
    """KR-01: told when, and not a moment before."""
    retiring = [held for held in operator.versions("access") if held["status"] == "retiring"]
    if not retiring:
        operator.activate("access", operator.publish("access", ACCESS_KEY)["version"])
        retiring = [held for held in operator.versions("access") if held["status"] == "retiring"]
    oldest, newest = retiring[0], retiring[-1]
    path = "/keys/v1/access/versions/{}/retire"

    early = operator.ask("POST", path.format(newest["version"]))
    _wait_for(oldest["possible_from"])
    retired = operator.ask("POST", path.format(oldest["version"]))

    assert (early.status_code, early.json()["not_before"]) == (409, newest["possible_from"])
    assert (retired.status_code, retired.json()["status"]) == (200, "retired")
    wait_until("no issuer names it any more", lambda: _unless_gone(oldest["kid"], operator), 2 * MAX_AGE_SECONDS)


def _revoke(stack: Stack, operator: KeyOperator, people: KeyLoad, version: int) -> tuple[float, float]:
    """Revoke the version that signs.

    Returns how long after it was asked for somebody still accepted it, and after its acknowledgement nothing signed.
    """
    token = operator.token()
    kid = kid_of(token)
    probers = [Prober(name, url, host_of(stack), token) for name, url in decisions(stack).items()]
    for prober in probers:
        prober.start()
    wait_until("every verifier accepts it", lambda: _unless_all(prober.accepted_at for prober in probers), 10)
    stack.vault.rotate(ACCESS_KEY)

    people.revoked.ending.add(kid)
    asked_at = time.monotonic()
    answer = operator.ask("POST", f"/keys/v1/access/versions/{version}/revoke", {"replace": True})
    acknowledged_at = time.monotonic()
    people.revoked.ended_at[kid] = acknowledged_at
    assert answer.status_code == 200, answer.text
    signs = answer.json()["signs"]
    assert (answer.json()["revoked"]["kid"], signs["status"]) == (kid, "active")

    fresh = operator.token()
    signed_after = time.monotonic() - acknowledged_at
    assert kid_of(fresh) == signs["kid"]
    # Nobody who is told of the replacement may refuse it, not even once.
    assert {name: decide(stack, url, fresh).status_code for name, url in decisions(stack).items()} == dict.fromkeys(
        decisions(stack), 200
    )
    wait_until("every verifier refuses", lambda: _unless_all(prober.refused_at for prober in probers), 10)
    for prober in probers:
        prober.stop()
        assert prober.others == [], prober.name
    last = max(prober.accepted_at or 0.0 for prober in probers)
    return last - asked_at, signed_after


def _wait_until_signed_by(kid: str, operator: KeyOperator) -> None:
    def missing() -> str | None:
        # Several times, so that each issuer behind the edge is asked.
        signed = {kid_of(operator.token()) for _ in range(4)}
        return None if signed == {kid} else f"signed by {signed}"

    wait_until("new tokens carry the new key id", missing, 10)


def _unless_gone(kid: str, operator: KeyOperator) -> str | None:
    named = any(kid == key["kid"] for _ in range(4) for key in operator.document(PASERK))
    return "it is named" if named else None


def _unless_all(moments: Iterator[float | None]) -> str | None:
    missing = sum(moment is None for moment in moments)
    return f"{missing} do not yet" if missing else None


def _wait_for(moment: str) -> None:
    wait_until(
        f"it is {moment}", lambda: None if datetime.now(UTC) >= datetime.fromisoformat(moment) else "not yet", 120
    )
