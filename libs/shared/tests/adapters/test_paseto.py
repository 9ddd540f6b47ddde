"""The PASETO adapters keep the contracts of token signer, token verifier and verification keys."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

import paseport
import pyseto
import pytest
from contracts.token_signer_verifier import (
    AUDIENCE,
    ISSUER,
    MAX_LIFETIME,
    SignMessage,
    TokenSignerVerifierContract,
    footer_of,
    message_of,
    user_claims,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport import InvalidKeyDocument, InvalidToken, KeySet, PublishedKey, RemoteKeySet
from paseport.clock import SystemClock
from paseport.key_set import encode_key_document, parse_key_document
from paseport.paserk import encode_public_key, public_key_id
from paseport.token_verifier import TokenVerifier
from paseport.v4_public import assemble, footer_for, signing_input
from paseport_shared.adapters.keyfile.key_file import KeyFile
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.adapters.paseto.key_document import KeyDocument
from paseport_shared.adapters.paseto.own_keys import OwnKeys
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import VerificationKey

MAX_AGE_SECONDS = 60.0


class Backend:
    """What a process that keeps no key asks: a key file behind a connection that can be cut."""

    def __init__(self, keys: KeyFile, outage: MemoryOutage | None = None) -> None:
        self._keys = keys
        self._outage = outage or MemoryOutage()

    async def active(self) -> VerificationKey:
        self._outage.check()
        return await self._keys.active()

    async def published(self) -> tuple[VerificationKey, ...]:
        self._outage.check()
        return await self._keys.published()

    async def find(self, kid: str) -> VerificationKey | None:
        self._outage.check()
        return await self._keys.find(kid)

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        self._outage.check()
        return await self._keys.sign(message, key_version=key_version)


class IssuerDocument:
    """The key document as an api fetches it; ``body`` is what somebody on the way put in its place."""

    def __init__(self, document: KeyDocument) -> None:
        self._document = document
        self.outage = MemoryOutage()
        self.body: bytes | None = None
        self.fetches = 0

    async def __call__(self) -> tuple[bytes, float]:
        self.fetches += 1
        self.outage.check()
        return self.body or await self._document.render(), MAX_AGE_SECONDS


def verifier_with(keys: KeySet, clock: ManualClock) -> TokenVerifier:
    return TokenVerifier(keys, issuer=ISSUER, audience=AUDIENCE, max_lifetime=MAX_LIFETIME, clock=clock)


def remote(fetch: IssuerDocument, clock: ManualClock) -> RemoteKeySet:
    return RemoteKeySet(fetch, monotonic=clock.monotonic)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def keys(tmp_path: Path, clock: ManualClock) -> KeyFile:
    return KeyFile(tmp_path / "keys.json", clock, SeededRandomness(1))


@pytest.fixture
def other_keys(tmp_path: Path, clock: ManualClock) -> KeyFile:
    """Another installation's: it calls its key version 1 too."""
    return KeyFile(tmp_path / "other-keys.json", clock, SeededRandomness(2))


@pytest.fixture
def signer(keys: KeyFile) -> PasetoTokenSigner:
    return PasetoTokenSigner(keys, keys)


@pytest.fixture
def fetch(keys: KeyFile) -> IssuerDocument:
    return IssuerDocument(KeyDocument(keys))


class PasetoContract(TokenSignerVerifierContract):
    """What does not depend on where the verifier has its keys from."""

    @pytest.fixture
    def sign_message(self, keys: KeyFile) -> SignMessage:
        async def sign(message: bytes, implicit_assertion: bytes = b"") -> str:
            footer = footer_for((await keys.active()).kid)
            signature = await keys.sign(signing_input(message, footer, implicit_assertion), key_version=1)
            return assemble(message, signature, footer)

        return sign

    @pytest.fixture
    def signer_cut_off(self, keys: KeyFile) -> PasetoTokenSigner:
        outage = MemoryOutage()
        outage.__enter__()
        return PasetoTokenSigner(keys, Backend(keys, outage))

    @pytest.fixture
    def signer_astray(self, keys: KeyFile, other_keys: KeyFile) -> PasetoTokenSigner:
        return PasetoTokenSigner(keys, other_keys)


