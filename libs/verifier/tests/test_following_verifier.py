"""``Verifier`` as a service runs it, against an issuer that answers over HTTP: what it hears, and what it does deaf."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from interruption import interrupted_at
from paseport import AuthenticationRequired, InvalidToken, StaticKeySet, Unavailable, Verifier
from paseport.key_set import parse_key_document
from paseport.revocation_list import STALE_AFTER_SECONDS
from paseport.verifier import KEY_DOCUMENT_PATH
from paseport_testkit.fake_issuer import FakeIssuer, TravelClock

PATIENCE_SECONDS = 10
TOO_LONG = timedelta(seconds=STALE_AFTER_SECONDS + 1)

ACCEPTED, REFUSED, UNAVAILABLE = "accepted", "refused", "unavailable"


async def verdict(verifier: Verifier, token: str) -> str:
    try:
        await verifier.verify(token)
    except InvalidToken:
        return REFUSED
    except Unavailable:
        return UNAVAILABLE
    return ACCEPTED


async def verdict_becomes(wanted: str, verifier: Verifier, token: str) -> None:
    """Ask until the verifier says so; what it says instead at the end is shown."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (said := await verdict(verifier, token)) != wanted:
        assert time.monotonic() < end, f"still {said}, not {wanted}"
        await asyncio.sleep(0.02)


async def reason_of(verifier: Verifier, token: str | None) -> str:
    with pytest.raises((AuthenticationRequired, InvalidToken, Unavailable)) as refusal:
        await verifier.verify(token)
    return refusal.value.reason


@pytest.fixture
async def verifier(paseport_issuer: FakeIssuer) -> AsyncIterator[Verifier]:
    async with paseport_issuer.verifier() as started:
        yield started


# --- what is revoked --------------------------------------------------------------------------------------------------

Way = Callable[[FakeIssuer, str], Awaitable[None]]

OF_ONE: dict[str, Way] = {
    "token": lambda issuer, token: issuer.revoke(token),
    "session": lambda issuer, token: issuer.revoke(session=token),
    "family": lambda issuer, token: issuer.revoke(family=token),
    "user": lambda issuer, token: issuer.revoke(user=token),
    "disabled user": lambda issuer, token: issuer.disable(issuer.claims(token).subject),
}
OF_ALL: dict[str, Way] = {
    "key": lambda issuer, token: issuer.revoke(key=token),
    "the key that signs": lambda issuer, token: issuer.revoke_key(),
}


@pytest.mark.parametrize("way", OF_ONE | OF_ALL)
async def test_what_was_revoked_is_refused_from_then_on(
    paseport_issuer: FakeIssuer, verifier: Verifier, way: str
) -> None:
    """P2, TK-23. Also a token that this verifier accepted before and remembers."""
    token = paseport_issuer.mint_token()
    before = await verdict(verifier, token)

    await (OF_ONE | OF_ALL)[way](paseport_issuer, token)

    assert (before, await verdict(verifier, token)) == (ACCEPTED, REFUSED)


@pytest.mark.parametrize("way", OF_ONE)
async def test_nobody_else_is_refused_for_it(paseport_issuer: FakeIssuer, verifier: Verifier, way: str) -> None:
    token, other = paseport_issuer.mint_token(), paseport_issuer.mint_token()

    await OF_ONE[way](paseport_issuer, token)

    assert await verdict(verifier, other) == ACCEPTED


async def test_a_revoked_key_takes_the_others_with_it_and_no_new_ones(
    paseport_issuer: FakeIssuer, verifier: Verifier
) -> None:
    """KR-04: the emergency. Who signs in again is let in."""
    old = [paseport_issuer.mint_token() for _ in range(3)]
    await paseport_issuer.revoke_key()

    assert [await verdict(verifier, token) for token in old] == [REFUSED] * 3
    await verdict_becomes(ACCEPTED, verifier, paseport_issuer.mint_token())


async def test_a_key_that_was_only_rotated_out_goes_on(paseport_issuer: FakeIssuer, verifier: Verifier) -> None:
    """P5."""
    old = paseport_issuer.mint_token()
    assert await verdict(verifier, old) == ACCEPTED

    paseport_issuer.rotate_key()

    new = paseport_issuer.mint_token()
    assert [await verdict(verifier, token) for token in (old, new)] == [ACCEPTED, ACCEPTED]


