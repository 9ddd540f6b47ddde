"""The failure table's cells of clients (design §5): code exchange, refresh, revocation and introspection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from paseport_testkit.harness.stack import Stack
from people import RECOVERY_SECONDS, People, holds_within, unless_status
from sample_client import SampleClient, unless_refused_for, unless_told_to_wait


def kill_redis(stack: Stack) -> None:
    for node in stack.redis.nodes:
        node.kill()


KILL: Final[dict[str, Callable[[Stack], None]]] = {
    "vault": lambda stack: stack.vault.kill(),
    "mariadb": lambda stack: stack.mariadb.kill(),
    "redis": kill_redis,
}


@pytest.fixture
def client(stack: Stack, people: People) -> SampleClient:
    return SampleClient(stack, people.way)


@pytest.mark.parametrize("part", KILL)
def test_part_down_code_exchange_answers_503_and_consumes_nothing(
    stack: Stack, people: People, client: SampleClient, part: str
) -> None:
    """P7. The same code works when the part is back, though not for longer than its minute."""
    code = client.code_for(people.newcomer())

    KILL[part](stack)

    for _ in range(2):
        assert unless_told_to_wait(client.redeem(code)) is None

    stack.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, client.redeem(code)))
    assert unless_refused_for("invalid_grant", 400, client.redeem(code)) is None


@pytest.mark.parametrize("part", ["vault", "mariadb"])
def test_part_down_revoke_and_introspection_work(stack: Stack, people: People, client: SampleClient, part: str) -> None:
    tokens = client.tokens_for(people.newcomer())

    KILL[part](stack)

    assert client.introspect(tokens["access_token"]).json()["active"] is True
    assert client.introspect(tokens["refresh_token"]).json()["active"] is True
    assert client.revoke(tokens["refresh_token"]).status_code == 200
    assert client.introspect(tokens["refresh_token"]).json() == {"active": False}
    assert client.introspect(tokens["access_token"]).json() == {"active": False}
    assert unless_refused_for("invalid_grant", 400, client.refresh(tokens["refresh_token"])) is None


def test_mariadb_down_a_client_refreshes(stack: Stack, people: People, client: SampleClient) -> None:
    """What the issuer knows of a client is in Redis, or in its settings."""
    tokens = client.tokens_for(people.newcomer())

    stack.mariadb.kill()

    for _ in range(3):
        answer = client.refresh(tokens["refresh_token"])
        assert answer.status_code == 200
        tokens = answer.json()


def test_vault_down_a_client_refreshes_afterwards(stack: Stack, people: People, client: SampleClient) -> None:
    tokens = client.tokens_for(people.newcomer())

    stack.vault.kill()

    assert unless_told_to_wait(client.refresh(tokens["refresh_token"])) is None

    stack.vault.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, client.refresh(tokens["refresh_token"])))


def test_redis_down_revoke_and_introspection_answer_503(stack: Stack, people: People, client: SampleClient) -> None:
    """Nobody is told that a token has ended while it has not, nor that it is worth nothing while it is."""
    tokens = client.tokens_for(people.newcomer())

    kill_redis(stack)

    assert unless_told_to_wait(client.revoke(tokens["refresh_token"])) is None
    assert unless_told_to_wait(client.introspect(tokens["refresh_token"])) is None

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, client.revoke(tokens["refresh_token"])))
    assert unless_refused_for("invalid_grant", 400, client.refresh(tokens["refresh_token"])) is None
