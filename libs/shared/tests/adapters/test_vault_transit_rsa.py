"""Transit signs ID tokens and shows their keys: on a real Vault, and where something else answers in its place."""

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from contracts.key_holder import RemoteKeyHolderContract
from contracts.rsa_signer import RsaSignerContract, check_signature
from contracts.support import Unreachable
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from paseport.clock import SystemClock
from paseport.secret import Secret
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.token_keeper import Credential, StaticToken
from paseport_shared.adapters.vault.transit_rsa_key_holder import TransitRsaKeyHolder
from paseport_shared.adapters.vault.transit_rsa_signer import TransitRsaSigner
from paseport_shared.adapters.vault.transport import VaultAddress
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.rsa_public_key import RsaPublicKey
from paseport_shared.domain.models.signing_key import HeldKeyVersion, KeyAlgorithm, KeyStatus, VerificationKey
from paseport_testkit.harness.ports import free_port
from paseport_testkit.harness.vault import Vault
from rsa_samples import private_key
from vault_support import Reply, StubServer, TransitKey, always, create_key, stub_server

ID_KEY = "paseport-id"
ANY_TOKEN = StaticToken(Secret("a token that only this test knows"))
SIGNATURE = base64.b64encode(bytes(256)).decode()

Open = Callable[..., VaultAccess]


@pytest.fixture
def open_access() -> Iterator[Open]:
    opened = []

    def open_one(url: str, credential: Credential = ANY_TOKEN) -> VaultAccess:
        opened.append(VaultAccess(VaultAddress(url), credential, SystemClock()))
        return opened[-1]

    yield open_one
    for access in opened:
        access.close()


@pytest.fixture
def transit_key(vault: Vault) -> TransitKey:
    return create_key(vault, "rsa-2048")


@pytest.fixture
def access(open_access: Open, vault: Vault, transit_key: TransitKey) -> VaultAccess:
    return open_access(vault.url, StaticToken(transit_key.token()))


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    """Answers every request with a signature of version 1."""
    async with stub_server(always(signed("vault:v1:" + SIGNATURE))) as stub:
        yield stub


def signed(signature: object) -> Reply:
    return Reply.of({"data": {"signature": signature}})


def verification_key(held: HeldKeyVersion) -> VerificationKey:
    return VerificationKey(
        held.version, held.kid, held.public_key, KeyStatus.ACTIVE, held.created_at, None, held.algorithm
    )


class TestTransitRsaSigner(RsaSignerContract):
    """The version that signs is not the newest one: Vault left alone would take the other."""

    @pytest.fixture
    async def key(self, access: VaultAccess, transit_key: TransitKey) -> VerificationKey:
        transit_key.rotate()
        first, _ = await TransitRsaKeyHolder(access, transit_key.name).versions()
        return verification_key(first)

    @pytest.fixture
    def rsa_signer(self, access: VaultAccess, transit_key: TransitKey) -> TransitRsaSigner:
        return TransitRsaSigner(access, transit_key.name)

    @pytest.fixture
    def unreachable_signer(self, open_access: Open) -> TransitRsaSigner:
        return TransitRsaSigner(open_access(f"http://127.0.0.1:{free_port()}"), ID_KEY)


class TestTransitRsaKeyHolder(RemoteKeyHolderContract):
    algorithm = KeyAlgorithm.RS256

    @pytest.fixture
    def holder(self, vault: Vault, open_access: Open, transit_key: TransitKey) -> TransitRsaKeyHolder:
        return TransitRsaKeyHolder(open_access(vault.url, StaticToken(transit_key.maker_token())), transit_key.name)

    @pytest.fixture
    def unreachable(self, vault: Vault) -> Unreachable:
        @asynccontextmanager
        async def paused() -> AsyncIterator[None]:
            vault.pause()
            try:
                yield
            finally:
                vault.resume()

        return paused()


# --- on a real Vault ----------------------------------------------------------------------------------------------


async def test_the_issuer_s_policy_covers_its_key_and_no_more(vault: Vault, open_access: Open) -> None:
    """docker/vault/issuer-policy.hcl: sign and read, as the issuer asks for it."""
    access = open_access(vault.url, StaticToken(Secret(vault.token())))

    held = (await TransitRsaKeyHolder(access, ID_KEY).versions())[-1]
    signature = await TransitRsaSigner(access, ID_KEY).sign(b"a message", key_version=held.version)

    check_signature(verification_key(held), signature, b"a message")
    other = create_key(vault, "rsa-2048")
    with pytest.raises(Unavailable) as refusal:
        await TransitRsaSigner(access, other.name).sign(b"a message", key_version=1)
    assert "Vault refuses the token" in refusal.value.reason


async def test_a_larger_key_signs_too(vault: Vault, open_access: Open) -> None:
    larger = create_key(vault, "rsa-3072")
    access = open_access(vault.url, StaticToken(larger.token()))

    (held,) = await TransitRsaKeyHolder(access, larger.name).versions()
    signature = await TransitRsaSigner(access, larger.name).sign(b"a message", key_version=1)

    assert len(signature) == 384
    check_signature(verification_key(held), signature, b"a message")


