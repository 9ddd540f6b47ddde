"""FA-07: whatever fails on the way to a decision, and wherever, nobody is let in who should not be.

Nor is anything wrong kept: afterwards everybody is told what they would have been told without it.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from interruption import interrupted_at
from paseport import Principal, Unavailable, Verifier
from paseport.revocation_list import STALE_AFTER_SECONDS
from paseport_testkit.fake_issuer import FakeIssuer, TravelClock

PATIENCE_SECONDS = 10
FAULTS: dict[str, Callable[[], BaseException]] = {
    "Unavailable": lambda: Unavailable("rehearsed"),
    "TimeoutError": lambda: TimeoutError("rehearsed"),
    "ConnectionResetError": lambda: ConnectionResetError("rehearsed"),
    "KeyError": lambda: KeyError("rehearsed"),
    "RuntimeError": lambda: RuntimeError("rehearsed"),
    "RecursionError": lambda: RecursionError("rehearsed"),
    "MemoryError": lambda: MemoryError("rehearsed"),
    "CancelledError": lambda: asyncio.CancelledError("rehearsed"),
}
BAD: dict[str, Callable[[FakeIssuer], str]] = {
    "revoked": lambda issuer: issuer.mint_token(revoked=True),
    "expired": lambda issuer: issuer.mint_token(expired=True),
    "of nobody": lambda issuer: issuer.mint_token(sub="019a7e7e-0000-7000-8000-000000000000"),
    "of a disabled user": lambda issuer: _of_a_disabled_user(issuer),
    "forged": lambda issuer: issuer.forged_token("stolen_key_id"),
}
TLS = ssl.create_default_context()


def _of_a_disabled_user(issuer: FakeIssuer) -> str:
    user = issuer.add_user()
    token = issuer.mint_token(user)
    _ignored = issuer.disable(user)
    return token


async def answer(verifier: Verifier, token: str) -> Principal | None:
    """Return the caller, or None where nobody is let in, whatever was raised."""
    try:
        return await verifier.verify(token)
    except BaseException as raised:
        if isinstance(raised, (KeyboardInterrupt, SystemExit)):
            raise
        return None


async def lets_in(verifier: Verifier, token: str) -> None:
    """Ask until the token's owner is let in: some faults need a moment until they are over."""
    end = time.monotonic() + PATIENCE_SECONDS
    while await answer(verifier, token) is None:
        assert time.monotonic() < end, "a good token is refused for good"
        await asyncio.sleep(0.02)


@pytest.fixture
async def verifier(paseport_issuer: FakeIssuer) -> AsyncIterator[Verifier]:
    """It follows, and has neither keys nor subjects yet: a request goes all the way."""
    async with paseport_issuer.verifier(ssl_context=TLS) as started:
        yield started


# --- where it waits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_at_any_await_of_a_request_denies_it_and_is_forgotten(
    paseport_issuer: FakeIssuer, fault: str
) -> None:
    """The first request of a verifier, which starts it: feed, key document and subject are all waited for."""
    denied = 0
    for point in points():
        good = paseport_issuer.mint_token()
        bad = paseport_issuer.mint_token(revoked=True)
        verifier = paseport_issuer.verifier(ssl_context=TLS)
        try:
            first = await outcome(interrupted_at(point, FAULTS[fault](), verifier.verify(bad)))
            assert not isinstance(first, Principal)
            second = await outcome(interrupted_at(point, FAULTS[fault](), verifier.verify(good)))
            denied += not isinstance(second, Principal)
            assert await answer(verifier, bad) is None
            # A fetch of the key document that failed is not repeated at once.
            paseport_issuer.clock.elapse(timedelta(seconds=1))
            await lets_in(verifier, good)
        finally:
            await verifier.aclose()
        if point > LONGEST and isinstance(second, Principal):
            break
    assert denied > 0


LONGEST = 20
"""More than a request waits for, one after the other."""


async def outcome(work: Any) -> Any:
    try:
        return await work
    # Everything that a fault can become, the fault itself among it.
    except (Exception, asyncio.CancelledError) as raised:
        return raised


def points() -> Iterator[int]:
    yield from range(500)
    raise AssertionError("it never came to its end")


# --- what it calls ----------------------------------------------------------------------------------------------------

ON_THE_WAY = (
    "paseport.token_verifier.TokenVerifier.find",
    "paseport.token_verifier.TokenVerifier.verify",
    "paseport.token_verifier.parse_token",
    "paseport.token_verifier.verify_parsed",
    "paseport.token_verifier.decode_claims",
    "paseport.token_verifier.check_claims",
    "paseport.token_cache.TokenCache.digest",
    "paseport.token_cache.TokenCache.find",
    "paseport.token_cache.TokenCache.add",
    "paseport.key_set.RemoteKeySet.get",
    "paseport.key_set.RemoteKeySet._start_refresh",
    "paseport.key_set.parse_key_document",
    "paseport.http_key_document.HttpKeyDocument.__call__",
    "paseport.revocation_list.RevocationList.check",
    "paseport.subject_copies.SubjectCopies.recall",
    "paseport.subject_copies.SubjectCopies.__call__",
    "paseport.subject_copies.SubjectCopies._keep",
    "paseport.find_subject.FindSubject.__call__",
    "paseport.issuer_subjects.IssuerSubjects.resolve",
    "paseport.issuer_client.IssuerClient.post",
    "paseport.issuer_client.Answer.read_as",
    "paseport.authenticate_bearer.UUID",
    "paseport.authenticate_bearer.Principal",
    "paseport.authenticate_bearer.AuthenticateBearer.__call__",
)
AGAIN = (
    "paseport.token_verifier.TokenVerifier.is_good",
    "paseport.token_verifier.check_times",
    "paseport.key_set.RemoteKeySet.known",
    "paseport.token_cache.TokenCache.find",
    "paseport.revocation_list.RevocationList.check",
    "paseport.subject_copies.SubjectCopies.recall",
)
"""What is called for a token that was let in before."""