class TestVerifierThatHoldsTheKeys(PasetoContract):
    """The issuer itself, and the embedded mode."""

    @pytest.fixture
    def verifier(self, keys: KeyFile, clock: ManualClock) -> TokenVerifier:
        return verifier_with(OwnKeys(keys), clock)

    @pytest.fixture
    def verifier_cut_off(self, keys: KeyFile, clock: ManualClock) -> TokenVerifier:
        outage = MemoryOutage()
        outage.__enter__()
        return verifier_with(OwnKeys(Backend(keys, outage)), clock)

    @pytest.fixture
    def verifier_elsewhere(self, other_keys: KeyFile, clock: ManualClock) -> TokenVerifier:
        return verifier_with(OwnKeys(other_keys), clock)


class TestVerifierThatFetchesTheKeyDocument(PasetoContract):
    """The api."""

    @pytest.fixture
    def verifier(self, fetch: IssuerDocument, clock: ManualClock) -> TokenVerifier:
        return verifier_with(remote(fetch, clock), clock)

    @pytest.fixture
    def verifier_cut_off(self, keys: KeyFile, clock: ManualClock) -> TokenVerifier:
        fetch = IssuerDocument(KeyDocument(keys))
        fetch.outage.__enter__()
        return verifier_with(remote(fetch, clock), clock)

    @pytest.fixture
    def verifier_elsewhere(self, other_keys: KeyFile, clock: ManualClock) -> TokenVerifier:
        return verifier_with(remote(IssuerDocument(KeyDocument(other_keys)), clock), clock)


# --- other people's libraries -------------------------------------------------------------------------------------


async def test_any_paseto_library_verifies_our_tokens(keys: KeyFile, signer: PasetoTokenSigner) -> None:
    """The differential: pyseto, given the published key and nothing of ours. It looks at the computer's clock."""
    token = await signer.sign(user_claims(SystemClock().now()))
    paserk = encode_public_key((await keys.active()).public_key)

    verified = pyseto.decode(pyseto.Key.from_paserk(paserk), token, deserializer=json)

    assert verified.payload == message_of(token)
    assert verified.footer == footer_of(token)
    assert pyseto.Key.from_paserk(paserk).to_paserk_id() == verified.footer["kid"]


async def test_a_token_of_any_paseto_library_with_the_issuer_s_key_is_ours(tmp_path: Path, clock: ManualClock) -> None:
    private_key = Ed25519PrivateKey.generate()
    public_key = private_key.public_key().public_bytes_raw()
    kid = public_key_id(public_key)
    theirs = pyseto.Key.from_asymmetric_key_params(4, d=private_key.private_bytes_raw())
    ours = await PasetoTokenSigner(known := KeyFile(tmp_path / "keys.json", clock, SeededRandomness()), known).sign(
        user_claims(START)
    )
    document = encode_key_document([PublishedKey(kid, public_key, paseport.KeyStatus.ACTIVE)])

    token = pyseto.encode(theirs, message_of(ours), footer=footer_for(kid), serializer=json).decode()
    fetch = IssuerDocument(KeyDocument(known))
    fetch.body = document
    claims = await verifier_with(remote(fetch, clock), clock).verify(token)

    assert (claims.subject, claims.key_id) == (user_claims(START).subject, kid)


# --- the key document ---------------------------------------------------------------------------------------------


async def test_the_document_names_the_keys_as_verifiers_read_them(keys: KeyFile) -> None:
    active = await keys.active()

    document = await KeyDocument(keys).render()

    assert json.loads(document) == {
        "keys": [
            {
                "kid": active.kid,
                "paserk": encode_public_key(active.public_key),
                "status": "active",
                "not_before": "2026-01-01T00:00:00Z",
                "not_after": None,
            }
        ]
    }
    assert set(parse_key_document(document)) == {active.kid}


