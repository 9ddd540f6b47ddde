"""Keys from elsewhere: how seldom they are fetched, what an outage or a poisoned document changes (TK-06, KR-08)."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport import AuthError, InvalidToken, KeyStatus, PublishedKey, RemoteKeySet, Unavailable, base64url
from paseport.key_set import encode_key_document
from paseport.paserk import public_key_id


def new_key(status: KeyStatus = KeyStatus.ACTIVE) -> PublishedKey:
    public_key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return PublishedKey(kid=public_key_id(public_key), public_key=public_key, status=status)


def random_kid() -> str:
    return "k4.pid." + base64url.encode(secrets.token_bytes(33))


class MovedClock:
    """A monotonic clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Origin:
    """What answers the fetch: a document, an outage, or nothing until it is let go."""

    def __init__(self, keys: Sequence[PublishedKey], max_age: float = 60.0) -> None:
        self.document = encode_key_document(keys)
        self.max_age = max_age
        self.is_down = False
        self.fetches = 0
        self.let_go = asyncio.Event()
        self.let_go.set()
        self.asked = asyncio.Event()

    async def fetch(self) -> tuple[bytes, float]:
        self.fetches += 1
        self.asked.set()
        await self.let_go.wait()
        if self.is_down:
            raise OSError("connection refused")
        return self.document, self.max_age

    @asynccontextmanager
    async def holding_back(self) -> AsyncIterator[None]:
        """Hold every answer back inside the block."""
        self.let_go.clear()
        self.asked.clear()
        try:
            yield
        finally:
            self.let_go.set()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def key() -> PublishedKey:
    return new_key()


@pytest.fixture
async def origin(key: PublishedKey) -> Origin:
    return Origin([key])


@pytest.fixture
async def keys(origin: Origin, clock: MovedClock) -> AsyncIterator[RemoteKeySet]:
    key_set = RemoteKeySet(origin.fetch, monotonic=clock)
    yield key_set
    await key_set.aclose()