async def test_a_version_that_does_not_exist_yet_is_no_outage_of_vault(
    access: VaultAccess, transit_key: TransitKey
) -> None:
    signer = TransitRsaSigner(access, transit_key.name)

    for _ in range(20):
        with pytest.raises(Unavailable):
            await signer.sign(b"a message", key_version=2)

    assert not access.is_spared
    assert len(await signer.sign(b"a message", key_version=1)) == 256


@pytest.mark.parametrize("kind", ["ed25519", "aes256-gcm96", "ecdsa-p256"])
async def test_a_key_of_another_type_is_no_id_token_key(vault: Vault, open_access: Open, kind: str) -> None:
    """The two names in the settings the wrong way round."""
    other = create_key(vault, kind)
    access = open_access(vault.url, StaticToken(other.token()))

    with pytest.raises(Unavailable):
        await TransitRsaKeyHolder(access, other.name).versions()
    with pytest.raises(Unavailable):
        await TransitRsaSigner(access, other.name).sign(b"a message", key_version=1)


# --- what answers in Vault's place --------------------------------------------------------------------------------


async def test_what_is_asked_of_vault_names_version_hash_and_scheme(stub: StubServer, open_access: Open) -> None:
    """Left out, Vault takes the newest version and PSS."""
    await TransitRsaSigner(open_access(stub.url), ID_KEY, "engines/transit").sign(b"a message", key_version=1)

    (request,) = stub.requests
    assert request.path == f"/v1/engines/transit/sign/{ID_KEY}"
    assert msgspec.json.decode(request.body) == {
        "input": base64.b64encode(b"a message").decode(),
        "key_version": 1,
        "hash_algorithm": "sha2-256",
        "signature_algorithm": "pkcs1v15",
    }


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (signed("vault:v2:" + SIGNATURE), "version 2 instead of 1"),
        (signed("vault:v01:" + SIGNATURE), "not an RSA signature"),
        (signed("vault:v1:" + base64.b64encode(bytes(64)).decode()), "not an RSA signature"),
        (signed("vault:v1:" + base64.b64encode(bytes(255)).decode()), "not an RSA signature"),
        (signed("vault:v1:" + base64.b64encode(bytes(513)).decode()), "not an RSA signature"),
        (signed("vault:v1:" + SIGNATURE[:-1]), "not an RSA signature"),
        (signed("vault:v1:" + SIGNATURE + "\n"), "not an RSA signature"),
        (signed("v1:" + SIGNATURE), "not an RSA signature"),
        (signed(None), "not readable"),
        (Reply(200, b"<html>Welcome</html>"), "not readable"),
        (Reply(204, b""), "not readable"),
    ],
)
async def test_an_answer_that_is_not_the_signature_asked_for_is_refused(
    stub: StubServer, open_access: Open, answer: Reply, reason: str
) -> None:
    """KR-02: of another version, of another length, or no signature at all."""
    stub.answer = always(answer)

    with pytest.raises(Unavailable) as refusal:
        await TransitRsaSigner(open_access(stub.url), ID_KEY).sign(b"a message", key_version=1)

    assert reason in refusal.value.reason


def pem(public_key: Any) -> str:
    encoded: bytes = public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded.decode()


def shown(public_key: object) -> dict[str, object]:
    return {"1": {"public_key": public_key, "creation_time": "2026-01-01T00:00:00Z"}}


@pytest.mark.parametrize(
    "keys",
    [
        dict,
        lambda: shown("not PEM"),
        lambda: shown(base64.b64encode(bytes(32)).decode()),
        lambda: shown(pem(ec.generate_private_key(ec.SECP256R1()).public_key())),
        lambda: shown(pem(private_key(1, 1024).public_key())),
        lambda: shown(pem(rsa.generate_private_key(3, 2048).public_key())),
        lambda: {"first": shown(pem(private_key(1).public_key()))["1"]},
        lambda: {"1": 1767225600},
    ],
    ids=["none", "junk", "Ed25519", "ECDSA", "1,024 bits", "exponent 3", "a version without number", "a time"],
)
async def test_keys_that_are_none_are_unavailable(
    stub: StubServer, open_access: Open, keys: Callable[[], object]
) -> None:
    """KR-08: an empty or poisoned set is not taken for the keys."""
    stub.answer = always(Reply.of({"data": {"type": "rsa-2048", "keys": keys()}}))

    with pytest.raises(Unavailable):
        await TransitRsaKeyHolder(open_access(stub.url), ID_KEY).versions()


async def test_the_keys_above_would_be_keys_otherwise(stub: StubServer, open_access: Open) -> None:
    stub.answer = always(Reply.of({"data": {"type": "rsa-2048", "keys": shown(pem(private_key(1).public_key()))}}))

    (held,) = await TransitRsaKeyHolder(open_access(stub.url), ID_KEY).versions()

    assert RsaPublicKey.from_bytes(held.public_key).modulus == private_key(1).public_key().public_numbers().n
