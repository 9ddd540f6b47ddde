"""Tokens that were verified before: what is skipped for them and what never is (abuse cases TK, KR-04)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport import Claims, InvalidToken, KeyStatus, PublishedKey, StaticKeySet, Unavailable
from paseport.token_cache import TokenCache
from paseport.token_verifier import TokenVerifier
from paseport_shared.adapters.memory.clock import ManualClock

AUDIENCE = "https://auth.example.com/api"
Sign = Callable[[bytes], str]


class Keys:
    """A key set whose keys change, or cannot be had."""

    def __init__(self, key: PublishedKey) -> None:
        self.set = StaticKeySet([key])
        self.is_away = False
        self.fetched = 0

    async def get(self, kid: str, now: datetime) -> PublishedKey:
        self.fetched += 1
        if self.is_away:
            raise Unavailable("nobody answers")
        return await self.set.get(kid, now)

    def known(self, kid: str, now: datetime) -> PublishedKey | None:
        return None if self.is_away else self.set.known(kid, now)


@pytest.fixture
def keys(published_key: PublishedKey) -> Keys:
    return Keys(published_key)


@pytest.fixture
def clock(now: datetime) -> ManualClock:
    return ManualClock(now)


@pytest.fixture
def cache() -> TokenCache:
    return TokenCache()


@pytest.fixture
def tokens(keys: Keys, cache: TokenCache, clock: ManualClock) -> TokenVerifier:
    return verifier_for(AUDIENCE, keys, cache, clock)


def verifier_for(audience: str, keys: Keys, cache: TokenCache, clock: ManualClock) -> TokenVerifier:
    return TokenVerifier(
        keys,
        issuer="https://auth.example.com",
        audience=audience,
        max_lifetime=timedelta(hours=1),
        clock=clock,
        cache=cache,
    )


async def test_a_token_is_recalled_only_after_it_was_verified(
    tokens: TokenVerifier, valid_token: str, user_claims: Claims
) -> None:
    assert tokens.recall(valid_token) is None

    assert await tokens.verify(valid_token) == user_claims

    assert tokens.recall(valid_token) == user_claims


async def test_what_fails_never_enters(tokens: TokenVerifier, cache: TokenCache, valid_token: str, sign: Sign) -> None:
    for refused in ("", "x", valid_token[:-1], valid_token + "A", sign(b"{}")):
        with pytest.raises(InvalidToken):
            await tokens.verify(refused)

    assert len(cache) == 0


async def test_another_spelling_of_a_verified_token_is_not_found(tokens: TokenVerifier, valid_token: str) -> None:
    """TK-11, TK-13: the gate stands before the cache; here no string but the one that passed it has an entry."""
    await tokens.verify(valid_token)

    for other in (valid_token + "=", " " + valid_token, valid_token + "\n", valid_token.upper(), valid_token[:-1]):
        assert tokens.recall(other) is None


async def test_a_token_that_expires_meanwhile_is_refused(
    tokens: TokenVerifier, cache: TokenCache, clock: ManualClock, valid_token: str
) -> None:
    """TK-08: no leeway, cached or not."""
    await tokens.verify(valid_token)
    clock.advance(timedelta(minutes=5, seconds=-1))
    assert tokens.recall(valid_token) is not None

    clock.advance(1)

    with pytest.raises(InvalidToken):
        tokens.recall(valid_token)
    assert len(cache) == 0


async def test_a_clock_that_is_set_back_makes_a_cached_token_too_early(
    tokens: TokenVerifier, clock: ManualClock, valid_token: str, now: datetime
) -> None:
    """FT-17."""
    await tokens.verify(valid_token)

    clock.set_wall_clock(now - timedelta(seconds=31))

    with pytest.raises(InvalidToken):
        tokens.recall(valid_token)


@pytest.mark.parametrize("status", [KeyStatus.RETIRED, KeyStatus.REVOKED])
async def test_a_token_whose_key_no_longer_counts_is_verified_anew_and_refused(
    tokens: TokenVerifier, keys: Keys, valid_token: str, published_key: PublishedKey, status: KeyStatus
) -> None:
    """KR-04."""
    await tokens.verify(valid_token)

    keys.set = StaticKeySet([replace(published_key, status=status)])

    assert tokens.recall(valid_token) is None
    with pytest.raises(InvalidToken):
        await tokens.verify(valid_token)


async def test_a_key_that_left_the_document_takes_its_tokens_along(
    tokens: TokenVerifier, keys: Keys, valid_token: str
) -> None:
    await tokens.verify(valid_token)

    keys.set = StaticKeySet([])

    assert tokens.recall(valid_token) is None


async def test_what_was_verified_for_one_audience_is_not_known_for_another(
    tokens: TokenVerifier, keys: Keys, cache: TokenCache, clock: ManualClock, valid_token: str
) -> None:
    """TK-15."""
    await tokens.verify(valid_token)

    other = verifier_for("https://elsewhere.example.com", keys, cache, clock)

    assert other.recall(valid_token) is None
    with pytest.raises(InvalidToken):
        await other.verify(valid_token)


async def test_a_recalled_token_asks_for_no_key(tokens: TokenVerifier, keys: Keys, valid_token: str) -> None:
    await tokens.verify(valid_token)

    for _ in range(10):
        tokens.recall(valid_token)

    assert keys.fetched == 1


# --- bounded, and not to be emptied by strangers ---------------------------------------------------------------------


def entries(cache: TokenCache, claims: Claims, names: range) -> list[bytes]:
    digests = [cache.digest(f"token-{number}", AUDIENCE) for number in names]
    for digest in digests:
        cache.add(digest, claims)
    return digests


def test_it_keeps_no_more_than_it_was_told(user_claims: Claims) -> None:
    cache = TokenCache(10)

    entries(cache, user_claims, range(1_000))

    assert len(cache) <= 10


def test_tokens_in_use_stay_while_a_flood_of_others_is_seen_once(user_claims: Claims) -> None:
    cache = TokenCache(100)
    in_use = entries(cache, user_claims, range(10))
    for digest in in_use:
        assert cache.find(digest) is not None

    entries(cache, user_claims, range(1_000, 100_000))

    assert all(cache.find(digest) is not None for digest in in_use)


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_the_smallest_caches_work(user_claims: Claims, size: int) -> None:
    cache = TokenCache(size)

    for digest in entries(cache, user_claims, range(20)):
        cache.find(digest)

    assert 1 <= len(cache) <= size


def test_a_cache_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        TokenCache(0)


@given(st.text(), st.text(), st.text(), st.text())
def test_two_pairs_of_token_and_audience_never_go_by_one_name(
    token: str, audience: str, other_token: str, other_audience: str
) -> None:
    """An audience has no NUL: whatever follows the first one is the token."""
    cache = TokenCache()
    audience, other_audience = audience.replace("\0", ""), other_audience.replace("\0", "")
    same = (token, audience) == (other_token, other_audience)

    assert (cache.digest(token, audience) == cache.digest(other_token, other_audience)) == same


def test_two_processes_have_different_names_for_one_token() -> None:
    assert TokenCache().digest("token", AUDIENCE) != TokenCache().digest("token", AUDIENCE)
