"""What a genuine signature does not excuse: the claims (abuse cases TK-05, TK-08, TK-09, TK-14, TK-15)."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport import Claims, InvalidToken
from paseport.claims import check_claims
from paseport.claims_json import decode_claims, encode_claims
from paseport.token_verifier import TokenVerifier

Sign = Callable[[bytes], str]


def altered(claims: Claims, **changes: Any) -> Claims:
    return replace(claims, **changes)


def altered_json(claims: Claims, **changes: Any) -> bytes:
    return json.dumps(json.loads(encode_claims(claims)) | changes).encode()


def without(claims: Claims, name: str) -> bytes:
    members = json.loads(encode_claims(claims))
    del members[name]
    return json.dumps(members).encode()


async def refusal_of(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(InvalidToken) as refused:
        await verifier.verify(token)
    assert str(refused.value) == InvalidToken.public
    return refused.value.reason


async def test_a_machine_token_is_accepted(verifier: TokenVerifier, sign: Sign, machine_claims: Claims) -> None:
    assert await verifier.verify(sign(encode_claims(machine_claims))) == machine_claims


async def test_a_token_of_an_offline_family_has_no_session_and_is_accepted(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims
) -> None:
    offline = altered(user_claims, session_id=None)

    assert await verifier.verify(sign(encode_claims(offline))) == offline


@pytest.mark.parametrize("typ", ["refresh", "id", "Access", "access ", "", None, 1])
async def test_another_typ_is_refused(verifier: TokenVerifier, sign: Sign, user_claims: Claims, typ: object) -> None:
    """TK-05: what the same key signs for another use is not an access token."""
    await refusal_of(verifier, sign(altered_json(user_claims, typ=typ)))


async def test_a_token_is_good_until_exp_and_not_a_second_longer(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims, now: datetime
) -> None:
    """TK-08: no leeway for `exp`."""
    earlier = now - timedelta(minutes=1)
    last_second = altered(user_claims, issued_at=earlier, not_before=earlier, expires_at=now + timedelta(seconds=1))
    expired_now = altered(user_claims, issued_at=earlier, not_before=earlier, expires_at=now)
    expired = altered(user_claims, issued_at=earlier, not_before=earlier, expires_at=now - timedelta(seconds=1))

    assert await verifier.verify(sign(encode_claims(last_second))) == last_second
    assert await refusal_of(verifier, sign(encode_claims(expired_now))) == "exp has passed"
    assert await refusal_of(verifier, sign(encode_claims(expired))) == "exp has passed"


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat", "auth_time"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        1769860800,
        1e30,
        True,
        "",
        "never",
        "1769860800",
        "99999-01-01T00:00:00Z",
        "+2026-01-31T12:05:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-31T12:05:00",
        "2026-01-31T12:05:00+00:00",
        "2026-01-31T12:05:00-00:00",
        "2026-01-31T12:05:00z",
        "2026-01-31t12:05:00Z",
        "2026-01-31 12:05:00Z",
        "2026-01-31T12:05:00.000Z",
        "2026-01-31T12:05Z",
        "20260131T120500Z",
        "2026-W05-6T12:05:00Z",
        "2026-02-30T12:05:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:05:60Z",
        "2026-01-31T12:05:00Z\n",
        "２０２６-01-31T12:05:00Z",
        ["2026-01-31T12:05:00Z"],
    ],
)
async def test_a_time_in_any_other_form_is_refused(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims, claim: str, value: object
) -> None:
    """TK-08: number, null, year 99999, no zone, and the neighbours of the one form we write."""
    await refusal_of(verifier, sign(altered_json(user_claims, **{claim: value})))


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "typ"])
async def test_a_missing_claim_is_refused(verifier: TokenVerifier, sign: Sign, user_claims: Claims, claim: str) -> None:
    """TK-08, TK-14, TK-15: absent is not the same as fine."""
    await refusal_of(verifier, sign(without(user_claims, claim)))


@pytest.mark.parametrize(("claim", "name"), [("nbf", "not_before"), ("iat", "issued_at")])
async def test_a_clock_may_be_ahead_by_30_seconds_and_no_more(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims, now: datetime, claim: str, name: str
) -> None:
    """TK-09, FT-17."""
    ahead = altered(user_claims, **{name: now + timedelta(seconds=30)})
    too_far = altered(user_claims, **{name: now + timedelta(seconds=31)})

    assert await verifier.verify(sign(encode_claims(ahead))) == ahead
    assert await refusal_of(verifier, sign(encode_claims(too_far))) == f"{claim} lies in the future"


async def test_a_life_longer_than_configured_is_refused(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims, now: datetime
) -> None:
    """TK-09: whoever once reached the signer cannot mint a token for ever."""
    longest = altered(user_claims, expires_at=now + timedelta(hours=1))
    too_long = altered(user_claims, expires_at=now + timedelta(hours=1, seconds=1))
    for_ever = altered(user_claims, expires_at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))

    assert await verifier.verify(sign(encode_claims(longest))) == longest
    assert "lifetime" in await refusal_of(verifier, sign(encode_claims(too_long)))
    assert "lifetime" in await refusal_of(verifier, sign(encode_claims(for_ever)))


async def test_a_token_that_ends_before_it_begins_is_refused(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims, now: datetime
) -> None:
    """TK-09: inside the leeway both ends could otherwise hold at once."""
    reversed_life = altered(user_claims, issued_at=now + timedelta(seconds=20), expires_at=now + timedelta(seconds=10))

    assert "lifetime" in await refusal_of(verifier, sign(encode_claims(reversed_life)))


@pytest.mark.parametrize(
    "issuer",
    [
        "https://auth.example.com/",
        "https://AUTH.example.com",
        "https://auth.example.com:443",
        "http://auth.example.com",
        "https://auth.example.com.evil.example",
        "https://auth.example.co\u043c",
        "",
        None,
        ["https://auth.example.com"],
    ],
)
async def test_another_issuer_is_refused(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims, issuer: object
) -> None:
    """TK-14: compared code point by code point."""
    await refusal_of(verifier, sign(altered_json(user_claims, iss=issuer)))


@pytest.mark.parametrize(
    "audience",
    [
        "https://auth.example.com/userinfo",
        "https://auth.example.com/api/",
        "https://auth.example.com/API",
        "",
        None,
        {"aud": "https://auth.example.com/api"},
        ["https://auth.example.com/api"],
        7,
    ],
)
async def test_another_audience_is_refused_and_so_is_a_list(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims, audience: object
) -> None:
    """TK-15: our tokens have one audience; a list is never accepted, an object never crashes."""
    await refusal_of(verifier, sign(altered_json(user_claims, aud=audience)))


@pytest.mark.parametrize("claim", ["fid", "ver"])
async def test_a_users_token_that_escapes_revocation_is_refused(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims, claim: str
) -> None:
    """Without family and version neither reuse nor a disabled user could end it."""
    assert "lacks" in await refusal_of(verifier, sign(without(user_claims, claim)))


@pytest.mark.parametrize(
    "extra",
    [
        {"sid": "c2Vzc2lvbg"},
        {"fid": "ZmFtaWx5"},
        {"ver": 0},
        {"auth_time": "2026-01-31T12:00:00Z"},
        {"amr": ["pwd"]},
    ],
)
async def test_a_machine_token_that_claims_a_sign_in_is_refused(
    verifier: TokenVerifier, sign: Sign, machine_claims: Claims, extra: dict[str, object]
) -> None:
    assert "machine" in await refusal_of(verifier, sign(altered_json(machine_claims, **extra)))


@pytest.mark.parametrize(
    "subject",
    [
        "0198C0DE-0000-7000-8000-000000000001",
        "0198c0de000070008000000000000001",
        "{0198c0de-0000-7000-8000-000000000001}",
        "urn:uuid:0198c0de-0000-7000-8000-000000000001",
    ],
)
async def test_a_user_in_another_spelling_is_refused_with_and_without_a_users_claims(
    verifier: TokenVerifier,
    sign: Sign,
    user_claims: Claims,
    machine_claims: Claims,
    subject: str,
) -> None:
    """Revocations are found by `sub`; a second spelling of it would be missed."""
    for claims in (user_claims, machine_claims):
        reason = await refusal_of(verifier, sign(encode_claims(altered(claims, subject=subject))))
        assert "canonical" in reason


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": ""},
        {"sub": None},
        {"sub": 7},
        {"jti": ""},
        {"client_id": ""},
        {"sid": None},
        {"sid": ""},
        {"fid": 1},
        {"ver": None},
        {"ver": -1},
        {"ver": "3"},
        {"ver": True},
        {"ver": 3.5},
        {"amr": "pwd"},
        {"amr": [1]},
        {"amr": []},
        {"amr": None},
        {"scope": ["openid"]},
        {"scope": "openid  roles"},
        {"scope": " openid"},
        {"scope": "openid\n"},
        {"scope": "openid\u00a0roles"},
        {"scope": 'open"id'},
    ],
)
async def test_a_claim_of_another_type_or_form_is_refused(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims, changes: dict[str, object]
) -> None:
    assert "claims" in await refusal_of(verifier, sign(altered_json(user_claims, **changes)))


@pytest.mark.parametrize(
    "message",
    [
        b"\x00",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b'"access"',
        b"{}",
        b"{",
        b"[" * 2_900,
        b'{"a":' * 500,
        b'{"a":' + b"[" * 1_400 + b"]" * 1_400 + b"}",
    ],
)
async def test_a_message_that_is_no_json_object_or_too_deep_is_refused(
    verifier: TokenVerifier, sign: Sign, message: bytes
) -> None:
    """TK-11, and nesting that would exhaust the stack."""
    assert "claims" in await refusal_of(verifier, sign(message))


def test_nesting_far_beyond_a_tokens_size_is_refused_as_well() -> None:
    with pytest.raises(InvalidToken):
        decode_claims(b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}")


async def test_a_claim_from_a_later_version_is_ignored(
    verifier: TokenVerifier, sign: Sign, user_claims: Claims
) -> None:
    """RFC 7519 §4."""
    assert await verifier.verify(sign(altered_json(user_claims, act={"sub": "x"}))) == user_claims


def test_scopes_are_the_words_of_scope(user_claims: Claims) -> None:
    """RFC 6749 §3.3."""
    assert json.loads(encode_claims(user_claims))["scope"] == "openid profile roles"
    assert decode_claims(encode_claims(altered(user_claims, scope=()))).scope == ()


def test_times_are_written_in_utc_and_whole_seconds(user_claims: Claims) -> None:
    two_hours_east = timezone(timedelta(hours=2))
    exp = datetime(2026, 1, 31, 14, 5, 0, 999_999, tzinfo=two_hours_east)

    message = encode_claims(altered(user_claims, expires_at=exp))

    assert json.loads(message)["exp"] == "2026-01-31T12:05:00Z"


def test_a_time_without_a_zone_is_not_written(user_claims: Claims, now: datetime) -> None:
    with pytest.raises(ValueError, match="time zone"):
        encode_claims(altered(user_claims, expires_at=now.replace(tzinfo=None)))


moments = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(
    claims=st.builds(
        Claims,
        issuer=words,
        subject=words,
        audience=words,
        expires_at=moments,
        not_before=moments,
        issued_at=moments,
        token_id=words,
        client_id=words,
        scope=st.lists(st.from_regex(r"[!#-\[\]-~]+", fullmatch=True)).map(tuple),
        session_id=st.none() | words,
        family_id=st.none() | words,
        user_version=st.none() | st.integers(0, 2**63 - 1),
        auth_time=st.none() | moments,
        amr=st.lists(words).map(tuple),
        key_id=st.just(""),
    )
)
def test_what_is_written_is_read_back(claims: Claims) -> None:
    assert decode_claims(encode_claims(claims)) == claims


def test_the_leeway_is_the_callers_choice(user_claims: Claims, now: datetime) -> None:
    """FT-17."""
    ahead = altered(user_claims, issued_at=now + timedelta(seconds=5))

    with pytest.raises(InvalidToken):
        check_claims(
            ahead,
            issuer=ahead.issuer,
            audience=ahead.audience,
            now=now,
            max_lifetime=timedelta(hours=1),
            leeway=timedelta(0),
        )
