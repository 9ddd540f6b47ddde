"""ID tokens of the issuer: what a client is told of whom, and how its keys rotate."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from issuer_world import APP, ISSUER, IssuerWorld
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet
from paseport.clock import SystemClock
from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.sign_access_token import AccessToken, UserGrant
from paseport_issuer.use_cases.sign_id_token import SignIdToken
from paseport_issuer.use_cases.user_claims import claims_for
from paseport_shared.adapters.jose.id_token_reader import JoseIdTokenReader
from paseport_shared.adapters.jose.id_token_signer import JoseIdTokenSigner
from paseport_shared.adapters.jose.jwks_document import JwksDocument
from paseport_shared.adapters.memory.clock import START
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.token_keeper import StaticToken
from paseport_shared.adapters.vault.transit_rsa_key_holder import TransitRsaKeyHolder
from paseport_shared.adapters.vault.transit_rsa_signer import TransitRsaSigner
from paseport_shared.adapters.vault.transport import VaultAddress
from paseport_shared.domain.errors import InvalidToken, Unavailable
from paseport_shared.domain.models.id_token import RESERVED_CLAIMS, IdTokenHint, access_token_hash
from paseport_shared.domain.models.signing_key import KeyStatus, SigningKey, VerificationKey
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_testkit.harness.vault import DevVault
from vault_support import TransitKey, create_key

ACCESS_TOKEN = AccessToken("v4.public.an-access-token", timedelta(minutes=5), ("openid",))
SHOP = replace(APP, client_id="shop", first_party=False)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[IssuerWorld]:
    world = IssuerWorld(tmp_path)
    yield world
    await world.close()


def granted(user: User, *scope: str, session_id: str | None = "a-session") -> UserGrant:
    return UserGrant(
        user_id=user.id,
        user_version=user.version,
        session_id=session_id,
        family_id="a-family",
        scope=("openid", *scope),
        audience=f"{ISSUER}/userinfo",
        auth_time=START - timedelta(seconds=90.5),
        amr=("pwd",),
    )


async def read_as_a_client(token: str, document: bytes) -> dict[str, Any]:
    """Check a token with a key set, as a client does, and return its claims."""
    return jwt.decode(token, KeySet.import_key_set(json.loads(document)), algorithms=["RS256"]).claims


# --- what it says -------------------------------------------------------------------------------------------------


async def test_a_client_is_told_who_signed_in_when_how_and_in_which_session(world: IssuerWorld) -> None:
    """OIDC Core §2, §3.1.3.6."""
    alice = await world.add_user("alice")

    token = await world.use.sign_id_token(SHOP, alice, granted(alice), access_token=ACCESS_TOKEN, nonce="a nonce")

    seconds = int(START.timestamp())
    assert await read_as_a_client(token, await world.adapters.jwks_document.render()) == {
        "iss": ISSUER,
        "sub": str(alice.id),
        "aud": "shop",
        "azp": "shop",
        "exp": seconds + 300,
        "iat": seconds,
        "auth_time": seconds - 91,
        "nonce": "a nonce",
        "acr": "1",
        "amr": ["pwd"],
        "at_hash": access_token_hash(ACCESS_TOKEN.value),
        "sid": "a-session",
    }


async def test_an_id_token_lives_as_long_as_the_access_token_it_came_with(world: IssuerWorld) -> None:
    alice = await world.add_user("alice")
    short = replace(ACCESS_TOKEN, expires_in=timedelta(seconds=30))

    token = await world.use.sign_id_token(SHOP, alice, granted(alice), access_token=short)

    claims = await read_as_a_client(token, await world.adapters.jwks_document.render())
    assert claims["exp"] - claims["iat"] == 30


async def test_a_token_without_nonce_or_session_says_nothing_of_them(world: IssuerWorld) -> None:
    """OIDC Core §12.2: a refresh has no nonce. An offline family has no session to end."""
    alice = await world.add_user("alice")

    token = await world.use.sign_id_token(SHOP, alice, granted(alice, session_id=None), access_token=ACCESS_TOKEN)

    claims = await read_as_a_client(token, await world.adapters.jwks_document.render())
    assert not {"nonce", "sid"} & claims.keys()


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ((), set()),
        (("profile",), {"name", "preferred_username", "updated_at"}),
        (("email",), {"email", "email_verified"}),
        (("roles",), {"roles"}),
        (("profile", "email", "roles"), {
            "name", "preferred_username", "updated_at", "email", "email_verified", "roles",
        }),
        (("account", "admin", "offline_access"), set()),
    ],
    ids=["openid", "profile", "email", "roles", "all three", "others"],
)  # fmt: skip
async def test_a_client_is_told_what_its_scope_covers_and_no_more(
    world: IssuerWorld, scope: tuple[str, ...], names: set[str]
) -> None:
    """TE-23, OIDC Core §5.4. In the token and at userinfo alike."""
    alice = await world.add_user("alice", roles=("User", "Admin"))

    token = await world.use.sign_id_token(SHOP, alice, granted(alice, *scope), access_token=ACCESS_TOKEN)

    claims = await read_as_a_client(token, await world.adapters.jwks_document.render())
    assert claims.keys() - RESERVED_CLAIMS == names
    assert claims_for(alice, scope).keys() == names


async def test_claims_have_the_types_of_the_specification(world: IssuerWorld) -> None:
    """OIDC Core §5.1: a time is a number, ``email_verified`` a boolean, and false while nobody has proven anything."""
    alice = replace(
        await world.add_user("alice", roles=("User", "Admin")),
        display_name="Alice Example",
        updated_at=datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC),
    )

    assert claims_for(alice, ("profile", "email", "roles")) == {
        "name": "Alice Example",
        "preferred_username": "alice",
        "updated_at": 1_767_323_045,
        "email": "alice@example.com",
        "email_verified": False,
        "roles": ("Admin", "User"),
    }
    assert claims_for(replace(alice, display_name=None), ("profile",))["name"] == "alice"


async def test_no_claim_about_a_user_has_the_name_of_one_about_the_token(world: IssuerWorld) -> None:
    alice = await world.add_user("alice")

    assert not claims_for(alice, ("openid", "profile", "email", "roles")).keys() & RESERVED_CLAIMS


async def test_while_vault_is_down_there_is_no_id_token(world: IssuerWorld) -> None:
    alice = await world.add_user("alice")

    with world.outages.vault, pytest.raises(Unavailable):
        await world.use.sign_id_token(SHOP, alice, granted(alice), access_token=ACCESS_TOKEN)


async def test_an_id_token_is_no_access_token(world: IssuerWorld) -> None:
    """TK-04."""
    alice = await world.add_user("alice")
    token = await world.use.sign_id_token(APP, alice, granted(alice), access_token=ACCESS_TOKEN)

    with pytest.raises(InvalidToken):
        await world.authenticate(token)


async def test_an_id_token_of_this_issuer_comes_back_as_a_hint(world: IssuerWorld) -> None:
    """AZ-17."""
    alice = await world.add_user("alice")
    token = await world.use.sign_id_token(SHOP, alice, granted(alice), access_token=ACCESS_TOKEN)

    world.clock.advance(timedelta(days=100))

    assert await world.adapters.id_token_reader.read_hint(token) == IdTokenHint(
        subject=str(alice.id),
        client_id="shop",
        issued_at=START,
        expires_at=START + timedelta(minutes=5),
        session_id="a-session",
        auth_time=START - timedelta(seconds=91),
    )


# --- a rotation, with a real Vault --------------------------------------------------------------------------------


class Rotation:
    """One RSA key in Vault and its states on record; an issuer, and a client that keeps the key set as it may."""

    def __init__(self, world: IssuerWorld, key: TransitKey, access: VaultAccess) -> None:
        self._world = world
        self._key = key
        self._holder = TransitRsaKeyHolder(access, key.name)
        self.keys = KeepSigningKeys(
            key_name=key.name,
            record=world.record,
            holder=self._holder,
            document_max_age=world.settings.key_document_max_age,
            clock=world.clock,
            ids=NewIds(world.clock, world.randomness),
        )
        self.reader = JoseIdTokenReader(self.keys, issuer=ISSUER)
        self.document = JwksDocument(self.keys)
        self._sign = SignIdToken(ISSUER, JoseIdTokenSigner(self.keys, TransitRsaSigner(access, key.name)), world.clock)

    async def token(self) -> str:
        alice = await self._world.add_user(f"alice-{self._world.randomness.token_bytes(4).hex()}")
        return await self._sign(SHOP, alice, granted(alice), access_token=ACCESS_TOKEN)

    async def publish(self) -> None:
        """Make the next version, and put it on record as one that does not sign yet."""
        number = self._key.rotate()
        held = (await self._holder.versions())[-1]
        now = self._world.clock.now()
        # A while ago: nobody waits here.
        since = now - timedelta(minutes=5)
        key = VerificationKey(number, held.kid, held.public_key, KeyStatus.PUBLISHED, since, None, held.algorithm)

        async def add(transaction: RecordTransaction) -> None:
            await transaction.signing_keys.add(SigningKey(self._key.name, key, now))

        await self._world.record.transact(add)
        await self.keys.load()

    async def change(self, *steps: tuple[int, KeyStatus, KeyStatus]) -> None:
        async def work(transaction: RecordTransaction) -> None:
            for version, expected, status in steps:
                await transaction.signing_keys.change_status(
                    self._key.name, version, expected=expected, status=status, at=self._world.clock.now()
                )

        await self._world.record.transact(work)
        await self.keys.load()

    async def published_versions(self) -> list[int]:
        kids = [key["kid"] for key in json.loads(await self.document.render())["keys"]]
        by_kid = {held.kid: held.version for held in await self._holder.versions()}
        return [by_kid[kid] for kid in kids]


@pytest.fixture
def access(vault: DevVault) -> Iterator[tuple[TransitKey, VaultAccess]]:
    key = create_key(vault, "rsa-2048")
    access = VaultAccess(VaultAddress(vault.url), StaticToken(key.token()), SystemClock())
    yield key, access
    access.close()


@pytest.fixture
async def rotation(world: IssuerWorld, access: tuple[TransitKey, VaultAccess]) -> Rotation:
    rotation = Rotation(world, *access)
    await rotation.keys.load()
    return rotation


async def test_a_client_with_a_cached_key_set_goes_through_a_rotation(rotation: Rotation) -> None:
    """KR-07, KR-01: both keys are in the set before the new one signs, so a set that is one max-age old checks it."""
    first = await rotation.token()
    await rotation.publish()
    cached = await rotation.document.render()
    before_activation = await rotation.token()
    await rotation.change((1, KeyStatus.ACTIVE, KeyStatus.RETIRING), (2, KeyStatus.PUBLISHED, KeyStatus.ACTIVE))
    after_activation = await rotation.token()

    for token in (first, before_activation, after_activation):
        await read_as_a_client(token, cached)
        await read_as_a_client(token, await rotation.document.render())
    assert [kid_of(token) for token in (first, before_activation)] == [kid_of(first)] * 2
    assert kid_of(after_activation) != kid_of(first)
    assert await rotation.published_versions() == [1, 2]


async def test_a_retired_key_leaves_the_set_and_still_recognises_hints(rotation: Rotation) -> None:
    """KR-07, AZ-17, design §3: whoever signed in before the rotation can be signed out after it."""
    token = await rotation.token()
    await rotation.publish()
    await rotation.change((1, KeyStatus.ACTIVE, KeyStatus.RETIRING), (2, KeyStatus.PUBLISHED, KeyStatus.ACTIVE))
    await rotation.change((1, KeyStatus.RETIRING, KeyStatus.RETIRED))

    assert await rotation.published_versions() == [2]
    assert await rotation.reader.read_hint(token) is not None
    with pytest.raises(InvalidKeyIdError):
        await read_as_a_client(token, await rotation.document.render())


async def test_a_revoked_key_leaves_the_set_recognises_nothing_and_signs_nothing(rotation: Rotation) -> None:
    """KR-07, KR-04: at once, and the next version takes over when somebody activates it."""
    token = await rotation.token()
    await rotation.publish()
    await rotation.change((1, KeyStatus.ACTIVE, KeyStatus.REVOKED))

    assert await rotation.published_versions() == [2]
    assert await rotation.reader.read_hint(token) is None
    with pytest.raises(Unavailable):
        await rotation.token()

    await rotation.change((2, KeyStatus.PUBLISHED, KeyStatus.ACTIVE))
    assert await rotation.reader.read_hint(await rotation.token()) is not None


async def test_a_rotation_in_vault_alone_changes_nothing(
    rotation: Rotation, access: tuple[TransitKey, VaultAccess]
) -> None:
    """KR-02: the token names version 1, so version 1 signs; nobody has published the other."""
    before = await rotation.token()

    access[0].rotate()
    await rotation.keys.load()
    after = await rotation.token()

    assert kid_of(after) == kid_of(before)
    assert await rotation.published_versions() == [1]


def kid_of(token: str) -> str:
    header = token.partition(".")[0]
    kid = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    assert isinstance(kid, str)
    return kid
