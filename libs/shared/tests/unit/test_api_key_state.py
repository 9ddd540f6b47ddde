"""What Redis keeps of an API key, and what the issuer sends of it."""

from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest
from contracts.api_key_samples import LEGACY_DIGEST, NOW, SECRETS, a_full_key, a_key, as_decisions_need_it
from paseport_shared.api_key_state import ApiKeyState, decode_answer, decode_entry, encode_answer, encode_entry
from paseport_shared.domain.models.api_key import ApiKey
from paseport_shared.domain.models.rate_limit import RateLimit

KEYS = [
    a_key(),
    a_full_key(),
    a_key(expires_at=None, secrets=(), rate_limit=RateLimit(1, timedelta(milliseconds=1_500))),
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_comes_back_as_decisions_need_it(key: ApiKey) -> None:
    assert decode_entry(key.id, encode_entry(key)) == as_decisions_need_it(key)
    assert decode_answer(encode_answer(key)) == as_decisions_need_it(key)


def test_neither_of_both_has_what_only_people_need() -> None:
    """FA-16, DT-08."""
    key = a_full_key(comment="a comment", email="till@example.com", use_count=4711)

    for text in (encode_entry(key), encode_answer(key)):
        assert not [word for word in (b"a comment", b"till@example.com", b"4711") if word in text]


def test_an_answer_without_an_id_is_none() -> None:
    """What Redis keeps is no answer: whose key would it be?"""
    with pytest.raises(msgspec.ValidationError):
        decode_answer(encode_entry(a_key()))


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"null", b'{"owner_id":"x"}', encode_entry(a_key())[:-1], b"[" * 100_000]
)
def test_what_is_no_key_is_refused(text: bytes) -> None:
    for decode in (decode_answer, lambda text: decode_entry("x", text)):
        with pytest.raises((msgspec.MsgspecError, RecursionError)):
            decode(text)


def test_what_a_newer_version_adds_is_ignored_and_what_an_older_one_lacked_has_a_default() -> None:
    """DT-01: during an update old and new services share what is kept."""
    oldest = {
        "owner_id": str(a_key().owner_id),
        "name": "key 1",
        "revision": 1,
        "created_at": NOW.isoformat(),
        "updated_at": NOW.isoformat(),
    }

    assert decode_entry(a_key().id, json.dumps(oldest | {"colour": "green"}).encode()) == a_key(
        secrets=(), expires_at=None
    )


def test_equal_keys_are_kept_in_the_same_words() -> None:
    """Sets have no order; whoever compares what two issuers wrote finds no difference."""
    roles = [f"role{number}" for number in range(50)]

    assert encode_entry(a_key(roles=frozenset(roles))) == encode_entry(a_key(roles=frozenset(reversed(roles))))


def test_a_typical_key_takes_less_than_half_a_kibibyte() -> None:
    key = a_key(
        roles=frozenset({"User"}),
        scopes=("openid", "reports"),
        hosts=("app.example.com", "*.example.org"),
        paths=("/v1",),
        methods=frozenset({"GET", "POST"}),
        networks=("10.0.0.0/8",),
    )

    assert len(encode_entry(key)) <= 512


def test_a_state_shows_no_digest() -> None:
    """DT-06: error messages and logs print what they are given."""
    state = ApiKeyState.of(a_full_key())

    shown = f"{state}{state!r}{state.secrets}"
    assert LEGACY_DIGEST not in shown
    assert repr(SECRETS[0].digest) not in shown
    assert "digest" not in shown
