"""Services that are started while a part is down (P7), and what their health says meanwhile (FT-23)."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from paseport_testkit.harness.paseport import PaseportService
from paseport_testkit.harness.process import ServerFailed
from paseport_testkit.harness.service import Service
from paseport_testkit.harness.stack import Stack
from people import (
    RECOVERY_SECONDS,
    REVOKED_SECONDS,
    People,
    Person,
    generation_of,
    holds_within,
    keeps_for,
    unless_let_in,
    unless_refused,
    unless_status,
    unless_unavailable,
)


def parts_down(service: PaseportService) -> set[str]:
    """Return the parts that readiness names as missing; it says 503 exactly when the service cannot work."""
    answer = httpx.get(f"{service.internal_url}/health/ready", timeout=10)
    assert answer.status_code in (200, 503)
    return {part["name"] for part in answer.json()["parts"] if part["status"] == "down"}


def is_ready(service: PaseportService) -> bool:
    return httpx.get(f"{service.internal_url}/health/ready", timeout=10).status_code == 200


def unless_ready(service: PaseportService) -> str | None:
    return None if is_ready(service) else f"{parts_down(service)} are down"


def key_document(stack: Stack) -> httpx.Response:
    host = stack.origin.removeprefix("https://")
    return httpx.get(f"{stack.issuers[0].url}/.well-known/paserk.json", headers={"Host": host})


# --- an api ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("down", ["vault", "mariadb"])
def test_an_api_started_while_vault_or_mariadb_is_down_verifies(stack: Stack, people: People, down: str) -> None:
    """P7. It is ready, lets in whom it should, and refuses what was revoked before it started."""
    person, gone = people.newcomer(), people.newcomer()
    assert gone.sign_out().status_code == 204

    part: Service = getattr(stack, down)
    part.kill()
    api = stack.start_api(0)

    assert parts_down(api) == set()
    assert unless_let_in(person.ask_api()) is None
    assert person.open_dashboard().status_code == 200
    assert unless_refused(gone.ask_api()) is None


def test_an_api_started_while_the_issuer_is_down_answers_503_until_the_keys_are_known(
    stack: Stack, people: People
) -> None:
    person = people.newcomer()

    stack.issuers[0].kill()
    stack.start_api(0, until="live")

    keeps_for(2, lambda: unless_unavailable(person.ask_api()))

    stack.issuers[0].restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_let_in(person.ask_api()))


def test_an_api_started_while_redis_is_down_verifies_by_what_the_issuer_says(stack: Stack, people: People) -> None:
    """FT-08. Feed and roles are the issuer's; a revocation that the api has never heard of in Redis counts."""
    person, gone = people.newcomer(), people.newcomer()
    assert gone.sign_out().status_code == 204

    for node in stack.redis.nodes:
        node.kill()
    api = stack.start_api(0)

    assert parts_down(api) == {"role_directory"}
    holds_within(RECOVERY_SECONDS, lambda: unless_let_in(person.ask_api()))
    assert unless_refused(gone.ask_api()) is None

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, person.open_dashboard()))
    assert parts_down(api) == set()


def test_an_api_started_while_both_feeds_are_down_lets_nobody_in(stack: Stack, people: People) -> None:
    """It says that it lives, and that it is not ready."""
    person = people.newcomer()

    for node in stack.redis.nodes:
        node.kill()
    stack.issuers[0].kill()
    api = stack.start_api(0, until="live")

    assert "revocation_feed" in parts_down(api)
    assert not is_ready(api)
    keeps_for(2, lambda: unless_unavailable(person.ask_api()))


# --- an issuer ------------------------------------------------------------------------------------------------------