async def test_the_document_is_served_as_it_last_stood_while_the_keys_do_not_answer(keys: KeyFile) -> None:
    """Design §3: an api that starts during an outage needs it too."""
    outage = MemoryOutage()
    document = KeyDocument(Backend(keys, outage))
    before = await document.render()

    with outage:
        during = await document.render()

    assert during == before


async def test_a_document_that_was_never_read_is_unavailable(keys: KeyFile) -> None:
    """KR-08: an empty one would tell verifiers that every key is gone."""
    outage = MemoryOutage()

    with outage, pytest.raises(Unavailable):
        await KeyDocument(Backend(keys, outage)).render()


# --- keys from afar -----------------------------------------------------------------------------------------------


async def test_a_key_set_that_was_never_fetched_is_unavailable_and_not_empty(
    fetch: IssuerDocument, keys: KeyFile, clock: ManualClock
) -> None:
    """TK-06: unknown would answer 401 and end a session; this is 503."""
    kid = (await keys.active()).kid
    published = remote(fetch, clock)

    with fetch.outage, pytest.raises(Unavailable):
        await published.get(kid, clock.now())
    clock.advance(1)

    assert await published.get(kid, clock.now())


async def test_known_keys_verify_on_while_the_issuer_is_down(
    fetch: IssuerDocument, keys: KeyFile, clock: ManualClock
) -> None:
    kid = (await keys.active()).kid
    published = remote(fetch, clock)
    await published.get(kid, clock.now())

    clock.advance(timedelta(days=1))
    with fetch.outage:
        assert await published.get(kid, clock.now())
        clock.advance(MAX_AGE_SECONDS)
        with pytest.raises(Unavailable):
            await published.get(public_key_id(bytes(32)), clock.now())


@pytest.mark.parametrize("poison", [b"{}", b'{"keys":[]}', b"<html>", b'{"keys":[{"kid":"k4.pid.x"}]}'])
async def test_a_poisoned_document_changes_nothing(
    fetch: IssuerDocument, keys: KeyFile, clock: ManualClock, poison: bytes
) -> None:
    """KR-08."""
    kid = (await keys.active()).kid
    published = remote(fetch, clock)
    await published.get(kid, clock.now())
    with pytest.raises(InvalidKeyDocument):
        parse_key_document(poison)

    fetch.body = poison
    clock.advance(timedelta(days=1))

    assert await published.get(kid, clock.now())
    assert fetch.fetches == 2


async def test_strangers_with_made_up_keys_cause_one_fetch(fetch: IssuerDocument, clock: ManualClock) -> None:
    """TK-06: however many ids arrive, one fetch in ten seconds."""
    published = remote(fetch, clock)
    kids = [public_key_id(number.to_bytes(32)) for number in range(100)]

    found = await asyncio.gather(*(published.get(kid, clock.now()) for kid in kids), return_exceptions=True)

    assert {type(one) for one in found} == {InvalidToken}
    assert fetch.fetches == 1


# --- signing ------------------------------------------------------------------------------------------------------


class SignerOfTheWrongLength:
    """Answers, and does not give a signature."""

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        return message[:63]


class SignerOfSomethingElse:
    """Signs with the right key, but not what it was given."""

    def __init__(self, keys: KeyFile) -> None:
        self._keys = keys

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        return await self._keys.sign(message + b" ", key_version=key_version)


async def test_a_signature_that_is_none_is_an_outage(keys: KeyFile) -> None:
    for broken in (SignerOfTheWrongLength(), SignerOfSomethingElse(keys)):
        with pytest.raises(Unavailable) as refusal:
            await PasetoTokenSigner(keys, broken).sign(user_claims(START))
        assert "does not verify" in refusal.value.reason


async def test_fractions_of_a_second_never_lengthen_a_token(keys: KeyFile, signer: PasetoTokenSigner) -> None:
    token = await signer.sign(user_claims(datetime.fromisoformat("2026-01-01T00:00:00.900000Z")))

    assert message_of(token)["exp"] == "2026-01-01T00:05:00Z"
