"""The failure table's row "Redis" (design §5): no session can begin, go on or end; verifying follows the issuer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import pytest
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.switchboard import CLIENTS
from people import (
    GRACE_SECONDS,
    RECOVERY_SECONDS,
    REVOKED_SECONDS,
    ROLES_SECONDS,
    Entry,
    People,
    Person,
    generation_of,
    holds_within,
    keeps_for,
    stranger,
    unless_let_in,
    unless_refused,
    unless_status,
    unless_unavailable,
)

DENY_SECONDS: Final = 5.0
"""Without an answer of either feed for so long a verifier denies."""
LONG_POLL_SECONDS: Final = 1.0
"""How long a reader of a feed waits for news before it hears that there is none."""


def kill_redis(stack: Stack) -> None:
    for node in stack.redis.nodes:
        node.kill()


def silence_redis(stack: Stack) -> None:
    """Let neither issuer nor api hear of any node or Sentinel, while all connections stay open."""
    network = stack.redis.network
    assert network is not None
    network.cut([CLIENTS], [service.process.name for service in (*stack.redis.nodes, *stack.redis.watchers)])


@contextmanager
def api_cut_off(stack: Stack) -> Iterator[None]:
    """Keep the api alone from Redis: its user is locked out, and its connections are ended."""
    user = stack.redis.users.api.username
    try:
        for node in stack.redis.nodes:
            with node.admin() as redis:
                redis.acl_setuser(user, enabled=False)
                redis.client_kill_filter(user=user)
        yield
    finally:
        for node in stack.redis.nodes:
            with node.admin() as redis:
                redis.acl_setuser(user, enabled=True)


OUTAGES: Final = {"killed": kill_redis, "silent": silence_redis}


@pytest.fixture(params=OUTAGES)
def outage(request: pytest.FixtureRequest) -> Callable[[Stack], None]:
    """Every node dead, so that connections are refused; or every node silent, so that each question costs its time."""
    return OUTAGES[request.param]


# --- verifying ------------------------------------------------------------------------------------------------------


def test_redis_down_verifying_works_longer_than_a_verifier_may_go_without_a_feed(
    stack: Stack, people: People, outage: Callable[[Stack], None]
) -> None:
    """FT-08. The issuer's feed is followed."""
    person = people.newcomer()
    assert unless_let_in(person.ask_api()) is None

    outage(stack)

    keeps_for(DENY_SECONDS + 2, lambda: unless_let_in(person.ask_api()))
    assert unless_let_in(person.by(people.edge).ask_api()) is None


def test_redis_down_verifying_works_for_somebody_whom_the_api_has_never_seen(stack: Stack, people: People) -> None:
    """FT-08. The issuer, who reads the record, says who it is."""
    person = people.newcomer()

    kill_redis(stack)

    holds_within(RECOVERY_SECONDS, lambda: unless_let_in(person.ask_api()))


def test_redis_down_verifying_follows_the_issuers_feed(
    stack: Stack, people: People, outage: Callable[[Stack], None]
) -> None:
    """FT-08. What an administrator revokes meanwhile is on record, and refused, though it is not in Redis."""
    person = people.newcomer()
    entry = people.admin.read(person.user_id)
    assert unless_let_in(person.ask_api()) is None

    outage(stack)

    answer = people.admin.change(entry, disabled=True)
    assert unless_unavailable(answer, "recorded_not_in_force") is None
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))


def test_redis_down_a_revocation_that_redis_alone_had_stays_in_force(stack: Stack, people: People) -> None:
    """Decision 0013. The feed that is followed then has never heard of it, and takes nothing back."""
    person = people.newcomer()
    stack.mariadb.pause()
    assert person.sign_out().status_code == 204
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))

    kill_redis(stack)
    stack.mariadb.resume()

    keeps_for(4, lambda: unless_refused(person.ask_api()))


def test_redis_down_a_changed_role_is_recorded_and_in_force(stack: Stack, people: People) -> None:
    """The api asks the issuer, and goes by an answer for a second."""
    person = people.newcomer()
    entry = people.admin.read(person.user_id)
    assert person.ask_api().status_code == 403

    kill_redis(stack)

    answer = people.admin.change(entry, roles=["Admin", "User"])
    assert unless_unavailable(answer, "recorded_not_in_force") is None
    holds_within(ROLES_SECONDS, lambda: unless_status(200, person.ask_api()))


