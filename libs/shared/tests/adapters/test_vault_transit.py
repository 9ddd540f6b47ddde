"""Transit signs and shows its keys: on a real Vault, and where something else answers in its place."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from contracts.key_holder import RemoteKeyHolderContract
from contracts.raw_signer import RawSignerContract
from contracts.support import Unreachable
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from paseport.clock import SystemClock
from paseport.secret import Secret
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.token_keeper import AppRole, Credential, StaticToken
from paseport_shared.adapters.vault.transit_key_holder import TransitKeyHolder
from paseport_shared.adapters.vault.transit_rsa_key_holder import TransitRsaKeyHolder
from paseport_shared.adapters.vault.transit_signer import TransitSigner
from paseport_shared.adapters.vault.transport import MAX_ANSWER_BYTES, VaultAddress
from paseport_shared.domain.errors import AuthError, KeyVersionNotPermitted, Overloaded, Unavailable
from paseport_shared.domain.models.signing_key import KeyStatus, VerificationKey
from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.ports import free_port
from paseport_testkit.harness.vault import Vault
from vault_support import (
    Reply,
    Request,
    StubServer,
    TransitKey,
    always,
    create_key,
    stub_server,
    tls_of,
    until_idle,
)

SIGN_PATH = "/v1/transit/sign/paseport-access"
ANY_TOKEN = StaticToken(Secret("a token that only this test knows"))
SIGNATURE = base64.b64encode(bytes(64)).decode()

Open = Callable[..., VaultAccess]


@pytest.fixture
def open_access() -> Iterator[Open]:
    opened = []

    def open_one(url: str, credential: Credential = ANY_TOKEN, **options: Any) -> VaultAccess:
        opened.append(VaultAccess(VaultAddress(url), credential, SystemClock(), **options))
        return opened[-1]

    yield open_one
    for access in opened:
        access.close()


@pytest.fixture
def transit_key(vault: Vault) -> TransitKey:
    return create_key(vault)


@pytest.fixture
def access(open_access: Open, vault: Vault, transit_key: TransitKey) -> VaultAccess:
    return open_access(vault.url, StaticToken(transit_key.token()))


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    """Answers every request with a signature of version 1."""
    async with stub_server(always(signed("vault:v1:" + SIGNATURE))) as stub:
        yield stub


@pytest.fixture
def stub_signer(open_access: Open, stub: StubServer) -> TransitSigner:
    return TransitSigner(open_access(stub.url), "paseport-access")


def role_of(vault: Vault) -> AppRole:
    """What the issuer signs in with, and what its policy allows."""
    role = vault.app_role()
    return AppRole(role.role_id, Secret(role.secret_id))


def signed(signature: object) -> Reply:
    return Reply.of({"data": {"signature": signature}})


class TestTransitSigner(RawSignerContract):
    """The version that signs is not the newest one: Vault left alone would take the other."""

    @pytest.fixture
    async def key(self, access: VaultAccess, transit_key: TransitKey) -> VerificationKey:
        transit_key.rotate()
        first, _ = await TransitKeyHolder(access, transit_key.name).versions()
        return VerificationKey(1, first.kid, first.public_key, KeyStatus.ACTIVE, first.created_at, None)

    @pytest.fixture
    def signer(self, access: VaultAccess, transit_key: TransitKey) -> TransitSigner:
        return TransitSigner(access, transit_key.name)

    @pytest.fixture
    def unreachable_signer(self, open_access: Open) -> TransitSigner:
        return TransitSigner(open_access(f"http://127.0.0.1:{free_port()}"), "paseport-access")


# --- versions -----------------------------------------------------------------------------------------------------


async def test_a_rotation_between_choosing_the_key_and_signing_changes_nothing(
    access: VaultAccess, transit_key: TransitKey
) -> None:
    """KR-02: the token names version 1, so version 1 signs."""
    (first,) = await TransitKeyHolder(access, transit_key.name).versions()

    assert transit_key.rotate() == 2
    signature = await TransitSigner(access, transit_key.name).sign(b"a message", key_version=first.version)

    Ed25519PublicKey.from_public_bytes(first.public_key).verify(signature, b"a message")


async def test_a_version_that_does_not_exist_yet_is_no_outage_of_vault(
    access: VaultAccess, transit_key: TransitKey
) -> None:
    """Vault answers 500 to it. However often it is asked for, the version that exists goes on signing."""
    signer = TransitSigner(access, transit_key.name)

    for _ in range(20):
        with pytest.raises(Unavailable, match="unavailable") as refusal:
            await signer.sign(b"a message", key_version=2)
        assert "requested version" in refusal.value.reason

    assert not access.is_spared
    assert len(await signer.sign(b"a message", key_version=1)) == 64


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (signed("vault:v2:" + SIGNATURE), "version 2 instead of 1"),
        (signed("vault:v01:" + SIGNATURE), "not an Ed25519 signature"),
        (signed("vault:v1:" + base64.b64encode(bytes(63)).decode()), "not an Ed25519 signature"),
        (signed("vault:v1:" + base64.b64encode(bytes(65)).decode()), "not an Ed25519 signature"),
        (signed("vault:v1:" + SIGNATURE + "\n"), "not an Ed25519 signature"),
        (signed("v1:" + SIGNATURE), "not an Ed25519 signature"),
        (signed(None), "not readable"),
        (Reply(200, b"<html>Welcome</html>"), "not readable"),
        (Reply(200, b"[" * 100_000), "not readable"),
        (Reply(204, b""), "not readable"),
    ],
)
async def test_an_answer_that_is_not_the_signature_asked_for_is_refused(
    stub: StubServer, stub_signer: TransitSigner, answer: Reply, reason: str
) -> None:
    """KR-02: of another version, of another length, or no signature at all."""
    stub.answer = always(answer)

    with pytest.raises(Unavailable) as refusal:
        await stub_signer.sign(b"a message", key_version=1)

    assert reason in refusal.value.reason


# --- what answers in Vault's place --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_and_the_token_goes_nowhere(
    stub: StubServer, stub_signer: TransitSigner, status: int
) -> None:
    async with stub_server(always(signed("vault:v1:" + SIGNATURE))) as elsewhere:
        stub.answer = always(Reply(status, b"", [("Location", elsewhere.url + SIGN_PATH)]))

        with pytest.raises(Unavailable) as refusal:
            await stub_signer.sign(b"a message", key_version=1)

        assert "redirects are not followed" in refusal.value.reason
        assert elsewhere.requests == []


async def test_an_answer_without_end_is_cut_off(stub: StubServer, stub_signer: TransitSigner) -> None:
    stub.answer = always(Reply(200, b"x" * (MAX_ANSWER_BYTES + 1)))

    with pytest.raises(Unavailable) as refusal:
        await stub_signer.sign(b"a message", key_version=1)

    assert "too large" in refusal.value.reason


async def test_proxies_and_credentials_of_the_environment_are_not_used(
    stub: StubServer, open_access: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that was meant for another program must not send the token through a proxy, or another token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n")
    for name, value in {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "NETRC": str(netrc),
        "VAULT_TOKEN": "another token",
        "VAULT_NAMESPACE": "another namespace",
        "VAULT_ADDR": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)

    await TransitSigner(open_access(stub.url), "paseport-access").sign(b"a message", key_version=1)

    (request,) = stub.requests
    assert request.headers["x-vault-token"] == ANY_TOKEN.token.reveal()
    assert not {"authorization", "x-vault-namespace", "cookie"} & request.headers.keys()


async def test_namespace_and_mount_path_are_the_operator_s(stub: StubServer) -> None:
    access = VaultAccess(VaultAddress(stub.url + "/", namespace="team/auth"), ANY_TOKEN, SystemClock())

    await TransitSigner(access, "a-key", "engines/transit").sign(b"a message", key_version=1)
    access.close()

    (request,) = stub.requests
    assert request.path == "/v1/engines/transit/sign/a-key"
    assert request.headers["x-vault-namespace"] == "team/auth"


def test_a_ca_bundle_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no CA bundle at .*ca\.pem"):
        VaultAccess(VaultAddress("https://vault.example", ca_bundle=tmp_path / "ca.pem"), ANY_TOKEN, SystemClock())


async def test_over_tls_only_the_operator_s_authority_is_believed(tmp_path: Path) -> None:
    """A Vault of somebody else, or one whose certificate is for another address, never sees the token."""
    ours, theirs = Certificates(tmp_path / "ours"), Certificates(tmp_path / "theirs")

    async def outcome(certificates: Certificates, believed: Path | None, host: str = "127.0.0.1") -> tuple[str, int]:
        async with stub_server(always(signed("vault:v1:" + SIGNATURE)), tls_of(certificates), host) as stub:
            access = VaultAccess(VaultAddress(stub.url, ca_bundle=believed), ANY_TOKEN, SystemClock())
            try:
                signature = await TransitSigner(access, "paseport-access").sign(b"a message", key_version=1)
            except Unavailable as error:
                return error.reason, len(stub.requests)
            finally:
                access.close()
            return f"{len(signature)} bytes", len(stub.requests)

    refused = (f"no answer from Vault to POST {SIGN_PATH}: SSLError", 0)
    assert await outcome(ours, ours.ca) == ("64 bytes", 1)
    assert await outcome(theirs, ours.ca) == refused
    assert await outcome(ours, ours.ca, host="127.0.0.2") == refused
    assert await outcome(ours, None) == refused


# --- threads and connections --------------------------------------------------------------------------------------


async def test_a_crowd_shares_a_few_threads_and_connections(stub: StubServer, open_access: Open) -> None:
    """The queue in front of them is bounded too: who finds it full is told at once."""
    open_gate, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def answer_later(request: Request) -> Reply:
        arrived.release()
        await open_gate.wait()
        return signed("vault:v1:" + SIGNATURE)

    stub.answer = answer_later
    access = open_access(stub.url, workers=3, queue=4, deadline=timedelta(seconds=30))
    signer = TransitSigner(access, "paseport-access")
    calls = [asyncio.create_task(signer.sign(b"a message", key_version=1)) for _ in range(10)]
    for _ in range(3):
        await arrived.acquire()

    busy = (access.in_use, access.capacity, access.waiting)
    open_gate.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert busy == (3, 3, 4)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Overloaded"] * 3 + ["bytes"] * 7
    assert stub.connections <= 3
    assert not access.is_spared


async def test_one_connection_serves_one_caller_after_the_other(stub: StubServer, stub_signer: TransitSigner) -> None:
    for _ in range(10):
        await stub_signer.sign(b"a message", key_version=1)

    assert stub.connections == 1


async def test_a_caller_who_goes_away_leaves_room_behind(stub: StubServer, open_access: Open) -> None:
    arrived = asyncio.Event()

    async def answer_never(request: Request) -> Reply:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    stub.answer = answer_never
    access = open_access(stub.url, workers=1, queue=0, deadline=timedelta(seconds=1))
    signer = TransitSigner(access, "paseport-access")
    call = asyncio.create_task(signer.sign(b"a message", key_version=1))
    await arrived.wait()
    call.cancel()
    with pytest.raises(Overloaded):
        await signer.sign(b"a message", key_version=1)

    await until_idle(access)
    stub.answer = always(signed("vault:v1:" + SIGNATURE))

    assert len(await signer.sign(b"a message", key_version=1)) == 64


async def test_after_its_end_nothing_is_signed(stub: StubServer, open_access: Open) -> None:
    access = open_access(stub.url)
    access.close()

    with pytest.raises(Unavailable):
        await TransitSigner(access, "paseport-access").sign(b"a message", key_version=1)

    assert stub.requests == []


# --- public keys --------------------------------------------------------------------------------------------------


class TestTransitKeyHolder(RemoteKeyHolderContract):
    @pytest.fixture
    def holder(self, vault: Vault, open_access: Open, transit_key: TransitKey) -> TransitKeyHolder:
        return TransitKeyHolder(open_access(vault.url, StaticToken(transit_key.maker_token())), transit_key.name)

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


async def test_the_issuer_s_policy_covers_no_rotation_and_the_refusal_says_how_an_operator_does_it(
    vault: Vault, open_access: Open
) -> None:
    """docker/vault/issuer-policy.hcl: whoever takes an issuer over makes no keys."""
    access = open_access(vault.url, role_of(vault))
    holders = {
        "paseport-access": TransitKeyHolder(access, "paseport-access"),
        "paseport-id": TransitRsaKeyHolder(access, "paseport-id"),
    }

    for name, holder in holders.items():
        before = await holder.versions()
        for _ in range(3):
            with pytest.raises(KeyVersionNotPermitted) as refusal:
                await holder.create_version()
            assert refusal.value.command == f"vault write -f transit/keys/{name}/rotate"

        assert await holder.versions() == before
        assert vault.rotate(name) == (await holder.versions())[-1].version
    assert not access.is_spared


async def test_a_token_that_has_ended_is_an_outage_and_no_question_of_rights(
    vault: Vault, open_access: Open, transit_key: TransitKey
) -> None:
    """FT-11: an operator who is told to rotate by hand would look in the wrong place."""
    token = transit_key.maker_token()
    holder = TransitKeyHolder(open_access(vault.url, StaticToken(token)), transit_key.name)
    await holder.create_version()

    vault.revoke(token.reveal())

    with pytest.raises(Unavailable):
        await holder.create_version()


@pytest.mark.parametrize(
    "reply", [Reply(204, b""), Reply.of({"data": {"name": "paseport-access"}})], ids=["204", "200"]
)
async def test_a_rotation_is_asked_for_once_whatever_it_is_answered_with(
    stub: StubServer, open_access: Open, reply: Reply
) -> None:
    shown = {"public_key": base64.b64encode(bytes(range(32))).decode(), "creation_time": "2026-01-01T00:00:00Z"}

    async def answer(request: Request) -> Reply:
        return reply if request.method == "POST" else Reply.of({"data": {"type": "ed25519", "keys": {"2": shown}}})

    stub.answer = answer

    made = await TransitKeyHolder(open_access(stub.url), "paseport-access", "engines/transit").create_version()

    assert made.version == 2
    assert stub.count("/v1/engines/transit/keys/paseport-access/rotate") == 1


async def test_a_key_that_vault_does_not_have_is_unavailable(
    vault: Vault, open_access: Open, transit_key: TransitKey
) -> None:
    access = open_access(vault.url, StaticToken(Secret(vault.root_token)))

    with pytest.raises(Unavailable) as unread:
        await TransitKeyHolder(access, "no-such-key").versions()
    with pytest.raises(Unavailable) as unsigned:
        await TransitSigner(access, "no-such-key").sign(b"a message", key_version=1)

    assert ("404" in unread.value.reason, "key not found" in unsigned.value.reason) == (True, True)


@pytest.mark.parametrize("kind", ["rsa-2048", "aes256-gcm96", "ecdsa-p256"])
async def test_a_key_of_another_type_is_no_access_token_key(vault: Vault, open_access: Open, kind: str) -> None:
    other = create_key(vault, kind)
    access = open_access(vault.url, StaticToken(other.token()))

    with pytest.raises(Unavailable):
        await TransitKeyHolder(access, other.name).versions()


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"1": {"public_key": base64.b64encode(bytes(31)).decode(), "creation_time": "2026-01-01T00:00:00Z"}},
        {"1": {"public_key": "not base64!", "creation_time": "2026-01-01T00:00:00Z"}},
        {"first": {"public_key": base64.b64encode(bytes(32)).decode(), "creation_time": "2026-01-01T00:00:00Z"}},
        {"1": 1767225600},
    ],
)
async def test_keys_that_are_none_are_unavailable(stub: StubServer, open_access: Open, keys: object) -> None:
    """KR-08: an empty or poisoned set is not taken for the keys."""
    stub.answer = always(Reply.of({"data": {"type": "ed25519", "keys": keys}}))

    with pytest.raises(AuthError) as refusal:
        await TransitKeyHolder(open_access(stub.url), "paseport-access").versions()

    assert type(refusal.value) is Unavailable
