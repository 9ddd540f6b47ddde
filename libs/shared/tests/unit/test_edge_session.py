"""The cookie of a routed host is one of that host, and nobody else can make one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport.secret import Secret
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.edge_session import EdgeCookieKey, EdgeSession, HandoverTicket
from paseport_shared.domain.models.identifiers import new_id128

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOST = "app.example.com"
KEY = EdgeCookieKey(Secret(b"k" * 32))
SESSION = EdgeSession(
    new_id128(b"s" * 16), UUID("01900000-0000-7000-8000-00000000a11c"), 7, HOST, NOW + timedelta(hours=12)
)
COOKIE = KEY.seal(SESSION).reveal()


def test_a_host_opens_what_was_sealed_for_it() -> None:
    assert KEY.open(COOKIE, HOST, NOW) == SESSION


@given(
    st.binary(min_size=16, max_size=16),
    st.uuids(),
    st.integers(0, 2**63 - 1),
    st.integers(1, 10**9),
)
def test_every_session_is_opened_as_it_was_sealed(raw: bytes, user: UUID, version: int, seconds: int) -> None:
    session = EdgeSession(new_id128(raw), user, version, HOST, NOW + timedelta(seconds=seconds))

    assert KEY.open(KEY.seal(session).reveal(), HOST, NOW) == session


@pytest.mark.parametrize("host", ["other.example.com", "example.com", "", "APP.example.com", "app.example.com."])
def test_another_host_opens_nothing(host: str) -> None:
    assert KEY.open(COOKIE, host, NOW) is None


def test_another_installation_opens_nothing() -> None:
    assert EdgeCookieKey(Secret(b"l" * 32)).open(COOKIE, HOST, NOW) is None


def test_it_ends_at_its_end() -> None:
    assert KEY.open(COOKIE, HOST, SESSION.expires_at - timedelta(microseconds=1)) == SESSION
    assert KEY.open(COOKIE, HOST, SESSION.expires_at) is None


@pytest.mark.parametrize("position", range(len(COOKIE)))
def test_a_cookie_of_which_one_character_is_another_is_none(position: int) -> None:
    """FA-07. With the checksum put right it is the MAC that refuses."""
    other = "1" if COOKIE[position] != "1" else "2"
    changed = COOKIE[:position] + other + COOKIE[position + 1 :]
    body = changed[:-7]

    assert KEY.open(changed, HOST, NOW) is None
    if body != COOKIE[:-7]:
        assert KEY.open(f"{body}_{base62.crc(body)}", HOST, NOW) is None


@given(st.text(max_size=200))
def test_text_is_no_cookie(text: str) -> None:
    """FA-07: neither is it an exception."""
    assert KEY.open(text, HOST, NOW) is None


@pytest.mark.parametrize(
    "text", ["", COOKIE[:-1], COOKIE + "0", COOKIE + "\n", " " + COOKIE, COOKIE.lower(), COOKIE * 2]
)
def test_nearly_a_cookie_is_none(text: str) -> None:
    assert KEY.open(text, HOST, NOW) is None


def test_a_cookie_whose_ids_are_too_large_is_none_even_with_a_mac() -> None:
    """One value has one spelling: what does not fit 128 bits is no other name for something that does."""
    sealed = KEY.seal(replace(SESSION, session_id="z" * 22)).reveal()

    assert KEY.open(sealed, HOST, NOW) is None


def test_neither_log_nor_traceback_shows_a_cookie_or_what_binds_a_ticket() -> None:
    ticket = HandoverTicket(
        "t", HOST, "b1nd1ng", SESSION.session_id, SESSION.user_id, 7, NOW, NOW + timedelta(seconds=30)
    )

    assert COOKIE not in repr(KEY.seal(SESSION))
    assert "b1nd1ng" not in repr(ticket)
    assert "kkkk" not in repr(KEY)


def test_a_ticket_lives_until_its_end() -> None:
    ticket = HandoverTicket("t", HOST, "b", SESSION.session_id, SESSION.user_id, 7, NOW, NOW + timedelta(seconds=30))

    assert ticket.is_live(NOW + timedelta(seconds=29.999))
    assert not ticket.is_live(NOW + timedelta(seconds=30))