def test_an_issuer_started_while_vault_is_down_does_everything_that_needs_no_signature(
    stack: Stack, people: People
) -> None:
    """P7. And it signs again within five seconds of Vault's return."""
    person, leaving = people.newcomer(), people.newcomer()
    published = key_document(stack).content
    held = person.refresh_token

    stack.vault.kill()
    issuer = stack.start_issuer(0, until="live")

    assert parts_down(issuer) == {"vault"}
    assert not is_ready(issuer)
    assert key_document(stack).content == published
    assert unless_unavailable(person.refresh()) is None
    assert unless_unavailable(Person(people.way, person.account).sign_in()) is None
    assert unless_let_in(person.ask_api()) is None
    assert leaving.sign_out().status_code == 204
    holds_within(REVOKED_SECONDS, lambda: unless_refused(leaving.ask_api()))
    assert people.admin.change(people.admin.read(person.user_id), roles=["Admin", "User"]).status_code == 200
    assert person.ask_api().status_code == 200

    stack.vault.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, person.refresh()))
    assert (generation_of(held), generation_of(person.refresh_token)) == ("0", "1")
    holds_within(RECOVERY_SECONDS, lambda: unless_ready(issuer))


def test_an_issuer_started_while_redis_is_down_recovers_by_itself(stack: Stack, people: People) -> None:
    person = people.newcomer()
    published = key_document(stack).content

    for node in stack.redis.nodes:
        node.kill()
    issuer = stack.start_issuer(0, until="live")

    assert parts_down(issuer) == {"redis"}
    assert not is_ready(issuer)
    assert key_document(stack).content == published
    assert unless_unavailable(person.refresh()) is None
    assert unless_unavailable(person.sign_in()) is None
    # Its own copy of the revocations comes from the record.
    holds_within(RECOVERY_SECONDS, lambda: unless_let_in(person.ask_api()))

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, person.refresh()))
    holds_within(RECOVERY_SECONDS, lambda: unless_ready(issuer))
    assert unless_let_in(person.ask_api()) is None


def test_an_issuer_started_while_mariadb_is_down_ends_and_says_why(stack: Stack, people: People) -> None:
    """Without the record nobody knows which key signs. Whoever supervises it starts it again; verifying goes on."""
    person = people.newcomer()

    stack.mariadb.kill()
    with pytest.raises(ServerFailed, match=r"ended with status 1(?s:.)*paseport issuer cannot start: "):
        stack.start_issuer(0, until="live")

    assert unless_let_in(person.ask_api()) is None

    stack.mariadb.restore()
    stack.issuers[0].start()

    assert person.refresh().status_code == 200


# --- health ---------------------------------------------------------------------------------------------------------


def kill_vault(stack: Stack) -> None:
    stack.vault.kill()


def seal_vault(stack: Stack) -> None:
    stack.vault.seal()


def kill_mariadb(stack: Stack) -> None:
    stack.mariadb.kill()


def kill_redis(stack: Stack) -> None:
    for node in stack.redis.nodes:
        node.kill()


@pytest.mark.parametrize(
    ("break_it", "of_the_issuer", "of_the_api"),
    [
        (kill_vault, {"vault"}, set[str]()),
        (seal_vault, {"vault"}, set[str]()),
        (kill_mariadb, {"record"}, set[str]()),
        (kill_redis, {"redis"}, {"role_directory"}),
    ],
    ids=["vault killed", "vault sealed", "mariadb killed", "redis killed"],
)
def test_readiness_names_the_missing_part_by_what_a_service_needs(
    stack: Stack,
    people: People,
    break_it: Callable[[Stack], None],
    of_the_issuer: set[str],
    of_the_api: set[str],
) -> None:
    """FT-23. The api is ready without Vault, without MariaDB, and without Redis as long as the issuer's feed lasts."""
    issuer, api = stack.issuers[0], stack.apis[0]
    assert parts_down(issuer) == parts_down(api) == set()

    break_it(stack)

    assert parts_down(issuer) == of_the_issuer
    assert not is_ready(issuer)
    assert parts_down(api) == of_the_api
    assert is_ready(api)

    stack.restore()

    assert parts_down(issuer) == parts_down(api) == set()


def test_liveness_asks_no_store(stack: Stack, people: People) -> None:
    """FT-23. Stores that say nothing at all hold up readiness, and never liveness."""
    for service in (stack.mariadb, *stack.redis.nodes, *stack.redis.watchers, stack.vault):
        service.pause()

    for service in (stack.issuers[0], stack.apis[0]):
        answers = [httpx.get(f"{service.internal_url}/health/live", timeout=1) for _ in range(10)]
        assert {answer.status_code for answer in answers} == {200}
    assert parts_down(stack.issuers[0]) == {"record", "redis", "vault"}
