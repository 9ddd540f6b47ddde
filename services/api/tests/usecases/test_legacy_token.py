"""Keys that other systems handed out, by their text."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from blake3 import blake3
from paseport.errors import Unavailable
from paseport.revocation import Revocation, RevocationKind
from paseport.revocation_list import RevocationList
from paseport.secret import Secret
from paseport_api.use_cases.api_key_copies import ApiKeyCopies
from paseport_api.use_cases.find_api_key import FindApiKey
from paseport_api.use_cases.legacy_token import FindLegacyToken
from paseport_shared.adapters.blake3.keyed_digest import keyed_blake3_digest
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.models.api_key import ApiKey, DeletedApiKey
from paseport_shared.domain.models.legacy_token import sha256_digest

PEPPER = Secret("the pepper of the service that was here before")
SALT = Secret("5a" * 32)
TEXT = "any-text the old service made: \N{SNOWMAN}"
OWNER = UUID("01900000-0000-7000-8000-00000000a11c")


def digest_of(text: str) -> str:
    """What the FastAPI service stored: SHA-256 of text and pepper."""
    return hashlib.sha256(f"{text}{PEPPER.reveal()}".encode()).hexdigest()


class Counting(MemoryApiKeyDirectory):
    """A directory that notes what it was asked."""

    def __init__(self, outage: MemoryOutage) -> None:
        super().__init__(outage)
        self.asked: list[str] = []

    async def find(self, key_id: str) -> ApiKey | None:
        self.asked.append(key_id)
        return await super().find(key_id)

    async def find_legacy(self, digest: str) -> ApiKey | None:
        self.asked.append(digest)
        return await super().find_legacy(digest)


class World:
    """One worker of an api: what it remembers, the directory, and the issuer, who has the record."""

    def __init__(self, clock: ManualClock, revocations: RevocationList, *, remembered: int = 100) -> None:
        self.clock = clock
        self.revocations = revocations
        self.redis, self.issuer_is_away = MemoryOutage(), MemoryOutage()
        self.directory, self.issuer = Counting(self.redis), Counting(self.issuer_is_away)
        find = FindApiKey(self.directory, self.issuer, clock)
        copies = ApiKeyCopies(find, clock)
        revocations.listen(copies)
        digests = (sha256_digest(PEPPER), keyed_blake3_digest(SALT))
        self.legacy = FindLegacyToken(digests, find, copies, clock, remembered=remembered)

    def key(self, number: int = 1, text: str = TEXT, **changes: object) -> ApiKey:
        now = self.clock.now()
        key = ApiKey(
            id=f"key{number:013}",
            owner_id=OWNER,
            name="moved in",
            legacy_digest=digest_of(text),
            created_at=now,
            updated_at=now,
        )
        return replace(key, **changes)  # type: ignore[arg-type] - a test may change any field


@pytest.fixture
def world(clock: ManualClock, revocations: RevocationList) -> World:
    return World(clock, revocations)


async def test_the_text_of_the_old_service_finds_its_key(world: World) -> None:
    await world.directory.put([world.key()])

    found = await world.legacy.find(TEXT)

    assert found is not None
    assert found.id == world.key().id
    assert await world.legacy.find(f"{TEXT}x") is None
    assert await world.legacy.find(digest_of(TEXT)) is None, "the digest itself is no credential"


async def test_the_text_of_the_valkey_service_finds_its_key(world: World) -> None:
    """Its records are BLAKE3 keyed with one salt for all of them, so a text can be looked up."""
    text = "A" * 32
    made_there = blake3(text.encode(), key=bytes.fromhex(SALT.reveal())).hexdigest()
    await world.directory.put([world.key(legacy_digest=made_there)])

    found = await world.legacy.find(text)

    assert found is not None
    assert found.legacy_digest == made_there


async def test_a_key_that_was_found_is_a_copy_from_then_on(world: World) -> None:
    """Performance §8: nothing is asked where nothing was heard."""
    await world.directory.put([world.key()])
    await world.legacy.find(TEXT)
    await world.legacy.find(TEXT)
    world.directory.asked.clear()

    for _ in range(10):
        assert await world.legacy.find(TEXT) is not None

    assert world.directory.asked == []


async def test_a_revoked_key_is_none_as_soon_as_the_feed_has_named_it(world: World) -> None:
    """FA-16."""
    key = world.key()
    await world.directory.put([key])
    for _ in range(2):
        assert await world.legacy.find(TEXT) is not None

    await world.directory.put([DeletedApiKey(key.id, 2, key.legacy_digest)])
    soon = world.clock.now() + timedelta(hours=1)
    world.revocations.learn(Revocation(RevocationKind.API_KEY, key.id, 2, world.clock.now(), soon))

    assert await world.legacy.find(TEXT) is None


async def test_without_redis_the_own_copy_counts_and_the_issuer_is_asked(world: World) -> None:
    known, unknown = world.key(), world.key(2, "another")
    await world.directory.put([known])
    await world.issuer.put([known, unknown])
    for _ in range(2):
        await world.legacy.find(TEXT)

    with world.redis:
        assert await world.legacy.find(TEXT) is not None
        assert await world.legacy.find("another") is not None
        with world.issuer_is_away:
            assert await world.legacy.find(TEXT) is not None, "the copy is current"
            with pytest.raises(Unavailable):
                await world.legacy.find("a third")


async def test_a_miss_is_final_only_where_the_directory_is_complete(world: World) -> None:
    """Design §5: a miss without marker is the issuer's to answer, and never allows."""
    await world.issuer.put([world.key()])
    assert await world.legacy.find(TEXT) is not None

    with world.issuer_is_away:
        with pytest.raises(Unavailable):
            await world.legacy.find("unknown")
        await world.directory.mark_complete()
        assert await world.legacy.find("unknown") is None


async def test_guesses_are_noted_for_a_second_and_drive_out_no_key(
    clock: ManualClock, revocations: RevocationList
) -> None:
    """FA-18: what is remembered of those who guess is bounded, and apart from what is remembered of keys."""
    world = World(clock, revocations, remembered=2)
    await world.directory.mark_complete()
    await world.directory.put([world.key()])
    await world.legacy.find(TEXT)
    for number in range(5_000):
        assert await world.legacy.find(f"guess {number}") is None
    world.directory.asked.clear()

    assert await world.legacy.find("guess 4999") is None
    assert world.directory.asked == []
    assert await world.legacy.find(TEXT) is not None
    assert world.directory.asked == [world.key().id], "it was remembered which key it is"

    world.directory.asked.clear()
    clock.advance(timedelta(seconds=1))
    await world.legacy.find("guess 4999")
    assert world.directory.asked != []


async def test_what_is_remembered_is_bounded(clock: ManualClock, revocations: RevocationList) -> None:
    world = World(clock, revocations, remembered=3)
    await world.directory.put([world.key(number, f"text {number}") for number in range(10)])

    for number in range(10):
        assert await world.legacy.find(f"text {number}") is not None

    assert len(world.legacy) == 3


@pytest.mark.parametrize("salt", ["", "5a" * 31, "5a" * 33, "x" * 64])
def test_a_salt_that_is_none_is_refused(salt: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        keyed_blake3_digest(Secret(salt))