async def test_a_token_that_was_revoked_before_the_verifier_started_is_refused(paseport_issuer: FakeIssuer) -> None:
    tokens = {way: paseport_issuer.mint_token() for way in OF_ONE}
    for way, token in tokens.items():
        await OF_ONE[way](paseport_issuer, token)

    async with paseport_issuer.verifier() as verifier:
        assert {way: await verdict(verifier, token) for way, token in tokens.items()} == dict.fromkeys(OF_ONE, REFUSED)


@pytest.mark.parametrize("machine", [False, True], ids=["user", "machine"])
async def test_a_machine_is_revoked_as_a_user_is(
    paseport_issuer: FakeIssuer, verifier: Verifier, machine: bool
) -> None:
    token = paseport_issuer.mint_token(machine=machine)
    before = await verdict(verifier, token)

    await paseport_issuer.revoke(token)

    assert (before, await verdict(verifier, token)) == (ACCEPTED, REFUSED)


async def test_a_user_who_was_signed_out_everywhere_signs_in_again(
    paseport_issuer: FakeIssuer, verifier: Verifier
) -> None:
    user = paseport_issuer.add_user()
    old = paseport_issuer.mint_token(user)

    await paseport_issuer.revoke(user=user)

    new = paseport_issuer.mint_token(user)
    assert [await verdict(verifier, token) for token in (old, new)] == [REFUSED, ACCEPTED]


# --- who the caller is today ------------------------------------------------------------------------------------------


async def test_roles_are_those_of_now(paseport_issuer: FakeIssuer, verifier: Verifier) -> None:
    """P3: one token, three answers."""
    user = paseport_issuer.add_user(roles=("User",))
    token = paseport_issuer.mint_token(user)

    seen = [(await verifier.verify(token)).roles]
    for roles in (("User", "Admin"), ()):
        await paseport_issuer.set_roles(user, roles)
        seen.append((await verifier.verify(token)).roles)

    assert seen == [{"User"}, {"User", "Admin"}, frozenset()]


async def test_roles_are_those_of_now_after_everybody_changed(paseport_issuer: FakeIssuer, verifier: Verifier) -> None:
    user = paseport_issuer.add_user(roles=("User",))
    token = paseport_issuer.mint_token(user)
    assert (await verifier.verify(token)).roles == {"User"}

    with paseport_issuer.outage("feed"):
        await paseport_issuer.set_roles(user, ("Admin",))
    await paseport_issuer.everybody_changed()

    assert (await verifier.verify(token)).roles == {"Admin"}


async def test_without_the_scope_nobody_has_roles(paseport_issuer: FakeIssuer, verifier: Verifier) -> None:
    """Design §3: a token is never worth more than its scope."""
    user = paseport_issuer.add_user(roles=("Admin",), username="alice")

    principal = await verifier.verify(paseport_issuer.mint_token(user, scopes=("openid",)))

    assert (principal.username, principal.roles) == ("alice", frozenset())


async def test_a_token_of_nobody_whom_the_issuer_knows_is_refused(
    paseport_issuer: FakeIssuer, verifier: Verifier
) -> None:
    token = paseport_issuer.mint_token(sub="019a7e7e-0000-7000-8000-000000000000")

    assert await reason_of(verifier, token) == "subject is unknown"


@pytest.mark.parametrize("token", [None, ""])
async def test_nothing_is_no_token(verifier: Verifier, token: str | None) -> None:
    with pytest.raises(AuthenticationRequired):
        await verifier.verify(token)


# --- gaps -------------------------------------------------------------------------------------------------------------


async def test_a_new_epoch_makes_it_read_everything_again(paseport_issuer: FakeIssuer, verifier: Verifier) -> None:
    """Roles that changed in the gap were named by nobody, so all copies are old."""
    user = paseport_issuer.add_user(roles=("User",))
    token, earlier, later = (paseport_issuer.mint_token(user) for _ in range(3))
    assert (await verifier.verify(token)).roles == {"User"}
    await paseport_issuer.revoke(earlier)

    await paseport_issuer.start_new_epoch()
    await paseport_issuer.set_roles(user, ("Admin",))
    await paseport_issuer.revoke(later)

    assert [await verdict(verifier, revoked) for revoked in (earlier, later)] == [REFUSED, REFUSED]
    assert (await verifier.verify(token)).roles == {"Admin"}


