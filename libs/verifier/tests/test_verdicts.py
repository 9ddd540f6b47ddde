"""A verdict of a moment ago: when it is used again, and everything that ends it (abuse cases TK, KR-04, FT-08)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from paseport import Claims, InvalidToken, KeyStatus, PublishedKey, StaticKeySet, Unavailable
from paseport.authenticate_bearer import LOOK_AGAIN_SECONDS, VERDICTS_KEPT, AuthenticateBearer
from paseport.claims_json import encode_claims
from paseport.find_subject import FindSubject
from paseport.revocation import (
    FeedChange,
    FeedPosition,
    FeedSnapshot,
    Revocation,
    RevocationKind,
    SubjectChange,
)
from paseport.revocation_list import STALE_AFTER_SECONDS, RevocationList
from paseport.subject import SubjectState
from paseport.subject_copies import SubjectCopies
from paseport.token_cache import TokenCache
from paseport.token_verifier import TokenVerifier
from paseport_shared.adapters.memory.clock import ManualClock

SIGNED_OUT = RevocationKind.SESSION


class Keys:
    """A key set whose one key changes its state."""

    def __init__(self, key: PublishedKey) -> None:
        self.key = key

    async def get(self, kid: str, now: datetime) -> PublishedKey:
        return await StaticKeySet([self.key]).get(kid, now)

    def known(self, kid: str, now: datetime) -> PublishedKey | None:
        return StaticKeySet([self.key]).known(kid, now)


class World:
    """A verifier with everything in memory, and somebody who asks it again and again with one token."""

    def __init__(self, claims: Claims, key: PublishedKey, token: str, now: datetime) -> None:
        self.claims, self.token = claims, token
        self.clock = ManualClock(now)
        self.keys = Keys(key)
        self.state = SubjectState(UUID(claims.subject), "alice", frozenset({"User"}), True, 3, 1)
        self.revocations = RevocationList(self.clock)
        self.revocations.merge(FeedSnapshot(FeedPosition(1, 0), ()))
        copies = SubjectCopies(FindSubject(None, self, self.clock), self.clock)
        self.revocations.listen(copies)
        tokens = TokenVerifier(
            self.keys,
            issuer=claims.issuer,
            audience=claims.audience,
            max_lifetime=timedelta(hours=1),
            clock=self.clock,
            cache=TokenCache(),
        )
        self.bearer = AuthenticateBearer(tokens, self.revocations, copies, self.clock)

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        return self.state

    async def known(self) -> None:
        """The token was presented before, and there is a verdict."""
        await self.bearer(self.token)
        assert self.bearer.verdict(self.token) is self.bearer.verdict(self.token)

    def hears(self, what: Revocation | SubjectChange) -> None:
        self.revocations.apply((FeedChange(FeedPosition(1, self.revocations.revision + 1), what),))

    def heartbeat(self) -> None:
        self.revocations.apply(())

    def revoke(self, kind: RevocationKind, subject: str, min_version: int | None = None) -> Revocation:
        now = self.clock.now()
        return Revocation(kind, subject, min_version, now, now + timedelta(minutes=10))


@pytest.fixture
async def world(user_claims: Claims, published_key: PublishedKey, valid_token: str, now: datetime) -> World:
    world = World(user_claims, published_key, valid_token, now)
    await world.known()
    return world


async def test_a_verdict_is_used_again_while_nothing_was_heard(world: World) -> None:
    before = world.bearer.verdict(world.token)

    world.heartbeat()
    world.clock.advance(LOOK_AGAIN_SECONDS / 2)

    assert world.bearer.verdict(world.token) is before
    assert world.bearer.recall(world.token) == await world.bearer(world.token)


async def test_it_is_made_anew_after_a_moment_whatever_was_heard(world: World) -> None:
    """The backstop: a key document has to be fetched now and then, and a copy grows old by itself."""
    before = world.bearer.verdict(world.token)

    world.clock.advance(LOOK_AGAIN_SECONDS)

    after = world.bearer.verdict(world.token)
    assert after is not before
    assert after is not None


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (RevocationKind.TOKEN, "token_id"),
        (RevocationKind.FAMILY, "family_id"),
        (RevocationKind.SESSION, "session_id"),
        (RevocationKind.KEY, "key_id"),
    ],
)
async def test_a_revocation_ends_it_at_once(world: World, kind: RevocationKind, name: str) -> None:
    """TK-23, KR-04."""
    world.hears(world.revoke(kind, getattr(world.claims, name)))

    with pytest.raises(InvalidToken):
        world.bearer.verdict(world.token)


@pytest.mark.parametrize(
    "take",
    [
        lambda world, revocation: world.hears(revocation),
        lambda world, revocation: world.revocations.learn(revocation),
        lambda world, revocation: world.revocations.merge(FeedSnapshot(FeedPosition(2, 0), (revocation,))),
        lambda world, revocation: world.revocations.merge_page(FeedSnapshot(FeedPosition(2, 0), (revocation,), "1")),
    ],
    ids=["increment", "own", "snapshot", "page"],
)
async def test_it_does_not_matter_how_a_revocation_came(
    world: World, take: Callable[[World, Revocation], None]
) -> None:
    take(world, world.revoke(RevocationKind.USER, world.claims.subject, 4))

    with pytest.raises(InvalidToken):
        world.bearer.verdict(world.token)


async def test_another_s_revocation_changes_nothing_for_this_caller(world: World) -> None:
    world.hears(world.revoke(SIGNED_OUT, "somebody-else"))

    assert world.bearer.recall(world.token) is not None


@pytest.mark.parametrize("change", ["named", "everybody", "snapshot"])
async def test_changed_roles_are_asked_for(world: World, change: str) -> None:
    """P3."""
    world.state = replace(world.state, roles=frozenset({"Admin"}), revision=2)

    if change == "snapshot":
        world.revocations.merge(FeedSnapshot(FeedPosition(2, 0), ()))
    else:
        world.hears(SubjectChange(world.claims.subject if change == "named" else None))

    assert world.bearer.verdict(world.token) is None
    assert (await world.bearer(world.token)).roles == {"Admin"}


async def test_a_feed_that_is_stale_refuses_whoever_was_let_in_a_moment_ago(world: World) -> None:
    """FT-08: the verdict is young, the feed is not."""
    world.clock.advance(STALE_AFTER_SECONDS)
    assert world.bearer.verdict(world.token) is not None

    world.clock.advance(0.001)

    with pytest.raises(Unavailable):
        world.bearer.verdict(world.token)


async def test_it_ends_with_the_token_to_the_second(world: World) -> None:
    """TK-08: no leeway."""
    world.clock.advance(timedelta(minutes=5) - timedelta(milliseconds=1))
    world.heartbeat()
    await world.known()

    world.clock.advance(0.001)

    with pytest.raises(InvalidToken):
        world.bearer.verdict(world.token)


async def test_a_clock_that_was_set_back_makes_the_token_too_early_again(world: World, now: datetime) -> None:
    """FT-17."""
    world.clock.set_wall_clock(now - timedelta(seconds=31))

    with pytest.raises(InvalidToken):
        world.bearer.verdict(world.token)


async def test_a_key_that_no_longer_counts_ends_it_within_a_moment(world: World) -> None:
    """A new key document; an emergency is told by the feed, at once."""
    world.keys.key = replace(world.keys.key, status=KeyStatus.RETIRED)

    world.clock.advance(LOOK_AGAIN_SECONDS)

    assert world.bearer.verdict(world.token) is None
    with pytest.raises(InvalidToken):
        await world.bearer(world.token)


async def test_answers_made_from_a_verdict_go_with_it(world: World) -> None:
    verdict = world.bearer.verdict(world.token)
    assert verdict is not None
    verdict.answers["/whoami"] = b"alice"
    world.hears(world.revoke(SIGNED_OUT, "somebody-else"))

    after = world.bearer.verdict(world.token)

    assert after is not None
    assert after.answers == {}


async def test_nobody_is_recalled_from_a_cache_that_forgot(world: World, sign: Callable[[bytes], str]) -> None:
    other = sign(encode_claims(replace(world.claims, token_id="another")))

    assert world.bearer.verdict(other) is None


async def test_only_the_latest_verdicts_are_kept(world: World, sign: Callable[[bytes], str]) -> None:
    """A verdict costs more memory than what is remembered of a token, and is found by the token itself."""
    first = world.bearer.verdict(world.token)
    for number in range(VERDICTS_KEPT):
        token = sign(encode_claims(replace(world.claims, token_id=f"another-{number}")))
        await world.bearer(token)
        assert world.bearer.verdict(token) is not None

    again = world.bearer.verdict(world.token)

    assert again is not None
    assert again is not first