def test_redis_and_issuer_down_verifying_denies_after_five_seconds(stack: Stack, people: People) -> None:
    """P2, FT-08. Not before, and not a moment later."""
    person = known_to_the_api(stack, people)

    # In this order: an api that hears from the issuer meanwhile forgets whom it knows.
    stack.links["issuer"].cut()
    kill_redis(stack)

    denies_after_five_seconds(person)


def test_redis_and_issuer_silent_verifying_denies_after_five_seconds(stack: Stack, people: People) -> None:
    """P2, FT-08, FT-09. Connections that look alive are no news."""
    person = known_to_the_api(stack, people)

    stack.links["issuer"].silence()
    silence_redis(stack)

    denies_after_five_seconds(person)


def test_redis_and_issuer_down_for_long_verifying_works_as_soon_as_one_feed_is_back(
    stack: Stack, people: People
) -> None:
    person = people.newcomer()
    assert unless_let_in(person.ask_api()) is None
    kill_redis(stack)
    stack.links["issuer"].cut()
    holds_within(DENY_SECONDS, lambda: unless_unavailable(person.ask_api()))

    stack.links["issuer"].heal()

    holds_within(RECOVERY_SECONDS, lambda: unless_let_in(person.ask_api()))


def known_to_the_api(stack: Stack, people: People) -> Person:
    """Return somebody whom the api need not ask for, once it follows Redis as it is since the outage before.

    A new epoch of the feed makes it forget whom it knows, and it begins with what is published first.
    """
    metrics = f"{stack.apis[0].internal_url}/metrics"
    followed = 'paseport_revocation_feed_followed{feed="hot_store"} 1.0'
    holds_within(RECOVERY_SECONDS, lambda: None if followed in httpx.get(metrics).text else "not yet followed")
    leaving = people.newcomer()
    assert unless_let_in(leaving.ask_api()) is None
    assert leaving.sign_out().status_code == 204
    holds_within(REVOKED_SECONDS, lambda: unless_refused(leaving.ask_api()))
    person = people.newcomer()
    assert unless_let_in(person.ask_api()) is None
    return person


def denies_after_five_seconds(person: Person) -> None:
    """Ask from the moment at which both feeds were cut until five seconds are over, and some time longer."""
    cut_at = time.monotonic()
    while (asked_at := time.monotonic()) < cut_at + DENY_SECONDS:
        answer = person.ask_api()
        if unless_let_in(answer) is not None:
            assert unless_unavailable(answer) is None
            # The last answer of a feed may be as old as a long poll lasts when everything is cut.
            assert asked_at - cut_at >= DENY_SECONDS - LONG_POLL_SECONDS - 0.5
        time.sleep(0.05)
    keeps_for(1, lambda: unless_unavailable(person.ask_api()))


def test_redis_cut_off_from_the_api_alone_verifying_works_and_follows_the_issuer(stack: Stack, people: People) -> None:
    """FT-08. Everybody else goes on as if nothing was wrong: sign-outs and changes are in force at this api too."""
    person, leaving, changing = people.newcomer(), people.newcomer(), people.newcomer()
    assert unless_let_in(person.ask_api()) is None

    with api_cut_off(stack):
        keeps_for(DENY_SECONDS + 1, lambda: unless_let_in(person.ask_api()))
        assert unless_let_in(leaving.ask_api()) is None
        assert unless_let_in(changing.ask_api()) is None
        assert person.refresh().status_code == 200
        assert unless_let_in(person.ask_api()) is None

        assert leaving.sign_out().status_code == 204
        holds_within(REVOKED_SECONDS, lambda: unless_refused(leaving.ask_api()))

        entry = people.admin.read(changing.user_id)
        assert people.admin.change(entry, roles=["Admin", "User"]).status_code == 200
        holds_within(ROLES_SECONDS, lambda: unless_status(200, changing.ask_api()))

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, person.open_dashboard()))


def test_redis_down_the_page_that_shows_sessions_answers_503(stack: Stack, people: People) -> None:
    """Sessions are in Redis alone."""
    person = people.newcomer()
    assert person.open_dashboard().status_code == 200

    kill_redis(stack)

    assert unless_unavailable(person.open_dashboard()) is None


# --- refresh, sign-out, sign-in -------------------------------------------------------------------------------------


def test_redis_down_refresh_answers_503_and_consumes_nothing(
    stack: Stack, people: People, outage: Callable[[Stack], None]
) -> None:
    person = people.newcomer()
    held = person.refresh_token

    outage(stack)

    for _ in range(3):
        assert unless_unavailable(person.refresh()) is None
    assert unless_unavailable(person.by(people.edge).refresh()) is None
    assert person.refresh_token == held

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, person.refresh()))
    assert (generation_of(held), generation_of(person.refresh_token)) == ("0", "1")
    assert unless_let_in(person.ask_api()) is None


