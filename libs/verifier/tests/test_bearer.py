"""Reading the credential and rendering the refusal, without a framework (RFC 6750, RFC 9457)."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport.bearer import REFUSALS, Refusal, bearer_token, parse_authorization, refuse
from paseport.errors import (
    AuthenticationRequired,
    AuthError,
    InsufficientRole,
    InsufficientScope,
    InvalidToken,
    Overloaded,
    Unavailable,
)

CHALLENGE = 'Bearer realm="paseport"'


# --- the credential ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("spaces", [" ", "   "], ids=["one space", "three"])
def test_the_schemes_case_and_the_number_of_spaces_are_free(scheme: str, spaces: str) -> None:
    """RFC 6750 §2.1, RFC 9110 §11.1."""
    assert parse_authorization(f"{scheme}{spaces}v4.public.abc") == "v4.public.abc"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="none"),
        pytest.param(b"", id="empty"),
        pytest.param(b"Basic YWxpY2U6c2VjcmV0", id="another scheme"),
        pytest.param(b"Bearerv4.public.abc", id="another scheme that begins alike"),
        pytest.param(b"Bearer\tv4.public.abc", id="a tab, which does not end a scheme"),
        pytest.param(b" Bearer v4.public.abc", id="a space first"),
        pytest.param("Ｂｅａｒｅｒ v4.public.abc".encode(), id="full-width scheme"),
    ],
)
def test_other_values_present_no_bearer_token(value: bytes | None) -> None:
    """TK-01."""
    assert parse_authorization(value) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"Bearer", id="nothing after the scheme"),
        pytest.param(b"Bearer ", id="a space after the scheme"),
        pytest.param(b"Bearer v4.public.abc ", id="trailing space"),
        pytest.param(b"Bearer v4.public.abc\n", id="trailing newline"),
        pytest.param(b"Bearer a b", id="two words"),
        pytest.param(b"Bearer a,Bearer b", id="two headers joined"),
        pytest.param(b"Bearer \xffabc", id="no ASCII"),
        pytest.param(b"Bearer a\x00b", id="NUL"),
        pytest.param("Bearer ｖ４.public.abc".encode(), id="full-width"),
        pytest.param("Bearer abc\u202e".encode(), id="right-to-left mark"),
    ],
)
@pytest.mark.parametrize("read", [bytes, lambda value: value.decode("latin-1")], ids=["bytes", "WSGI string"])
def test_anything_but_one_word_of_visible_ascii_is_an_invalid_token(value: bytes, read: type[bytes]) -> None:
    """TK-11."""
    with pytest.raises(InvalidToken):
        parse_authorization(read(value))


def test_a_lone_surrogate_is_refused_like_any_other_junk() -> None:
    with pytest.raises(InvalidToken):
        parse_authorization("Bearer a\ud800")


@pytest.mark.parametrize(
    "values",
    [(b"Bearer a", b"Bearer a"), (b"Basic x", b"Bearer a"), (b"Bearer a", b""), (b"", b"")],
    ids=["twice the same", "two schemes", "an empty second", "two empty ones"],
)
def test_an_authorization_that_is_sent_twice_is_refused(values: tuple[bytes, ...]) -> None:
    """A proxy may look at the first and the application at the last."""
    with pytest.raises(InvalidToken):
        bearer_token([(b"host", b"x"), *((b"authorization", value) for value in values)])


@given(st.binary(max_size=200) | st.builds(lambda junk: b"Bearer " + junk, st.binary(max_size=200)))
def test_any_bytes_give_a_visible_word_nothing_or_an_invalid_token(value: bytes) -> None:
    """TK-11, TK-25."""
    try:
        token = bearer_token([(b"authorization", value)])
    except InvalidToken:
        assert value.lower().startswith(b"bearer")
        return

    if token is None:
        assert value.split(b" ")[0].lower() != b"bearer"
    else:
        assert token
        assert all(0x21 <= ord(character) <= 0x7E for character in token)
        assert value.endswith(token.encode())


@given(st.text(max_size=60))
def test_a_string_is_read_as_its_bytes_are(text: str) -> None:
    """What a framework decodes is judged as what came over the wire: no encoding makes a letter of something else."""
    value = f"Bearer {text}"
    is_word = bool(text.strip(" ")) and all("\x21" <= character <= "\x7e" for character in text.lstrip(" "))
    try:
        token = parse_authorization(value)
    except InvalidToken:
        token = None

    assert token == (text.lstrip(" ") if is_word else None)


# --- the refusal ------------------------------------------------------------------------------------------------------


def headers(refusal: Refusal) -> dict[str, str]:
    return dict(refusal.headers)


def test_who_presents_nothing_is_challenged_without_an_error_code() -> None:
    """TK-01, RFC 6750 §3.1."""
    refusal = refuse(AuthenticationRequired("no bearer token"))

    assert (refusal.status, headers(refusal)["WWW-Authenticate"]) == (401, CHALLENGE)
    assert json.loads(refusal.body) == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Sign in to continue.",
        "code": "authentication_required",
    }


def test_a_bad_token_is_answered_with_the_code_of_rfc_6750() -> None:
    refusal = refuse(InvalidToken("exp has passed"))

    challenge = f'{CHALLENGE}, error="invalid_token", error_description="The access token is not valid."'
    assert (refusal.status, headers(refusal)["WWW-Authenticate"]) == (401, challenge)


def test_a_lacking_scope_is_named() -> None:
    """RFC 6750 §3: all that the resource requires."""
    refusal = refuse(InsufficientScope("reports reports:write"))

    challenge = f'{CHALLENGE}, error="insufficient_scope", scope="reports reports:write"'
    assert (refusal.status, headers(refusal)["WWW-Authenticate"]) == (403, challenge)


@pytest.mark.parametrize("required", ['a"b', "a\r\nSet-Cookie: x", "a\\", "", "a  b", "é"])
def test_what_is_no_scope_does_not_get_into_a_header(required: str) -> None:
    challenge = headers(refuse(InsufficientScope(required)))["WWW-Authenticate"]

    assert challenge == f'{CHALLENGE}, error="insufficient_scope"'


def test_a_lacking_role_is_a_403_that_asks_for_no_other_token_and_names_none() -> None:
    refusal = refuse(InsufficientRole("needs one of: Admin"))

    assert (refusal.status, "WWW-Authenticate" in headers(refusal)) == (403, False)
    assert b"Admin" not in refusal.body


@pytest.mark.parametrize(
    ("after", "seconds"),
    [(timedelta(seconds=3), "3"), (timedelta(milliseconds=1200), "2"), (timedelta(0), "1"), (timedelta(-1), "1")],
    ids=str,
)
def test_an_outage_says_when_to_come_back(after: timedelta, seconds: str) -> None:
    refusal = refuse(Unavailable("redis", after))

    assert (refusal.status, headers(refusal)["Retry-After"]) == (503, seconds)
    assert "WWW-Authenticate" not in headers(refusal)


def test_a_kind_of_outage_keeps_its_own_code() -> None:
    refusal = refuse(Overloaded("queue full"))

    assert (refusal.status, json.loads(refusal.body)["code"]) == (503, "overloaded")


@pytest.mark.parametrize("error", [InvalidToken, Unavailable, AuthenticationRequired, InsufficientRole])
def test_the_reason_is_for_the_log_alone(error: type[AuthError], caplog: pytest.LogCaptureFixture) -> None:
    """TK-26: equal to the byte, whatever the reason."""
    caplog.set_level(logging.INFO, "paseport.bearer")

    first, second = refuse(error("exp has passed")), refuse(error("signature"))

    assert first == second
    assert [record.getMessage().rsplit(": ", 1)[1] for record in caplog.records] == ["exp has passed", "signature"]


def family(root: type[AuthError]) -> Iterator[type[AuthError]]:
    for error in root.__subclasses__():
        if error.__module__.partition(".")[0] == "paseport":
            yield error
            yield from family(error)


def test_every_error_of_the_package_has_an_answer() -> None:
    unanswered = [error for error in family(AuthError) if REFUSALS.keys().isdisjoint(error.__mro__)]

    assert unanswered == []


def test_an_error_that_nobody_foresaw_is_a_fault_and_no_refusal() -> None:
    class Unforeseen(AuthError):
        code = "unforeseen"
        public = "?"

    error = Unforeseen("a subclass of an application's own")
    with pytest.raises(Unforeseen) as raised:
        refuse(error)

    assert raised.value is error


def test_no_refusal_is_kept_by_a_cache() -> None:
    for error in (AuthenticationRequired(), InvalidToken(), InsufficientScope("a"), InsufficientRole(), Unavailable()):
        assert headers(refuse(error))["Cache-Control"] == "no-store"
        assert headers(refuse(error))["Content-Type"] == "application/problem+json"