async def settle() -> None:
    """Let a refresh in the background, which needs no outside event here, run to its end."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_nothing_is_fetched_before_the_first_token(keys: RemoteKeySet, origin: Origin) -> None:
    await settle()

    assert origin.fetches == 0


async def test_a_fresh_document_is_never_fetched_again(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    for _ in range(59):
        assert await keys.get(key.kid, now) == key
        clock.seconds += 1

    assert origin.fetches == 1


async def test_a_new_key_is_found_by_one_refetch(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    """TK-06, KR-03."""
    await keys.get(key.kid, now)
    rotated = new_key()
    origin.document = encode_key_document([key, rotated])
    clock.seconds += 10

    assert await keys.get(rotated.kid, now) == rotated
    assert await keys.get(key.kid, now) == key
    assert origin.fetches == 2


async def test_a_kid_that_is_unknown_after_the_refetch_is_an_invalid_token(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    """TK-06."""
    await keys.get(key.kid, now)
    clock.seconds += 10

    with pytest.raises(InvalidToken):
        await keys.get(random_kid(), now)

    assert origin.fetches == 2


async def test_an_unknown_kid_is_unavailable_when_the_refetch_is_impossible(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    """TK-06: also for the callers that come too early for another try."""
    await keys.get(key.kid, now)
    origin.is_down = True
    clock.seconds += 10

    for _ in range(100):
        with pytest.raises(Unavailable):
            await keys.get(random_kid(), now)

    assert origin.fetches == 2
    assert await keys.get(key.kid, now) == key


@pytest.mark.parametrize(("max_age", "most_fetches"), [(300, 10), (60, 10), (10, 10), (4, 25), (1, 100)])
@pytest.mark.parametrize("is_down", [False, True])
async def test_a_flood_of_random_kids_refetches_once_per_10_s_or_max_age(
    origin: Origin,
    clock: MovedClock,
    key: PublishedKey,
    now: datetime,
    max_age: int,
    most_fetches: int,
    is_down: bool,
) -> None:
    """TK-06: 100 s of it; the rate of the callers does not matter."""
    origin.max_age = max_age
    keys = RemoteKeySet(origin.fetch, monotonic=clock)
    await keys.get(key.kid, now)
    origin.is_down = is_down
    origin.fetches = 0

    for _ in range(1_000):
        clock.seconds += 0.1
        for _ in range(3):
            with pytest.raises(AuthError):
                await keys.get(random_kid(), now)

    assert 0.9 * most_fetches <= origin.fetches <= most_fetches


async def test_many_callers_share_one_refetch(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    """TK-06: single flight."""
    await keys.get(key.kid, now)
    rotated = new_key()
    origin.document = encode_key_document([rotated])
    clock.seconds += 10

    async with origin.holding_back():
        callers = [asyncio.create_task(keys.get(rotated.kid, now)) for _ in range(50)]
        await origin.asked.wait()
        clock.seconds += 100

    assert await asyncio.gather(*callers) == [rotated] * 50
    assert origin.fetches == 2


async def test_a_known_key_is_answered_while_others_wait_for_a_refetch(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    await keys.get(key.kid, now)
    clock.seconds += 10

    async with origin.holding_back():
        stranger = asyncio.create_task(keys.get(random_kid(), now))
        await origin.asked.wait()
        assert await keys.get(key.kid, now) == key

    with pytest.raises(InvalidToken):
        await stranger


async def test_a_caller_that_gives_up_does_not_stop_the_refetch_of_the_others(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    await keys.get(key.kid, now)
    rotated = new_key()
    origin.document = encode_key_document([rotated])
    clock.seconds += 10

    async with origin.holding_back():
        impatient = asyncio.create_task(keys.get(rotated.kid, now))
        patient = asyncio.create_task(keys.get(rotated.kid, now))
        await origin.asked.wait()
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient

    assert await patient == rotated
    assert origin.fetches == 2


async def test_an_aged_document_is_refreshed_behind_a_call_that_is_answered_at_once(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    await keys.get(key.kid, now)
    origin.document = encode_key_document([new_key()])
    clock.seconds += 60

    async with origin.holding_back():
        assert await keys.get(key.kid, now) == key
        await origin.asked.wait()
    await settle()

    assert origin.fetches == 2
    with pytest.raises(InvalidToken):
        await keys.get(key.kid, now)


async def test_the_first_call_after_a_long_pause_waits_for_the_refresh(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    """KR-04: a verifier that was idle all night does not accept one more token of a key revoked at midnight."""
    await keys.get(key.kid, now)
    origin.document = encode_key_document([new_key()])
    clock.seconds += 8 * 3_600

    with pytest.raises(InvalidToken):
        await keys.get(key.kid, now)


async def test_a_long_pause_during_an_outage_does_not_stop_verification(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    await keys.get(key.kid, now)
    origin.is_down = True
    clock.seconds += 8 * 3_600

    assert await keys.get(key.kid, now) == key


async def test_a_removed_key_is_dropped_and_a_revoked_one_refused(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    """TK-06, KR-04: the new document replaces the old one, it is not merged."""
    await keys.get(key.kid, now)
    revoked = new_key(KeyStatus.REVOKED)
    origin.document = encode_key_document([new_key(), revoked])
    clock.seconds += 70

    with pytest.raises(InvalidToken):
        await keys.get(key.kid, now)
    with pytest.raises(InvalidToken):
        await keys.get(revoked.kid, now)

    assert origin.fetches == 2


@pytest.mark.parametrize("poison", ["empty", "no keys", "other kid", "not JSON"])
async def test_a_poisoned_document_changes_nothing_and_is_logged(
    keys: RemoteKeySet,
    origin: Origin,
    clock: MovedClock,
    key: PublishedKey,
    now: datetime,
    caplog: pytest.LogCaptureFixture,
    poison: str,
) -> None:
    """KR-08: the last good one stays."""
    await keys.get(key.kid, now)
    other = new_key()
    origin.document = {
        "empty": b"",
        "no keys": b'{"keys":[]}',
        "other kid": encode_key_document([other]).replace(other.kid.encode(), key.kid.encode()),
        "not JSON": b"<html></html>",
    }[poison]
    clock.seconds += 70

    with caplog.at_level(logging.WARNING, logger="paseport"):
        assert await keys.get(key.kid, now) == key
        with pytest.raises(Unavailable):
            await keys.get(other.kid, now)

    assert "key document not refreshed, 1 keys kept" in caplog.text


async def test_an_outage_is_survived_and_ends_with_the_next_fetch(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    """TK-06: cached keys are kept on failure, and a try follows every 10 s."""
    await keys.get(key.kid, now)
    origin.is_down = True
    clock.seconds += 60
    for _ in range(100):
        assert await keys.get(key.kid, now) == key
        await settle()
        clock.seconds += 1
    assert origin.fetches == 1 + 10

    origin.is_down = False
    rotated = new_key()
    origin.document = encode_key_document([rotated])
    clock.seconds += 10

    assert await keys.get(rotated.kid, now) == rotated
    with pytest.raises(InvalidToken):
        await keys.get(random_kid(), now)


async def test_without_a_first_document_every_kid_is_unavailable_until_it_arrives(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    """KR-08: first start with none is not ready; it recovers within a second of the issuer."""
    origin.is_down = True
    for _ in range(50):
        with pytest.raises(Unavailable):
            await keys.get(key.kid, now)
    assert origin.fetches == 1

    origin.is_down = False
    clock.seconds += 1

    assert await keys.get(key.kid, now) == key


async def test_a_fetch_that_never_answers_is_given_up(
    origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    keys = RemoteKeySet(origin.fetch, fetch_deadline=timedelta(milliseconds=10), monotonic=clock)

    async with origin.holding_back():
        with pytest.raises(Unavailable):
            await keys.get(key.kid, now)

    clock.seconds += 1
    assert await keys.get(key.kid, now) == key


@pytest.mark.parametrize(("max_age", "taken_as"), [(0, 1), (-5, 1), (float("nan"), 1), (86_400, 300)])
async def test_an_extreme_max_age_is_bounded(
    origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime, max_age: float, taken_as: int
) -> None:
    """A year in `Cache-Control` must not keep a withdrawn key alive, nor 0 make every call a fetch."""
    origin.max_age = max_age
    keys = RemoteKeySet(origin.fetch, monotonic=clock)
    await keys.get(key.kid, now)

    clock.seconds += taken_as - 0.5
    await keys.get(key.kid, now)
    await settle()
    fetches_while_fresh = origin.fetches
    clock.seconds += 0.5
    await keys.get(key.kid, now)
    await settle()

    assert (fetches_while_fresh, origin.fetches) == (1, 2)


async def test_closing_ends_a_fetch_and_whoever_waits_for_it(
    keys: RemoteKeySet, origin: Origin, clock: MovedClock, key: PublishedKey, now: datetime
) -> None:
    async with origin.holding_back():
        waiting = asyncio.create_task(keys.get(key.kid, now))
        await origin.asked.wait()

        await keys.aclose()

        with pytest.raises(Unavailable):
            await waiting
    clock.seconds += 10
    with pytest.raises(Unavailable):
        await keys.get(key.kid, now)
    assert origin.fetches == 1