@pytest.mark.parametrize("everywhere", [False, True])
def test_redis_down_logout_answers_503_and_can_be_repeated(stack: Stack, people: People, everywhere: bool) -> None:
    """Nobody is told that they are signed out while they are not; the cookies stay for the next try."""
    person = people.newcomer()
    held = dict(person.cookies)

    kill_redis(stack)

    assert unless_unavailable(person.sign_out(everywhere=everywhere)) is None
    assert person.cookies == held

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(204, person.sign_out(everywhere=everywhere)))
    assert not person.is_signed_in
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))


def test_redis_down_reuse_answers_503_and_kills_the_family_afterwards(stack: Stack, people: People) -> None:
    person = people.newcomer()
    stolen = person.refresh_token
    assert person.refresh().status_code == 200
    person.ask_api()

    kill_redis(stack)

    keeps_for(GRACE_SECONDS + 0.5, lambda: unless_unavailable(person.refresh(stolen)))

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(400, person.refresh(stolen)))
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))
    assert person.refresh().status_code == 400


def test_redis_down_login_answers_503(stack: Stack, people: People) -> None:
    """Without the counters nobody may guess, so nobody signs in."""
    person = people.newcomer()
    browser = Person(people.way, person.account)

    kill_redis(stack)

    assert unless_unavailable(browser.sign_in()) is None
    assert not browser.is_signed_in

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, browser.sign_in()))


# --- admin writes ---------------------------------------------------------------------------------------------------


def disable(people: People, entry: Entry) -> httpx.Response:
    return people.admin.change(entry, disabled=True)


def delete(people: People, entry: Entry) -> httpx.Response:
    return people.admin.delete(entry)


def nothing_left_of(person: Person, stack: Stack) -> str | None:
    """None once Redis has neither session nor family of a person. Looking makes the issuer do nothing."""
    with stack.redis.primary().admin() as redis:
        kept = redis.keys(f"*:by_uid:{person.user_id}")
    return f"{kept} are left" if kept else None


@pytest.mark.parametrize("end_access", [disable, delete])
def test_redis_down_an_admin_write_is_recorded_and_comes_into_force_by_itself(
    stack: Stack, people: People, end_access: Callable[[People, Entry], httpx.Response]
) -> None:
    """Decision 0014. Nobody repeats the request; the refresh token, which only Redis knows, dies as well."""
    person = people.newcomer()
    entry = people.admin.read(person.user_id)

    kill_redis(stack)

    assert unless_unavailable(end_access(people, entry), "recorded_not_in_force") is None

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: nothing_left_of(person, stack))
    assert unless_refused(person.ask_api()) is None
    assert person.refresh().status_code == 400


def test_redis_down_a_new_user_is_recorded_and_signs_in_afterwards(stack: Stack, people: People) -> None:
    account = stranger()

    kill_redis(stack)

    assert unless_unavailable(people.admin.create(account), "recorded_not_in_force") is None
    assert people.admin.knows(account)

    stack.redis.restore()

    newcomer = Person(people.way, account)
    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, newcomer.sign_in()))
    holds_within(RECOVERY_SECONDS, lambda: unless_let_in(newcomer.ask_api()))


def test_redis_down_a_password_reset_answers_503_and_the_link_works_afterwards(stack: Stack, people: People) -> None:
    """Making a link needs the record alone; using one counts as a try, and ends what Redis has."""
    person = people.newcomer()

    kill_redis(stack)

    made = people.admin.make_reset_link(person.user_id)
    assert made.status_code == 201
    link, password = made.json()["url"], stranger().password
    assert unless_unavailable(person.redeem_reset(link, password)) is None

    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(204, person.redeem_reset(link, password)))
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))


def test_redis_down_a_recorded_change_is_not_made_twice_when_it_is_repeated(stack: Stack, people: People) -> None:
    """Somebody who does repeat the request, as the answer allows, completes it."""
    person = people.newcomer()
    entry = people.admin.read(person.user_id)

    kill_redis(stack)

    assert unless_unavailable(people.admin.change(entry, disabled=True), "recorded_not_in_force") is None

    stack.redis.restore()

    again = people.admin.read(person.user_id)
    assert again.fields["disabled"]
    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, people.admin.change(again, disabled=True)))
    assert people.admin.read(person.user_id) == again
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))
