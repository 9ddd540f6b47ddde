"""Services of others that are started while a part is down (P7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from paseport_testkit.harness.stack import SERVICE, Stack
from people import RECOVERY_SECONDS, People, Person, holds_within, keeps_for
from sample_client import SampleClient
from verifying_services import BOTH, HTTP, REDIS, WAYS, VerifyingServices

LET_IN: Final = dict.fromkeys(WAYS, "let in")
REFUSED: Final = dict.fromkeys(WAYS, "refused")
UNAVAILABLE: Final = dict.fromkeys(WAYS, "unavailable")


@pytest.fixture
def services(stack: Stack, people: People, credential: tuple[str, str]) -> Iterator[VerifyingServices]:
    """They start with the first question."""
    with VerifyingServices(stack, credential) as services:
        yield services


@pytest.fixture
def tokens(stack: Stack, people: People) -> tuple[str, str]:
    """Of somebody who may come in, and of somebody who has signed out."""
    person, gone = people.newcomer(), people.newcomer()
    good, revoked = (token_of(stack, people, each) for each in (person, gone))
    assert gone.sign_out().status_code == 204
    return good, revoked


def token_of(stack: Stack, people: People, person: Person) -> str:
    token: str = SampleClient(stack, people.way).tokens_for(person, "openid roles", SERVICE)["access_token"]
    return token


def test_started_while_mariadb_is_down_they_verify(
    stack: Stack, services: VerifyingServices, tokens: tuple[str, str]
) -> None:
    stack.mariadb.kill()

    assert [services.say(token) for token in tokens] == [LET_IN, REFUSED]


def test_started_while_redis_is_down_those_with_a_credential_verify(
    stack: Stack, services: VerifyingServices, tokens: tuple[str, str]
) -> None:
    """FT-08. The others let nobody in until Redis is back."""
    good, revoked = tokens

    for node in stack.redis.nodes:
        node.kill()

    expected = {HTTP: "let in", BOTH: "let in", REDIS: "unavailable"}
    holds_within(RECOVERY_SECONDS, lambda: services.unless(expected, good))
    assert services.unless({HTTP: "refused", BOTH: "refused", REDIS: "unavailable"}, revoked) is None
    keeps_for(1, lambda: services.unless(expected, good))

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: services.unless(LET_IN, good))
    assert services.say(revoked) == REFUSED


def test_started_while_the_issuer_is_down_they_let_nobody_in_until_the_keys_are_known(
    stack: Stack, services: VerifyingServices, tokens: tuple[str, str]
) -> None:
    """KR-03. Redis has revocations and roles, and no keys."""
    good, revoked = tokens

    stack.issuers[0].kill()

    keeps_for(2, lambda: services.unless(UNAVAILABLE, good))

    stack.issuers[0].restore()

    holds_within(RECOVERY_SECONDS, lambda: services.unless(LET_IN, good))
    assert services.say(revoked) == REFUSED


def test_started_beside_an_old_primary_that_was_cut_off_they_do_not_believe_it(
    stack: Stack, people: People, services: VerifyingServices
) -> None:
    """FT-05. Everything they could ask answers, and only a majority of the Sentinels is missing."""
    person = people.newcomer()
    token = token_of(stack, people, person)

    stack.redis.isolate(stack.redis.primary(), with_clients=True, with_watchers=stack.redis.watchers[:1])

    keeps_for(2, lambda: services.unless({REDIS: "unavailable"}, token))
    holds_within(RECOVERY_SECONDS, lambda: services.unless({HTTP: "let in", BOTH: "let in"}, token))
