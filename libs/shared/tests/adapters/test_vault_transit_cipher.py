"""Transit seals secrets: on a real Vault, and where something else answers in its place."""

import base64
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from contracts.data_cipher import OWNER, PLAIN, PURPOSE, RemoteDataCipherContract, open_, seal
from contracts.support import Unreachable
from paseport.clock import SystemClock
from paseport.secret import Secret
from paseport.v4_public import pre_auth_encode
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.token_keeper import Credential, StaticToken
from paseport_shared.adapters.vault.transit_cipher import TransitCipher
from paseport_shared.adapters.vault.transport import VaultAddress
from paseport_shared.domain.errors import Unavailable
from paseport_testkit.harness.vault import DATA_KEY, MOUNT_PATH, Vault
from vault_support import Reply, StubServer, always, stub_server

ANY_TOKEN = StaticToken(Secret("a token that only this test knows"))
CIPHERTEXT = "vault:v1:" + base64.b64encode(bytes(28)).decode()

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
def access(vault: Vault, open_access: Open) -> VaultAccess:
    """As the issuer has it: its policy covers the product's key and no other one."""
    return open_access(vault.url, StaticToken(Secret(vault.token())))


@pytest.fixture
def cipher(access: VaultAccess) -> TransitCipher:
    return TransitCipher(access)


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    async with stub_server(always(Reply.of({"data": {"ciphertext": CIPHERTEXT}}))) as stub:
        yield stub


def create_data_key(vault: Vault) -> tuple[str, StaticToken]:
    """Make a key that no other test uses, and a token that seals and opens with it."""
    name = vault.create_key(f"test-{secrets.token_hex(4)}", "aes256-gcm96")
    rules = "\n".join(
        f'path "{MOUNT_PATH}/{operation}/{name}" {{ capabilities = ["update"] }}'
        for operation in ("encrypt", "decrypt")
    )
    vault.call("PUT", f"sys/policies/acl/seals-with-{name}", {"policy": rules})
    return name, StaticToken(Secret(vault.token(policies=(f"seals-with-{name}",))))


@pytest.fixture
def of_its_own(vault: Vault, open_access: Open) -> TransitCipher:
    name, token = create_data_key(vault)
    return TransitCipher(open_access(vault.url, token), name)


class TestTransitCipher(RemoteDataCipherContract):
    @pytest.fixture
    def stranger(self, of_its_own: TransitCipher) -> TransitCipher:
        return of_its_own

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


async def test_what_an_older_version_sealed_is_opened_until_an_operator_retires_it(
    vault: Vault, of_its_own: TransitCipher
) -> None:
    key = of_its_own._key_name
    old = await seal(of_its_own)
    vault.rotate(key)
    new = await seal(of_its_own)

    assert [text.split(":")[1] for text in (old, new)] == ["v1", "v2"]
    assert await open_(of_its_own, old) == await open_(of_its_own, new) == PLAIN

    vault.call("POST", f"{MOUNT_PATH}/keys/{key}/config", {"min_decryption_version": 2})

    with pytest.raises(Unavailable):
        await open_(of_its_own, old)
    assert await open_(of_its_own, new) == PLAIN


async def test_a_text_that_vault_does_not_open_is_no_outage_of_vault(
    cipher: TransitCipher, access: VaultAccess, of_its_own: TransitCipher
) -> None:
    """Else one row that was tampered with would stop every signature."""
    sealed = await seal(cipher)
    foreign = [await seal(of_its_own), sealed.replace(":v1:", ":v4000000000:"), f"transit1.{CIPHERTEXT}"]

    for text in foreign * 7:
        with pytest.raises(Unavailable):
            await open_(cipher, text)

    assert not access.is_spared
    assert await open_(cipher, sealed) == PLAIN


async def test_a_key_that_nobody_made_is_not_made_by_sealing(vault: Vault, access: VaultAccess) -> None:
    with pytest.raises(Unavailable):
        await seal(TransitCipher(access, "no-such-key"))

    assert "no-such-key" not in vault.call("LIST", f"{MOUNT_PATH}/keys")["data"]["keys"]


# --- what answers in Vault's place --------------------------------------------------------------------------------


async def test_what_is_asked_of_vault_names_what_the_secret_is_bound_to(stub: StubServer, open_access: Open) -> None:
    cipher = TransitCipher(open_access(stub.url), DATA_KEY, "engines/transit")

    sealed = await seal(cipher)
    stub.answer = always(Reply.of({"data": {"plaintext": base64.b64encode(PLAIN.reveal().encode()).decode()}}))
    opened = await open_(cipher, sealed)

    bound = base64.b64encode(pre_auth_encode(PURPOSE.encode(), OWNER.encode())).decode()
    assert [request.path for request in stub.requests] == [
        f"/v1/engines/transit/encrypt/{DATA_KEY}",
        f"/v1/engines/transit/decrypt/{DATA_KEY}",
    ]
    assert [msgspec.json.decode(request.body) for request in stub.requests] == [
        {"plaintext": base64.b64encode(PLAIN.reveal().encode()).decode(), "associated_data": bound},
        {"ciphertext": CIPHERTEXT, "associated_data": bound},
    ]
    assert sealed == f"transit1.{CIPHERTEXT}"
    assert opened == PLAIN


@pytest.mark.parametrize(
    "ciphertext",
    [
        "",
        "GOCSPX-a client secret",
        CIPHERTEXT.replace(":v1:", ":v0:"),
        CIPHERTEXT.replace(":v1:", ":v01:"),
        CIPHERTEXT.removeprefix("vault:"),
        CIPHERTEXT + "\n",
        CIPHERTEXT.rstrip("="),
        "vault:v1:" + base64.b64encode(bytes(27)).decode(),
        None,
    ],
)
async def test_what_is_no_ciphertext_is_not_stored(stub: StubServer, open_access: Open, ciphertext: object) -> None:
    stub.answer = always(Reply.of({"data": {"ciphertext": ciphertext}}))

    with pytest.raises(Unavailable):
        await seal(TransitCipher(open_access(stub.url)))


@pytest.mark.parametrize("plaintext", ["not base64", "/w==", "c2VjcmV0\n", None])
async def test_what_is_no_text_is_not_opened_and_not_repeated(
    stub: StubServer, open_access: Open, plaintext: object
) -> None:
    stub.answer = always(Reply.of({"data": {"plaintext": plaintext}}))

    with pytest.raises(Unavailable) as refusal:
        await open_(TransitCipher(open_access(stub.url)), f"transit1.{CIPHERTEXT}")

    assert str(plaintext) not in refusal.value.reason


async def test_text_of_another_kind_is_not_sent_to_vault(stub: StubServer, open_access: Open) -> None:
    cipher = TransitCipher(open_access(stub.url))

    for text in (CIPHERTEXT, "transit2." + CIPHERTEXT, "keyfile1.0123456789abcdef.AAAA", "transit1.vault:v1:AAAB"):
        with pytest.raises(Unavailable):
            await open_(cipher, text)

    assert stub.requests == []
