"""The failure table's column "verifying" (design §5) for services of others: over HTTP, beside Redis, or both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import pytest
from paseport_testkit.harness.stack import SERVICE, Stack
from people import (
    RECOVERY_SECONDS,
    REVOKED_SECONDS,
    ROLES_SECONDS,
    People,
    Person,
    holds_within,
    keeps_for,
    unless_unavailable,
)
from sample_client import SampleClient
from verifying_services import BOTH, HTTP, REDIS, WAYS, VerifyingServices

DENY_SECONDS: Final = 5.0
"""Without an answer of any feed for so long a verifier denies."""
LONG_POLL_SECONDS: Final = 1.0
LET_IN: Final = dict.fromkeys(WAYS, "let in")
REFUSED: Final = dict.fromkeys(WAYS, "refused")
UNAVAILABLE: Final = dict.fromkeys(WAYS, "unavailable")


@pytest.fixture
def services(stack: Stack, people: People, credential: tuple[str, str]) -> Iterator[VerifyingServices]:
    with VerifyingServices(stack, credential) as services:
        yield services


def token_of(stack: Stack, people: People, person: Person) -> str:
    """Have somebody sign in to a client that may call the services."""
    token: str = SampleClient(stack, people.way).tokens_for(person, "openid roles", SERVICE)["access_token"]
    return token


def kill_redis(stack: Stack) -> None:
    for node in stack.redis.nodes:
        node.kill()


def goes_on_or_denies(services: VerifyingServices, token: str, denying: tuple[str, ...]) -> None:
    """Ask from the cut until five seconds are over, and some time longer: who denies then, and nobody else, ever."""
    cut_at = time.monotonic()
    while (asked_at := time.monotonic()) < cut_at + DENY_SECONDS + 1:
        said = services.say(token)
        assert {said[way] for way in WAYS if way not in denying} <= {"let in"}, said
        if any(said[way] != "let in" for way in denying):
            # The last answer of a feed may be as old as a long poll lasts when it is cut.
            assert asked_at - cut_at >= DENY_SECONDS - LONG_POLL_SECONDS - 0.5, said
        time.sleep(0.05)
    keeps_for(0.5, lambda: services.unless(dict.fromkeys(denying, "unavailable"), token))


def test_redis_down_verifiers_with_a_credential_go_on_and_others_deny_after_five_seconds(
    stack: Stack, people: People, services: VerifyingServices
) -> None:
    """FT-08, P2, P3. What is recorded meanwhile is in force, for callers whom nobody has seen before too."""
    person, other, leaving = (people.newcomer() for _ in range(3))
    tokens = [token_of(stack, people, each) for each in (person, other, leaving)]
    entries = [people.admin.read(each.user_id) for each in (person, leaving)]
    assert [services.say(tokens[0]), services.say(tokens[2])] == [LET_IN, LET_IN]

    kill_redis(stack)

    goes_on_or_denies(services, tokens[0], denying=(REDIS,))
    with_credential = {HTTP: "let in", BOTH: "let in"}
    assert services.unless(with_credential, tokens[1]) is None
    changed = people.admin.change(entries[0], roles=["Admin", "User"])
    assert unless_unavailable(changed, "recorded_not_in_force") is None
    holds_within(ROLES_SECONDS, lambda: services.unless_roles(frozenset({"Admin", "User"}), tokens[0], HTTP, BOTH))
    disabled = people.admin.change(entries[1], disabled=True)
    assert unless_unavailable(disabled, "recorded_not_in_force") is None
    holds_within(REVOKED_SECONDS, lambda: services.unless(dict.fromkeys(with_credential, "refused"), tokens[2]))

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: services.unless(LET_IN, tokens[0]))
    holds_within(RECOVERY_SECONDS, lambda: services.unless(REFUSED, tokens[2]))


def test_issuer_down_verifiers_beside_redis_go_on_and_others_deny_after_five_seconds(
    stack: Stack, people: People, services: VerifyingServices
) -> None:
    person, other = people.newcomer(), people.newcomer()
    tokens = [token_of(stack, people, each) for each in (person, other)]
    assert services.say(tokens[0]) == LET_IN

    stack.issuers[0].kill()

    goes_on_or_denies(services, tokens[0], denying=(HTTP,))
    # Never seen before: the directory has everybody.
    assert services.unless({HTTP: "unavailable", REDIS: "let in", BOTH: "let in"}, tokens[1]) is None

    stack.issuers[0].restore()

    holds_within(RECOVERY_SECONDS, lambda: services.unless(LET_IN, tokens[1]))


def test_mariadb_down_verifiers_go_on_and_refuse_who_signs_out(
    stack: Stack, people: People, services: VerifyingServices
) -> None:
    """P7. A sign-out is in force before it is on record."""
    person, other, leaving = (people.newcomer() for _ in range(3))
    tokens = [token_of(stack, people, each) for each in (person, other, leaving)]
    assert services.say(tokens[0]) == LET_IN

    stack.mariadb.kill()

    keeps_for(2, lambda: services.unless(LET_IN, tokens[0]))
    assert services.say(tokens[1]) == LET_IN
    assert leaving.sign_out().status_code == 204
    holds_within(REVOKED_SECONDS, lambda: services.unless(REFUSED, tokens[2]))


def test_redis_and_issuer_down_all_verifiers_deny_after_five_seconds(
    stack: Stack, people: People, services: VerifyingServices
) -> None:
    """P2, FT-08."""
    person = people.newcomer()
    token = token_of(stack, people, person)
    assert services.say(token) == LET_IN

    kill_redis(stack)
    stack.issuers[0].kill()

    goes_on_or_denies(services, token, denying=WAYS)


def test_redis_and_mariadb_down_an_issuer_that_knows_nothing_more_is_no_feed(
    stack: Stack, people: People, services: VerifyingServices
) -> None:
    """It says 503, and that is not taken for "nothing is revoked"."""
    person = people.newcomer()
    token = token_of(stack, people, person)
    assert services.say(token) == LET_IN

    kill_redis(stack)
    stack.mariadb.kill()

    holds_within(DENY_SECONDS + LONG_POLL_SECONDS, lambda: services.unless(UNAVAILABLE, token))
    keeps_for(1, lambda: services.unless(UNAVAILABLE, token))


def test_an_old_primary_that_was_cut_off_with_verifiers_is_not_believed(
    stack: Stack, people: People, services: VerifyingServices
) -> None:
    """FT-05. It answers every ping, calls itself primary, and hears of nothing; a Sentinel on its side agrees.

    Whoever has a credential asks the issuer instead, which is cut off from the new primary as well and goes by the
    record.
    """
    person, leaving = people.newcomer(), people.newcomer()
    tokens = [token_of(stack, people, each) for each in (person, leaving)]
    entry = people.admin.read(leaving.user_id)
    assert [services.say(token) for token in tokens] == [LET_IN, LET_IN]

    old = stack.redis.primary()
    stack.redis.isolate(old, with_clients=True, with_watchers=stack.redis.watchers[:1])

    assert unless_unavailable(people.admin.change(entry, disabled=True), "recorded_not_in_force") is None
    holds_within(REVOKED_SECONDS, lambda: services.unless({HTTP: "refused", BOTH: "refused"}, tokens[1]))
    holds_within(DENY_SECONDS + LONG_POLL_SECONDS, lambda: services.unless({REDIS: "unavailable"}, tokens[0]))
    keeps_for(1, lambda: services.unless({REDIS: "unavailable", HTTP: "let in", BOTH: "let in"}, tokens[0]))
    assert old.role() == "master"
