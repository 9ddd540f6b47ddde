"""The failure table's column "verifying, forward-auth" (design §5) for API keys: keys that are known go on."""

from __future__ import annotations

from typing import Final

import pytest
from keys import ask, make_key, unless_no_key, unless_passed
from paseport_shared.domain.models.api_key import new_api_key
from paseport_testkit.harness.stack import Stack
from people import RECOVERY_SECONDS, REVOKED_SECONDS, People, holds_within, keeps_for, unless_unavailable

DENY_SECONDS: Final = 5.0
"""Without an answer of either feed for so long a verifier denies."""
NOBODYS: Final = new_api_key("0" * 16, bytes(32)).reveal()


@pytest.mark.parametrize("part", ["vault", "mariadb"])
def test_vault_or_mariadb_down_keys_work(stack: Stack, people: People, part: str) -> None:
    """Also one that this api has never seen: the read model has all of them."""
    known, unknown = make_key(people.newcomer()), make_key(people.newcomer())
    assert unless_passed(ask(stack, known.text)) is None

    getattr(stack, part).kill()

    keeps_for(1.0, lambda: unless_passed(ask(stack, known.text)))
    assert unless_passed(ask(stack, unknown.text)) is None
    assert unless_no_key(ask(stack, NOBODYS)) is None


def test_issuer_down_keys_work_longer_than_a_verifier_may_go_without_a_feed(stack: Stack, people: People) -> None:
    known, unknown = make_key(people.newcomer()), make_key(people.newcomer())
    assert unless_passed(ask(stack, known.text)) is None

    stack.issuers[0].kill()

    keeps_for(DENY_SECONDS + 1, lambda: unless_passed(ask(stack, known.text)))
    assert unless_passed(ask(stack, unknown.text)) is None
    assert unless_no_key(ask(stack, NOBODYS)) is None


def test_issuer_down_a_miss_that_is_not_final_is_503(stack: Stack, people: People) -> None:
    """Never allowed, and never said to be no key: nobody can say."""
    lost = make_key(people.newcomer())
    with stack.redis.primary().admin() as redis:
        assert redis.delete(f"api_key:{lost.id}") == 1
        assert redis.delete("api_key::complete") == 1
    stack.issuers[0].kill()

    assert unless_unavailable(ask(stack, lost.text)) is None


def test_redis_down_keys_work_longer_than_a_verifier_may_go_without_a_feed(stack: Stack, people: People) -> None:
    """FT-08. Also one that this api has never seen: the issuer, who has the record, says what it is."""
    known, unknown = make_key(people.newcomer()), make_key(people.newcomer())
    assert unless_passed(ask(stack, known.text)) is None

    for node in stack.redis.nodes:
        node.kill()

    keeps_for(DENY_SECONDS + 1, lambda: unless_passed(ask(stack, known.text)))
    holds_within(RECOVERY_SECONDS, lambda: unless_passed(ask(stack, unknown.text)))
    assert unless_no_key(ask(stack, NOBODYS)) is None


def test_redis_down_a_key_that_is_revoked_meanwhile_is_refused(stack: Stack, people: People) -> None:
    """FT-08, P2. On record, and in the feed from there, though it is not in Redis."""
    key = make_key(people.newcomer())
    assert unless_passed(ask(stack, key.text)) is None
    for node in stack.redis.nodes:
        node.kill()

    assert unless_unavailable(key.revoke(), "recorded_not_in_force") is None

    holds_within(REVOKED_SECONDS, lambda: unless_no_key(ask(stack, key.text)))


def test_redis_down_a_disabled_owners_key_is_refused(stack: Stack, people: People) -> None:
    """FT-08, AD-07. The record's feed names the owner's version, which a key does not carry."""
    owner = people.newcomer()
    key, entry = make_key(owner), people.admin.read(owner.user_id)
    assert unless_passed(ask(stack, key.text)) is None
    for node in stack.redis.nodes:
        node.kill()

    assert unless_unavailable(people.admin.change(entry, disabled=True), "recorded_not_in_force") is None

    holds_within(REVOKED_SECONDS, lambda: unless_no_key(ask(stack, key.text)))


def test_redis_and_issuer_down_a_known_key_is_denied_after_five_seconds(stack: Stack, people: People) -> None:
    key = make_key(people.newcomer())
    assert unless_passed(ask(stack, key.text)) is None

    for node in stack.redis.nodes:
        node.kill()
    stack.issuers[0].kill()

    holds_within(DENY_SECONDS + 1, lambda: unless_unavailable(ask(stack, key.text)))
    keeps_for(1.0, lambda: unless_unavailable(ask(stack, key.text)))
