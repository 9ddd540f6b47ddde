"""API keys on several nodes: what one of them learns, all of them know (P2, P3, AD-06, FA-16)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
import pytest
from keys import ask, make_key, unless_forbidden, unless_no_key, unless_passed
from paseport_testkit.harness.stack import Stack
from people import REVOKED_SECONDS, ROLES_SECONDS, People, holds_within, unless_status

_LIMIT: Final = 20
_ASKED: Final = 60
_AT_ONCE: Final = 8


@pytest.fixture(scope="module")
def everybody(installation: Stack) -> Iterator[People]:
    with People(installation) as people:
        yield people


@pytest.fixture
def people(stack: Stack, everybody: People) -> People:
    everybody.let_admin_in()
    return everybody


def test_a_new_key_opens_on_every_node_at_once(stack: Stack, people: People) -> None:
    key = make_key(people.newcomer())

    for node in stack.apis:
        assert unless_passed(ask(stack, key.text, node=node)) is None


def test_a_revoked_key_is_refused_on_every_node(stack: Stack, people: People) -> None:
    """P2, FA-16."""
    key = make_key(people.newcomer())
    for node in stack.apis:
        assert unless_passed(ask(stack, key.text, node=node)) is None

    assert unless_status(204, key.revoke()) is None

    for node in stack.apis:
        holds_within(REVOKED_SECONDS, lambda node=node: unless_no_key(ask(stack, key.text, node=node)))


def test_a_key_loses_the_role_that_its_owner_lost(stack: Stack, people: People) -> None:
    """P3, AD-06: on every node, with the same key."""
    owner = people.newcomer("User", "Reports")
    key = make_key(owner, roles=["Reports"])
    for node in stack.apis:
        assert unless_passed(ask(stack, key.text, node=node, path="/reports/1")) is None

    entry = people.admin.read(owner.user_id)
    assert unless_status(200, people.admin.change(entry, roles=["User"])) is None

    for node in stack.apis:
        holds_within(
            ROLES_SECONDS, lambda node=node: unless_forbidden(ask(stack, key.text, node=node, path="/reports/1"))
        )
        assert unless_passed(ask(stack, key.text, node=node)) is None


def test_a_strict_limit_is_exact_across_nodes(stack: Stack, people: People) -> None:
    limit = {"count": _LIMIT, "window_seconds": 60, "strict": True}
    key = make_key(people.newcomer(), rate_limit=limit)

    with ThreadPoolExecutor(_AT_ONCE) as threads, httpx.Client(trust_env=False) as client:
        nodes = [number % len(stack.apis) for number in range(_ASKED)]
        answers = list(threads.map(lambda node: ask(stack, key.text, node=node, client=client), nodes))

    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(204), statuses.count(429)) == (_LIMIT, _ASKED - _LIMIT)
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["RateLimit-Limit"] == str(_LIMIT)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_a_strict_limit_without_redis_is_each_nodes_own_and_never_none(stack: Stack, people: People) -> None:
    """LG-16's rule for limits, with a known key and its known owner."""
    limit = {"count": _LIMIT, "window_seconds": 60, "strict": True}
    key = make_key(people.newcomer(), rate_limit=limit)
    for node in stack.apis:
        assert unless_passed(ask(stack, key.text, node=node)) is None

    for redis in stack.redis.nodes:
        redis.kill()

    statuses = [ask(stack, key.text, node=0).status_code for _ in range(_ASKED)]
    assert _LIMIT - 1 <= statuses.count(204) <= _LIMIT
    assert statuses.count(429) == _ASKED - statuses.count(204)
