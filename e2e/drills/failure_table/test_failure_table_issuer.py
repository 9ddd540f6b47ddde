"""The failure table's row "issuer" (design §5): known callers go on; whoever only the issuer could know gets 503."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport.grammar import parse_token
from paseport.paserk import public_key_id
from paseport.v4_public import assemble, footer_for, signing_input
from paseport_testkit.harness.stack import Stack
from people import (
    KEY_DOCUMENT_SECONDS,
    RECOVERY_SECONDS,
    People,
    Person,
    code_of,
    holds_within,
    keeps_for,
    set_cookies,
    unless_let_in,
    unless_refused,
    unless_status,
    unless_unavailable,
)

DENY_SECONDS: Final = 5.0
"""Without an answer of either feed for so long a verifier denies."""


def with_unknown_key(person: Person) -> Person:
    """Return somebody with the same claims, signed with a key that nobody has published."""
    key = Ed25519PrivateKey.generate()
    footer = footer_for(public_key_id(key.public_key().public_bytes_raw()))
    claims = parse_token(person.access_token).message
    other = person.by(person.way)
    other.access_token = assemble(claims, key.sign(signing_input(claims, footer)), footer)
    return other


def lose_role_of(stack: Stack, person: Person) -> None:
    """Take a person out of the role directory, which says that it is complete."""
    with stack.redis.primary().admin() as redis:
        assert redis.delete(f"role:{person.user_id}") == 1


def lose_marker(stack: Stack) -> None:
    """Let the role directory no longer say that it is complete."""
    with stack.redis.primary().admin() as redis:
        assert redis.delete("role:complete") == 1


def test_issuer_down_verifying_works(stack: Stack, people: People) -> None:
    """Also for a caller whom this api has never seen: the directory has everybody."""
    person, other = people.newcomer(), people.newcomer()
    assert unless_let_in(person.ask_api()) is None

    stack.issuers[0].kill()

    keeps_for(DENY_SECONDS + 1, lambda: unless_let_in(person.ask_api()))
    assert unless_let_in(other.ask_api()) is None
    assert person.open_dashboard().status_code == 200
    assert unless_let_in(person.by(people.edge).ask_api()) is None


def test_issuer_silent_verifying_works(stack: Stack, people: People) -> None:
    """A key document that does not arrive is waited for by nobody whose key is known."""
    person = people.newcomer()
    assert unless_let_in(person.ask_api()) is None

    stack.issuers[0].pause()

    keeps_for(DENY_SECONDS + 1, lambda: unless_let_in(person.ask_api()))
    assert person.ask_api().elapsed.total_seconds() < 1


def test_issuer_down_an_unknown_kid_answers_503(stack: Stack, people: People) -> None:
    """It may be a key that was published since. While the issuer can say that it is none, it is none."""
    person = people.newcomer()
    forged = with_unknown_key(person)
    assert unless_refused(forged.ask_api()) is None

    stack.issuers[0].kill()

    holds_within(KEY_DOCUMENT_SECONDS, lambda: unless_unavailable(forged.ask_api()))
    keeps_for(2, lambda: unless_unavailable(forged.ask_api()))
    assert unless_let_in(person.ask_api()) is None

    stack.issuers[0].restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_refused(forged.ask_api()))


def test_issuer_down_a_miss_without_marker_answers_503(stack: Stack, people: People) -> None:
    """Known callers go on. Whoever was not here before is not guessed: the directory answers, and cannot say."""
    person, known = people.newcomer(), people.newcomer()
    assert unless_let_in(known.ask_api()) is None

    stack.issuers[0].kill()
    lose_role_of(stack, person)
    lose_marker(stack)

    keeps_for(1, lambda: unless_unavailable(person.ask_api()))
    assert unless_let_in(known.ask_api()) is None

    stack.issuers[0].restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_let_in(person.ask_api()))


def test_issuer_down_a_miss_with_the_marker_is_final(stack: Stack, people: People) -> None:
    person = people.newcomer()

    stack.issuers[0].kill()
    lose_role_of(stack, person)

    assert unless_refused(person.ask_api()) is None


def test_issuer_up_a_miss_without_marker_is_asked_for(stack: Stack, people: People) -> None:
    """The other half of the rule: the issuer knows whom the directory lost, and puts them back."""
    person = people.newcomer()

    lose_marker(stack)
    lose_role_of(stack, person)

    assert unless_let_in(person.ask_api()) is None
    with stack.redis.primary().admin() as redis:
        assert redis.exists(f"role:{person.user_id}") == 1


def test_issuer_down_the_edge_says_when_to_come_back_and_clears_no_cookie(stack: Stack, people: People) -> None:
    person = people.newcomer()
    at_the_edge = person.by(people.edge)

    stack.issuers[0].kill()

    for answer in (at_the_edge.refresh(), at_the_edge.sign_out(), at_the_edge.sign_in()):
        assert answer.status_code == 502
        assert code_of(answer) == "unavailable"
        assert int(answer.headers["Retry-After"]) >= 1
        assert set_cookies(answer) == {}

    stack.issuers[0].restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, at_the_edge.refresh()))