async def test_all_pages_count_from_the_first_to_the_last(paseport_clock: TravelClock) -> None:
    with FakeIssuer(clock=paseport_clock, page_size=3) as issuer:
        revoked = [issuer.mint_token() for _ in range(20)]
        for token in revoked:
            await issuer.revoke(token)

        async with issuer.verifier() as verifier:
            assert [await verdict(verifier, token) for token in revoked] == [REFUSED] * 20
            assert await verdict(verifier, issuer.mint_token()) == ACCEPTED

            await issuer.start_new_epoch()
            assert [await verdict(verifier, token) for token in revoked] == [REFUSED] * 20


async def test_more_at_once_than_one_answer_holds_is_heard_to_the_end(paseport_clock: TravelClock) -> None:
    with FakeIssuer(clock=paseport_clock, page_size=3) as issuer:
        async with issuer.verifier() as verifier:
            tokens = [issuer.mint_token() for _ in range(20)]
            with issuer.outage("feed"):
                for token in tokens:
                    await issuer.revoke(token)
            await issuer.heard()

            assert [await verdict(verifier, token) for token in tokens] == [REFUSED] * 20


# --- outages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["everything", "feed"])
async def test_it_goes_on_for_five_seconds_without_a_feed_and_then_refuses_everybody(
    paseport_issuer: FakeIssuer, paseport_clock: TravelClock, verifier: Verifier, of: Any
) -> None:
    """Design §5, FT-08."""
    token, gone, revoked = (paseport_issuer.mint_token() for _ in range(3))
    await paseport_issuer.revoke(revoked)
    said = [await verdict(verifier, token), await verdict(verifier, gone)]

    with paseport_issuer.outage(of):
        said.append(await verdict(verifier, token))
        paseport_clock.elapse(TOO_LONG)
        await paseport_issuer.revoke(gone)
        deaf = [await verdict(verifier, each) for each in (token, gone)]
        reason = await reason_of(verifier, token)
    await verdict_becomes(ACCEPTED, verifier, token)

    assert said == [ACCEPTED] * 3
    assert deaf == [UNAVAILABLE] * 2
    assert reason == "the revocation feed is stale"
    assert [await verdict(verifier, each) for each in (gone, revoked)] == [REFUSED] * 2


async def test_a_service_that_said_so_goes_on_without_a_feed_and_the_log_shows_it(
    paseport_issuer: FakeIssuer, paseport_clock: TravelClock, caplog: pytest.LogCaptureFixture
) -> None:
    token, revoked = paseport_issuer.mint_token(), paseport_issuer.mint_token()
    async with paseport_issuer.verifier(on_stale="allow") as verifier:
        await paseport_issuer.revoke(revoked)
        assert await verdict(verifier, token) == ACCEPTED

        with paseport_issuer.outage("feed"):
            caplog.clear()
            paseport_clock.elapse(TOO_LONG)
            deaf = [await verdict(verifier, each) for each in (token, token, revoked)]

    (complaint,) = errors_of(caplog)
    assert deaf == [ACCEPTED, ACCEPTED, REFUSED]
    assert 'on_stale="allow"' in complaint


async def test_not_even_such_a_service_begins_without_a_word_from_the_feed(paseport_issuer: FakeIssuer) -> None:
    token = paseport_issuer.mint_token()

    with paseport_issuer.outage("feed"):
        async with paseport_issuer.verifier(on_stale="allow") as verifier:
            assert await verdict(verifier, token) == UNAVAILABLE


@pytest.mark.parametrize("of", ["everything", "feed"])
async def test_started_while_nobody_answers_it_lets_nobody_in_until_somebody_does(
    paseport_issuer: FakeIssuer, of: Any
) -> None:
    """FT-08."""
    token, revoked = paseport_issuer.mint_token(), paseport_issuer.mint_token()
    with paseport_issuer.outage(of):
        await paseport_issuer.revoke(revoked)
        verifier = paseport_issuer.verifier()
        await verifier.start()
        deaf = [await verdict(verifier, each) for each in (token, revoked)]
    try:
        await verdict_becomes(ACCEPTED, verifier, token)

        assert deaf == [UNAVAILABLE] * 2
        assert await verdict(verifier, revoked) == REFUSED
    finally:
        await verifier.aclose()