class Failing:
    """Stands for something that is called, and raises; counts how often."""

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self.calls = 0
        self.called = asyncio.Event()

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        self.calls += 1
        self.called.set()
        error = FAULTS[self._fault]()
        raise error


def owner_of(path: str) -> tuple[Any, str]:
    """Return the module or class that a dotted path leads to, and the last name in it."""
    words = path.split(".")
    for length in range(len(words) - 1, 0, -1):
        try:
            owner = importlib.import_module(".".join(words[:length]))
        except ModuleNotFoundError:
            continue
        for word in words[length:-1]:
            owner = getattr(owner, word)
        return owner, words[-1]
    raise LookupError(path)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ON_THE_WAY)
async def test_a_fault_in_anything_that_is_called_denies_and_is_forgotten(
    paseport_issuer: FakeIssuer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch, call: str, fault: str
) -> None:
    good, revoked = paseport_issuer.mint_token(), paseport_issuer.mint_token(revoked=True)
    failing = Failing(fault)
    with monkeypatch.context() as patched:
        patched.setattr(*owner_of(call), failing)
        of_revoked = await answer(verifier, revoked)
        of_good = await answer(verifier, good)

    assert failing.calls > 0
    assert (of_revoked, of_good) == (None, None)
    paseport_issuer.clock.elapse(timedelta(seconds=1))
    await lets_in(verifier, good)
    assert await answer(verifier, revoked) is None


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", AGAIN)
async def test_a_fault_denies_somebody_who_was_let_in_before(
    paseport_issuer: FakeIssuer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch, call: str, fault: str
) -> None:
    good, revoked = paseport_issuer.mint_token(), paseport_issuer.mint_token()
    await lets_in(verifier, good)
    await lets_in(verifier, revoked)
    await paseport_issuer.revoke(revoked)
    failing = Failing(fault)
    with monkeypatch.context() as patched:
        patched.setattr(*owner_of(call), failing)
        answers = [await answer(verifier, token) for token in (good, revoked)]

    assert failing.calls > 0
    assert answers == [None, None]
    await lets_in(verifier, good)
    assert await answer(verifier, revoked) is None


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("call", ON_THE_WAY)
async def test_no_fault_lets_a_bad_token_in(
    paseport_issuer: FakeIssuer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch, call: str, bad: str
) -> None:
    token = await asyncio.to_thread(BAD[bad], paseport_issuer)
    for fault in FAULTS:
        with monkeypatch.context() as patched:
            patched.setattr(*owner_of(call), Failing(fault))
            assert await answer(verifier, token) is None
        assert await answer(verifier, token) is None


# --- what it hears ----------------------------------------------------------------------------------------------------

HEARING = (
    "paseport.issuer_client.IssuerClient.get",
    "paseport.issuer_client.Answer.read_as",
    "paseport.issuer_feed.IssuerFeed.changes_since",
    "paseport.issuer_feed._Item.read",
    "paseport.follow_revocations.FollowRevocations.step",
    "paseport.follow_revocations.FollowRevocations._read",
    "paseport.revocation_list.RevocationList.apply",
    "paseport.revocation_list.RevocationList._add",
    "paseport.revocation_list._terms",
    "paseport.subject_copies.SubjectCopies.heard",
    "paseport.subject_copies.SubjectCopies.followed",
)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", HEARING)
async def test_a_change_that_could_not_be_heard_is_heard_afterwards(
    paseport_issuer: FakeIssuer,
    paseport_clock: TravelClock,
    verifier: Verifier,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    fault: str,
) -> None:
    """Meanwhile nobody is let in for longer than five seconds. A fault of ours ends neither service nor follower."""
    user = paseport_issuer.add_user(roles=("User",))
    good, revoked = paseport_issuer.mint_token(user), paseport_issuer.mint_token()
    await lets_in(verifier, good)
    await lets_in(verifier, revoked)
    failing = Failing(fault)
    with monkeypatch.context() as patched:
        patched.setattr(*owner_of(call), failing)
        telling = asyncio.gather(paseport_issuer.revoke(revoked), paseport_issuer.set_roles(user, ("Admin",)))
        await failing.called.wait()
        paseport_clock.elapse(timedelta(seconds=STALE_AFTER_SECONDS + 1))
        deaf = [await answer(verifier, token) for token in (good, revoked)]
    await telling
    await lets_in(verifier, good)

    assert deaf == [None, None]
    assert await answer(verifier, revoked) is None
    assert (await verifier.verify(good)).roles == {"Admin"}
