"""The key document: verifiers that start, that refresh their keys, and that do so during an outage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from issuer_http import HttpWorld, running_issuer
from issuer_world import issuer_settings
from paseport.key_set import KeyStatus, parse_key_document

PATH = "/.well-known/paserk.json"
KEY_SET = "/.well-known/jwks.json"
BOTH = pytest.mark.parametrize("path", [PATH, KEY_SET])


async def test_the_document_is_one_that_our_verifier_reads(http: HttpWorld) -> None:
    """TE-24: PASERK of public keys, unique kids, nothing private."""
    async with http.bearer(None) as verifier:
        answer = await verifier.get(PATH)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    keys = parse_key_document(answer.content)
    assert [key.status for key in keys.values()] == [KeyStatus.ACTIVE]
    assert set(answer.json()) == {"keys"}
    for entry in answer.json()["keys"]:
        assert entry.keys() == {"kid", "paserk", "status", "not_before", "not_after"}
        assert entry["paserk"].startswith("k4.public.")
        assert entry["kid"].startswith("k4.pid.")
    assert "k4.secret" not in answer.text


async def test_the_key_set_checks_the_id_tokens_of_this_issuer(http: HttpWorld) -> None:
    """TE-24: RSA public members alone, unique kids; and no key of access tokens."""
    async with http.bearer(None) as client:
        answer = await client.get(KEY_SET)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"keys"}
    (key,) = answer.json()["keys"]
    assert key.keys() == {"kty", "use", "alg", "kid", "n", "e"}
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert key["kid"] == (await http.world.id_keys.active()).kid


@BOTH
async def test_the_document_may_be_kept_for_its_max_age(http: HttpWorld, path: str) -> None:
    """TE-24: at most five minutes, so that a revoked key is not trusted for longer."""
    async with http.bearer(None) as verifier:
        assert (await verifier.get(path)).headers["cache-control"] == "public, max-age=60"


@BOTH
async def test_the_max_age_is_the_operators(tmp_path: Any, path: str) -> None:
    async with (
        running_issuer(tmp_path, issuer_settings(key_document_max_age=timedelta(seconds=5))) as http,
        http.bearer(None) as verifier,
    ):
        assert (await verifier.get(path)).headers["cache-control"] == "public, max-age=5"


@BOTH
async def test_the_document_is_served_while_every_backend_is_down(http: HttpWorld, path: str) -> None:
    """TE-24, P7: verifying never stops."""
    async with http.bearer(None) as verifier:
        before = await verifier.get(path)
        outages = http.world.outages
        with outages.mariadb, outages.redis, outages.vault:
            during = await verifier.get(path)

    assert during.status_code == 200
    assert during.content == before.content


@BOTH
async def test_the_document_needs_no_credential_and_looks_at_none(http: HttpWorld, path: str) -> None:
    async with http.bearer("junk") as verifier:
        assert (await verifier.get(path)).status_code == 200


async def test_the_key_set_is_for_the_public_port_alone(http: HttpWorld) -> None:
    """Nobody inside checks ID tokens."""
    async with http.inside(None) as somebody:
        assert (await somebody.get(KEY_SET)).status_code == 404