async def test_known_keys_go_on_without_the_document_and_an_unknown_one_is_503(
    paseport_issuer: FakeIssuer, paseport_clock: TravelClock, verifier: Verifier
) -> None:
    """TK-06, KR-03. The feed goes on meanwhile: only the document cannot be had."""
    known = paseport_issuer.mint_token()
    assert await verdict(verifier, known) == ACCEPTED
    await paseport_issuer.revoke_key()
    unknown = paseport_issuer.mint_token()

    with paseport_issuer.outage():
        # As old as the document may become before it is fetched again, and no older than the feed may be.
        paseport_clock.elapse(timedelta(seconds=2))
        of_unknown = await verdict(verifier, unknown)
        of_known = await verdict(verifier, known)
    paseport_clock.elapse(timedelta(seconds=2))
    await verdict_becomes(ACCEPTED, verifier, unknown)

    assert (of_unknown, of_known) == (UNAVAILABLE, REFUSED)


async def test_an_old_copy_of_a_user_counts_while_the_feed_goes_on_and_nobody_is_guessed(
    paseport_issuer: FakeIssuer, paseport_clock: TravelClock, verifier: Verifier
) -> None:
    """Design §5: own copies of roles."""
    known, unknown = paseport_issuer.mint_token(roles=("Admin",)), paseport_issuer.mint_token()
    assert await verdict(verifier, known) == ACCEPTED

    with paseport_issuer.outage():
        principal = await verifier.verify(known)
        of_unknown = await verdict(verifier, unknown)

    assert principal.roles == {"Admin"}
    assert of_unknown == UNAVAILABLE


# --- a credential that is refused -------------------------------------------------------------------------------------


