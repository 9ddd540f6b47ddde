"""The vectors for other languages: up to date, in their form, and true for our own verifier and for pyseto."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from paseport.claims import check_claims
from paseport.claims_json import decode_claims
from paseport.errors import InvalidToken
from paseport.grammar import parse_token
from paseport.key_set import StaticKeySet, parse_key_document
from paseport.revocation import FeedPosition, FeedSnapshot, Revocation, RevocationKind
from paseport.revocation_list import RevocationList
from paseport.rfc3339 import parse_time
from paseport.token_verifier import TokenVerifier
from paseport.v4_public import verify_parsed, verify_signature
from paseport_testkit.fake_issuer import FORGERIES, Stage

ROOT = Path(__file__).parents[3]
VECTORS = json.loads((ROOT / "docs/vectors/access-tokens.json").read_text())
SCHEMA = json.loads((ROOT / "docs/vectors/access-tokens.schema.json").read_text())
TESTS: list[dict[str, Any]] = VECTORS["tests"]
NOW = parse_time(VECTORS["now"])
KEYS = parse_key_document(json.dumps(VECTORS["key_document"]).encode())
MAX_LIFETIME = timedelta(seconds=VECTORS["max_lifetime_seconds"])


class StoppedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def by_name(test: dict[str, Any]) -> str:
    return str(test["name"])


@pytest.fixture(scope="module")
def revocations() -> RevocationList:
    known = RevocationList(StoppedClock())
    feed = VECTORS["feed"]
    named = [
        Revocation(
            RevocationKind(item["kind"]),
            item["subject"],
            item["min_version"],
            parse_time(item["recorded_at"]),
            parse_time(item["expires_at"]),
        )
        for item in feed["changes"]
    ]
    known.merge(FeedSnapshot(FeedPosition(feed["epoch"], feed["seq"]), tuple(named)))
    return known


async def refusing_stage(token: str, revocations: RevocationList) -> str | None:
    """Go through the checks one by one; return the first one that refuses."""
    stage = "form"
    try:
        parsed = parse_token(token)
        stage = "key"
        key = await StaticKeySet(KEYS.values()).get(parsed.kid, NOW)
        stage = "signature"
        message = verify_parsed(parsed, key.public_key)
        stage = "claims"
        claims = decode_claims(message, key.kid)
        check_claims(
            claims,
            issuer=VECTORS["issuer"],
            audience=VECTORS["audience"],
            now=NOW,
            max_lifetime=MAX_LIFETIME,
            leeway=timedelta(seconds=VECTORS["leeway_seconds"]),
        )
        stage = "revocation"
        revocations.check(claims)
    except InvalidToken:
        return stage
    return None


def test_the_file_is_what_the_tool_writes() -> None:
    check = subprocess.run(
        [sys.executable, ROOT / "tools" / "write_vectors.py", "--check"], capture_output=True, text=True, check=False
    )

    assert check.returncode == 0, check.stderr


def test_the_file_has_the_form_that_its_schema_describes() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(VECTORS)


def test_there_is_a_token_of_every_kind() -> None:
    names = [by_name(test) for test in TESTS]

    assert len(set(names)) == len(names)
    assert set(FORGERIES) <= set(names)
    assert {test["stage"] for test in TESTS} == {None, *(stage.value for stage in Stage), "revocation"}
    assert {item["kind"] for item in VECTORS["feed"]["changes"]} == {kind.value for kind in RevocationKind}
    assert len({test["token"] for test in TESTS}) == len(TESTS)


def test_the_page_on_verifying_shows_as_many_tokens_as_there_are() -> None:
    page = (ROOT / "docs/verify-anywhere.md").read_text()

    assert f"\n{len(TESTS)} tokens, 0 wrong verdicts\n" in page


@pytest.mark.parametrize("test", TESTS, ids=by_name)
async def test_the_verdict_is_that_of_our_own_verifier(test: dict[str, Any], revocations: RevocationList) -> None:
    verifier = TokenVerifier(
        StaticKeySet(KEYS.values()),
        issuer=VECTORS["issuer"],
        audience=VECTORS["audience"],
        max_lifetime=MAX_LIFETIME,
        clock=StoppedClock(),
    )
    try:
        claims = await verifier.verify(test["token"])
        revocations.check(claims)
    except InvalidToken:
        verdict = "refuse"
    else:
        verdict = "accept"

    assert verdict == test["verdict"]


@pytest.mark.parametrize("test", TESTS, ids=by_name)
async def test_it_is_refused_where_the_file_says(test: dict[str, Any], revocations: RevocationList) -> None:
    stage = await refusing_stage(test["token"], revocations)

    # What a token says about time is a claim as any other to our verifier.
    assert stage == ("claims" if test["stage"] == "time" else test["stage"])


@pytest.mark.parametrize("test", [test for test in TESTS if test["verdict"] == "accept"], ids=by_name)
def test_an_accepted_token_says_what_the_file_says(test: dict[str, Any]) -> None:
    assert json.loads(parse_token(test["token"]).message) == test["claims"]


@pytest.mark.parametrize("test", [test for test in TESTS if test["signature"] != "no key"], ids=by_name)
def test_the_signature_is_judged_by_pyseto_as_the_file_says(test: dict[str, Any]) -> None:
    """Below the gate, with the key of the footer, which for a token of another spelling is the active one."""
    try:
        key = KEYS[parse_token(test["token"]).kid]
    except InvalidToken:
        (key,) = [key for key in KEYS.values() if key.status == "active"]
    try:
        verify_signature(test["token"], key.public_key)
    except InvalidToken:
        verdict = "fails"
    else:
        verdict = "holds"

    assert verdict == test["signature"] or test["signature"] == "depends"


def test_there_are_tokens_that_a_library_accepts_and_a_verifier_must_not() -> None:
    """Why a library is not enough: most of what must be refused has a signature that holds."""
    refused = [test for test in TESTS if test["verdict"] == "refuse"]
    holding = [test for test in refused if test["signature"] == "holds"]

    assert len(holding) > len(refused) / 2
    assert {test["stage"] for test in holding} == {"form", "key", "claims", "time", "revocation"}


@pytest.mark.parametrize("key", VECTORS["key_document"]["keys"], ids=lambda key: str(key["status"]))
def test_every_key_of_the_document_is_needed(key: dict[str, Any]) -> None:
    named = [parse_token(test["token"]).kid for test in TESTS if test["stage"] != "form"]

    assert key["kid"] in named
