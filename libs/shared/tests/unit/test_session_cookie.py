from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport.secret import Secret
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.identifiers import new_id128
from paseport_shared.domain.models.session import (
    Session,
    SessionCookie,
    SessionPolicy,
    new_session_cookie,
    parse_session_cookie,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RANDOMNESS = st.binary(min_size=16, max_size=16)


def a_session(session_id: str, secret_hash: bytes) -> Session:
    end = NOW + timedelta(days=30)
    return Session(session_id, secret_hash, uuid4(), NOW, NOW, NOW, end, ("pwd",), user_agent=None, address=None)


@given(RANDOMNESS, RANDOMNESS)
def test_the_browser_that_holds_the_cookie_holds_the_session(identity: bytes, secret: bytes) -> None:
    session_id = new_id128(identity)
    cookie, secret_hash = new_session_cookie(session_id, secret)

    read = parse_session_cookie(cookie)

    assert read == SessionCookie(session_id, secret_hash)
    assert a_session(session_id, secret_hash).is_held_by(read)


def test_who_knows_the_sid_of_an_access_token_does_not_hold_the_session() -> None:
    session_id = new_id128(bytes(16))
    _, secret_hash = new_session_cookie(session_id, b"1" * 16)
    guess, _ = new_session_cookie(session_id, b"2" * 16)

    read = parse_session_cookie(guess)

    assert read is not None
    assert not a_session(session_id, secret_hash).is_held_by(read)


def test_the_cookie_of_another_session_does_not_fit() -> None:
    first, second = new_id128(b"1" * 16), new_id128(b"2" * 16)
    _, secret_hash = new_session_cookie(first, bytes(16))
    other, _ = new_session_cookie(second, bytes(16))

    read = parse_session_cookie(other)

    assert read is not None
    assert not a_session(first, secret_hash).is_held_by(read)


def test_the_store_and_the_log_never_see_the_secret() -> None:
    cookie, secret_hash = new_session_cookie(new_id128(bytes(16)), b"s" * 16)
    session = a_session(new_id128(bytes(16)), secret_hash)
    secret = base62.encode_bytes(b"s" * 16)

    shown = f"{cookie!r} {session!r} {parse_session_cookie(cookie)!r}"

    assert secret not in shown
    assert repr(secret_hash) not in shown
    assert secret.encode() not in secret_hash


@given(RANDOMNESS, RANDOMNESS, st.data())
def test_a_damaged_cookie_costs_no_look_up(identity: bytes, secret: bytes, data: st.DataObject) -> None:
    text = new_session_cookie(new_id128(identity), secret)[0].reveal()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(base62.ALPHABET + "_-é \n").filter(lambda character: character != text[at]))

    assert parse_session_cookie(Secret(text[:at] + other + text[at + 1 :])) is None


@pytest.mark.parametrize("text", ["", "pss_", "pss___", "x" * 100_000, "é", "\x00"])
def test_text_that_cannot_be_a_cookie_costs_no_look_up(text: str) -> None:
    assert parse_session_cookie(Secret(text)) is None


def test_a_session_lives_until_it_is_idle_too_long_or_past_its_end() -> None:
    policy = SessionPolicy(idle=timedelta(hours=12), max_lifetime=timedelta(days=30))
    session = a_session(new_id128(bytes(16)), bytes(32))

    assert session.is_live(NOW, policy)
    assert session.is_live(NOW + policy.idle - timedelta(microseconds=1), policy)
    assert not session.is_live(NOW + policy.idle, policy)
    assert not session.is_live(NOW + timedelta(days=30), SessionPolicy(timedelta(days=99), policy.max_lifetime))