async def test_one_line_of_the_log_says_that_the_credential_is_refused_and_what_to_do(
    paseport_issuer: FakeIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    token = paseport_issuer.mint_token()
    async with paseport_issuer.verifier(client_secret="not the one") as verifier:
        # Several refusals: of the feed while it starts and after, and of the principals.
        for _ in range(3):
            assert await verdict(verifier, token) == UNAVAILABLE
            await asyncio.sleep(0.25)

    (complaint,) = errors_of(caplog)
    assert "refuses the credential" in complaint
    assert "client_secret" in complaint
    assert "paseport verifiers" in complaint
    assert "not the one" not in caplog.text


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


# --- more than one, and more than once --------------------------------------------------------------------------------


async def test_two_verifiers_of_one_process_do_not_answer_for_each_other(paseport_issuer: FakeIssuer) -> None:
    """TK-15: a token for one service is none for the other."""
    audiences = ("https://books.example", "https://films.example")
    tokens = [paseport_issuer.mint_token(audience=audience) for audience in audiences]
    async with (
        paseport_issuer.verifier(audience=audiences[0]) as books,
        paseport_issuer.verifier(audience=audiences[1]) as films,
    ):
        before = [[await verdict(verifier, token) for token in tokens] for verifier in (books, films)]
        for token in tokens:
            await paseport_issuer.revoke(token)
        after = [[await verdict(verifier, token) for token in tokens] for verifier in (books, films)]

    assert before == [[ACCEPTED, REFUSED], [REFUSED, ACCEPTED]]
    assert after == [[REFUSED, REFUSED], [REFUSED, REFUSED]]


async def test_the_first_request_starts_it_once_however_many_come_at_the_same_time(paseport_issuer: FakeIssuer) -> None:
    token = paseport_issuer.mint_token()
    verifier = paseport_issuer.verifier()
    try:
        said = await asyncio.gather(*(verdict(verifier, token) for _ in range(20)))
        followers = [task for task in asyncio.all_tasks() if task.get_name() == "paseport-revocations"]

        assert said == [ACCEPTED] * 20
        assert len(followers) == 1
    finally:
        await verifier.aclose()


async def test_what_was_closed_lets_nobody_in_and_starts_again(paseport_issuer: FakeIssuer) -> None:
    token, revoked = paseport_issuer.mint_token(), paseport_issuer.mint_token()
    verifier = paseport_issuer.verifier()
    for _ in range(2):
        async with verifier:
            assert await verdict(verifier, token) == ACCEPTED
        assert await verdict(verifier, token) == UNAVAILABLE
        assert verifier.feed is None
    await paseport_issuer.revoke(revoked)

    async with verifier:
        assert [await verdict(verifier, each) for each in (token, revoked)] == [ACCEPTED, REFUSED]


async def test_nobody_passes_half_of_it_while_it_starts_again(paseport_issuer: FakeIssuer) -> None:
    """FA-07. The keys are pinned and the token is remembered: only the revocations are missing."""
    verifier = await with_pinned_keys(paseport_issuer)
    token = paseport_issuer.mint_token()
    async with verifier:
        assert await verdict(verifier, token) == ACCEPTED
    await paseport_issuer.revoke(token)

    with paseport_issuer.outage("feed"):
        starting = asyncio.create_task(verifier.start())
        while not starting.done():
            assert await verdict(verifier, token) == UNAVAILABLE
            await asyncio.sleep(0)
    await verdict_becomes(REFUSED, verifier, token)
    await verifier.aclose()


async def with_pinned_keys(issuer: FakeIssuer, **options: Any) -> Verifier:
    async with httpx.AsyncClient(base_url=issuer.url) as client:
        document = parse_key_document((await client.get(KEY_DOCUMENT_PATH)).content)
    return issuer.verifier(key_set=StaticKeySet(document.values()), **options)


# --- callers who leave ------------------------------------------------------------------------------------------------


async def test_a_start_that_is_given_up_anywhere_leaves_nothing_open_and_lets_nobody_in(
    paseport_issuer: FakeIssuer,
) -> None:
    """FA-07: cancelled at each of its awaits, and then started for good."""
    token, revoked = paseport_issuer.mint_token(), paseport_issuer.mint_token()
    await paseport_issuer.revoke(revoked)
    verifier = await with_pinned_keys(paseport_issuer)
    await verifier.aclose()
    async with nothing_left():
        for point in points():
            try:
                await interrupted_at(point, asyncio.CancelledError(), verifier.start())
            except asyncio.CancelledError:
                assert [await verdict(verifier, each) for each in (token, revoked)] == [UNAVAILABLE] * 2
                continue
            break
        assert point > 0
        assert [await verdict(verifier, each) for each in (token, revoked)] == [ACCEPTED, REFUSED]
        await verifier.aclose()


async def test_a_caller_who_leaves_anywhere_takes_nobody_along(paseport_issuer: FakeIssuer) -> None:
    """FA-07: the first request of a verifier that was not started, cancelled at each of its awaits."""
    # One for all: to read the authorities of this machine takes longer than all the rest.
    tls = ssl.create_default_context()
    async with nothing_left():
        for point in points():
            token = paseport_issuer.mint_token()
            verifier = paseport_issuer.verifier(ssl_context=tls)
            try:
                await interrupted_at(point, asyncio.CancelledError(), verifier.verify(token))
                is_over = True
            except asyncio.CancelledError:
                is_over = False
            assert await verdict(verifier, token) == ACCEPTED
            await paseport_issuer.revoke(token)
            assert await verdict(verifier, token) == REFUSED
            await verifier.aclose()
            if is_over:
                break
        assert point > 0


def points() -> Iterator[int]:
    """The awaits of something, counted; far more than there are, so that a test which never ends fails."""
    yield from range(500)
    raise AssertionError("it never came to its end")


async def test_nothing_is_left_of_it_at_the_end(paseport_issuer: FakeIssuer) -> None:
    async with nothing_left():
        async with paseport_issuer.verifier() as verifier:
            assert await verdict(verifier, paseport_issuer.mint_token()) == ACCEPTED
            assert open_sockets() > 0
        with paseport_issuer.outage():
            async with paseport_issuer.verifier() as verifier:
                assert await verdict(verifier, paseport_issuer.mint_token()) == UNAVAILABLE


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Fail where tasks or connections are left; the issuer's ends of connections are in this process too."""
    tasks, sockets = asyncio.all_tasks(), open_sockets()
    yield
    assert asyncio.all_tasks() == tasks
    end = time.monotonic() + PATIENCE_SECONDS
    while open_sockets() > sockets:
        assert time.monotonic() < end, f"{open_sockets()} sockets are open, {sockets} were"
        await asyncio.sleep(0.02)


def open_sockets() -> int:
    """Connections over IP of this process: what event loops have for themselves are pairs without an address."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            is_socket = os.readlink(entry).startswith("socket:")
        except FileNotFoundError:
            continue
        if not is_socket:
            continue
        try:
            with socket.socket(fileno=os.dup(int(entry.name))) as copy:
                count += copy.family in (socket.AF_INET, socket.AF_INET6)
        except OSError:
            continue
    return count
