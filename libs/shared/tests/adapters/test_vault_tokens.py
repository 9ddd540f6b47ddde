"""The token for Vault: had by login, renewed in time, replaced once when it is refused, and never written anywhere."""

import asyncio
import base64
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from contracts.support import crowd
from paseport.clock import Clock, SystemClock
from paseport.secret import Secret
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.token_keeper import LOGIN_PAUSE_SECONDS, AppRole, Credential, StaticToken
from paseport_shared.adapters.vault.transit_signer import TransitSigner
from paseport_shared.adapters.vault.transport import VaultAddress
from paseport_shared.domain.errors import Unavailable
from paseport_testkit.harness.vault import Vault, VaultRefused
from vault_support import Reply, Request, TransitKey, create_key, stub_server, until

LOGIN = "/v1/auth/approle/login"
RENEW = "/v1/auth/token/renew-self"
LOOK_UP = "/v1/auth/token/lookup-self"
SIGN = "/v1/transit/sign/paseport-access"
SIGNED = Reply.of({"data": {"signature": "vault:v1:" + base64.b64encode(bytes(64)).decode()}})
FORBIDDEN = Reply.of({"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}, 403)
CANARY = "hvs.canary-9f2c51d0"
ROLE = AppRole("a role id", Secret(f"secret id {CANARY}"))

Open = Callable[..., VaultAccess]


class RestlessClock(SystemClock):
    """A wall clock that somebody sets by a day, back and forth, all the time. Seconds pass as they do."""

    def __init__(self) -> None:
        self._step = timedelta(days=1)

    def now(self) -> datetime:
        self._step = -self._step
        return super().now() + self._step


@pytest.fixture
def open_access() -> Iterator[Open]:
    opened = []

    def open_one(url: str, credential: Credential, clock: Clock | None = None, **options: Any) -> VaultAccess:
        opened.append(VaultAccess(VaultAddress(url), credential, clock or SystemClock(), **options))
        return opened[-1]

    yield open_one
    for access in opened:
        access.close()


@pytest.fixture
def transit_key(vault: Vault) -> TransitKey:
    return create_key(vault)


async def sign(access: VaultAccess, key_name: str = "paseport-access") -> bytes:
    return await TransitSigner(access, key_name).sign(b"a message", key_version=1)


async def reason_of(access: VaultAccess, key_name: str = "paseport-access") -> str:
    with pytest.raises(Unavailable) as refusal:
        await sign(access, key_name)
    return refusal.value.reason


@contextlib.asynccontextmanager
async def kept(access: VaultAccess) -> AsyncIterator[None]:
    """The background work of a service runs."""
    task = asyncio.create_task(access.keep_token())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled(), task.exception()


class VaultTokens:
    """What Vault itself knows of the tokens that the test's policy is on."""

    def __init__(self, key: TransitKey) -> None:
        self._key = key

    def all(self) -> list[dict[str, Any]]:
        accessors = self._key.vault.call("LIST", "auth/token/accessors")["data"]["keys"]
        return sorted(
            (token for token in map(self._look_up, accessors) if token), key=lambda token: token["issue_time"]
        )

    def revoke(self) -> None:
        for token in self.all():
            self._key.vault.call("POST", "auth/token/revoke-accessor", {"accessor": token["accessor"]})

    def _look_up(self, accessor: str) -> dict[str, Any] | None:
        try:
            answer = self._key.vault.call("POST", "auth/token/lookup-accessor", {"accessor": accessor})
        except VaultRefused:  # it has ended since it was listed
            return None
        token: dict[str, Any] = answer["data"]
        return token if self._key.policy in token["policies"] else None


@pytest.fixture
def tokens(transit_key: TransitKey) -> VaultTokens:
    return VaultTokens(transit_key)


# --- refused ------------------------------------------------------------------------------------------------------


async def test_the_first_callers_log_in_once(
    vault: Vault, transit_key: TransitKey, tokens: VaultTokens, open_access: Open
) -> None:
    access = open_access(vault.url, transit_key.app_role())

    signatures = await crowd(lambda: sign(access, transit_key.name), 20)

    assert {len(signature) for signature in signatures} == {64}
    assert len(tokens.all()) == 1


async def test_a_revoked_token_is_replaced_by_one_login_and_nobody_notices(
    vault: Vault, transit_key: TransitKey, tokens: VaultTokens, open_access: Open
) -> None:
    """FT-11: an operator revokes the issuer's token; twenty callers meet that at once."""
    access = open_access(vault.url, transit_key.app_role())
    await sign(access, transit_key.name)

    for _ in range(2):
        await asyncio.to_thread(tokens.revoke)
        signatures = await crowd(lambda: sign(access, transit_key.name), 20)

        assert {len(signature) for signature in signatures} == {64}
        assert len(tokens.all()) == 1


async def test_an_expired_token_is_replaced_without_the_background_work(
    vault: Vault, transit_key: TransitKey, tokens: VaultTokens, open_access: Open
) -> None:
    """FT-11: a laptop that slept, a process that stood still."""
    access = open_access(vault.url, transit_key.app_role(ttl="1s"))
    await sign(access, transit_key.name)
    await until(lambda: tokens.all() == [])

    assert len(await sign(access, transit_key.name)) == 64


async def test_without_a_right_to_log_in_any_more_signing_ends(
    vault: Vault, transit_key: TransitKey, tokens: VaultTokens, open_access: Open
) -> None:
    """FT-11: role and token are taken away. Readiness says why."""
    role = transit_key.app_role()
    access = open_access(vault.url, role)
    await sign(access, transit_key.name)
    name = next(
        name
        for name in vault.call("LIST", "auth/approle/role")["data"]["keys"]
        if vault.call("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"] == role.role_id
    )
    vault.call("DELETE", f"auth/approle/role/{name}")
    tokens.revoke()

    reason = await reason_of(access, transit_key.name)
    with pytest.raises(Unavailable):
        await access.ping()

    assert "answered 400 to POST /v1/auth/approle/login" in reason
    assert "invalid role or secret ID" in reason


async def test_a_static_token_that_is_revoked_is_the_end(
    vault: Vault, transit_key: TransitKey, open_access: Open
) -> None:
    """FT-11: there is no other credential to try."""
    token = transit_key.token()
    access = open_access(vault.url, StaticToken(token))
    await sign(access, transit_key.name)
    await access.ping()

    vault.revoke(token.reveal())

    reason = await reason_of(access, transit_key.name)
    with pytest.raises(Unavailable):
        await access.ping()
    assert reason == "Vault refuses the token, and there is no other"
    assert not access.is_spared


async def test_a_policy_that_does_not_allow_it_is_answered_with_one_login_a_burst(open_access: Open) -> None:
    """FT-11: a new token is refused as well, so nobody gets a third. A storm of logins would fill Vault with leases."""
    clock = ManualClock()
    async with stub_server(vault_that_refuses_to_sign) as stub:
        access = open_access(stub.url, ROLE, clock)

        for burst in (1, 2):
            reasons = await crowd(lambda: reason_of(access), 20)
            await reason_of(access)

            assert stub.count(LOGIN) == burst
            assert all("answered 403" in reason or "led to nothing" in reason for reason in reasons)
            clock.advance(LOGIN_PAUSE_SECONDS)


async def vault_that_refuses_to_sign(request: Request) -> Reply:
    return logged_in() if request.path == LOGIN else FORBIDDEN


def logged_in(seconds: int = 3600, *, renewable: bool = True, token: str = CANARY) -> Reply:
    return Reply.of({"auth": {"client_token": token, "lease_duration": seconds, "renewable": renewable}})


async def test_a_login_that_fails_is_not_repeated_by_everybody(open_access: Open) -> None:
    clock = ManualClock()

    async def answer(request: Request) -> Reply:
        return Reply.of({"errors": ["invalid role or secret ID"]}, 400)

    async with stub_server(answer) as stub:
        access = open_access(stub.url, ROLE, clock)

        await crowd(lambda: reason_of(access), 20)
        await reason_of(access)
        first = stub.count(LOGIN)
        clock.advance(LOGIN_PAUSE_SECONDS)
        await reason_of(access)

        assert (first, stub.count(LOGIN)) == (1, 2)
        assert stub.count(SIGN) == 0


async def test_a_caller_who_goes_away_takes_the_login_from_nobody(open_access: Open) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: Request) -> Reply:
        if request.path == LOGIN:
            arrived.set()
            await go_on.wait()
            return logged_in()
        return SIGNED

    async with stub_server(answer) as stub:
        access = open_access(stub.url, ROLE)
        first = asyncio.create_task(sign(access))
        await arrived.wait()
        second = asyncio.create_task(sign(access))
        first.cancel()
        await asyncio.wait([first])
        go_on.set()

        assert len(await second) == 64
        assert stub.count(LOGIN) == 1


@pytest.mark.parametrize("answer", [logged_in(token=""), Reply.of({"auth": None}), Reply(200, b"<html>"), Reply(302)])
async def test_a_login_without_a_token_is_an_outage(open_access: Open, answer: Reply) -> None:
    async def answered(request: Request) -> Reply:
        return answer

    async with stub_server(answered) as stub:
        await reason_of(open_access(stub.url, ROLE))

        assert stub.count(SIGN) == 0


# --- renewed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make_clock", [SystemClock, RestlessClock])
async def test_a_static_token_is_renewed_at_two_thirds_of_its_life(
    vault: Vault, transit_key: TransitKey, open_access: Open, make_clock: Callable[[], Clock]
) -> None:
    """FT-11: not sooner, not later, and whatever happens to the wall clock. It outlives its first lease."""
    token = transit_key.token("3s")
    access = open_access(vault.url, StaticToken(token), make_clock())

    def look_up() -> dict[str, Any]:
        found: dict[str, Any] = vault.call("POST", "auth/token/lookup", {"token": token.reveal()})["data"]
        return found

    created = look_up()["creation_time"]
    async with kept(access):
        await until(lambda: look_up().get("last_renewal_time", 0) > created)
        first_renewal = look_up()["last_renewal_time"]
        await until(lambda: look_up()["last_renewal_time"] > first_renewal)

    # Vault counts whole seconds: 2 s after the start may read as 1 to 3.
    assert 1 <= first_renewal - created <= 3
    assert len(await sign(access, transit_key.name)) == 64


async def test_a_token_of_a_login_is_renewed_and_not_replaced(
    vault: Vault,
    transit_key: TransitKey,
    tokens: VaultTokens,
    open_access: Open,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """FT-11: the issuer may sleep longer than a lease; the background work logs in by itself too. Both are told."""
    caplog.set_level(logging.INFO)
    access = open_access(vault.url, transit_key.app_role(ttl="3s"))

    async with kept(access):
        await until(lambda: len(tokens.all()) == 1)
        (issued,) = tokens.all()
        await until(lambda: any(token.get("last_renewal_time") for token in tokens.all()))
        await sign(access, transit_key.name)

        assert [token["accessor"] for token in tokens.all()] == [issued["accessor"]]
        await until(lambda: "renewed the Vault token, it lives 3 s" in caplog.messages)
    assert caplog.messages.count("logged in to Vault, the token lives 3 s") == 1


async def test_a_token_at_the_end_of_its_longest_life_is_replaced_before_it_ends(
    vault: Vault, transit_key: TransitKey, tokens: VaultTokens, open_access: Open
) -> None:
    """FT-11: Vault grants less with each renewal. Signing never stops meanwhile."""
    access = open_access(vault.url, transit_key.app_role(ttl="3s", max_ttl="4s"))

    async with kept(access):
        await until(lambda: len(tokens.all()) == 1)
        (issued,) = tokens.all()
        async with asyncio.timeout(15):
            while [token["accessor"] for token in await asyncio.to_thread(tokens.all)] == [issued["accessor"]]:
                await sign(access, transit_key.name)

        assert len(await sign(access, transit_key.name)) == 64


@pytest.mark.parametrize("lease_seconds", [3600, 0])
async def test_a_long_or_endless_token_is_left_alone(open_access: Open, lease_seconds: int) -> None:
    async def answer(request: Request) -> Reply:
        return logged_in(lease_seconds) if request.path == LOGIN else SIGNED

    async with stub_server(answer) as stub:
        access = open_access(stub.url, ROLE, ManualClock())

        async with kept(access):
            for _ in range(20):
                await sign(access)

        assert (stub.count(LOGIN), stub.count(RENEW)) == (1, 0)


class Renewals:
    """A Vault whose answers to renewals come from a list, the last one for ever; each renewal is an event."""

    def __init__(self, *replies: Reply, lease_seconds: int = 1, renewable: bool = True) -> None:
        self._replies = list(replies)
        self._login = logged_in(lease_seconds, renewable=renewable)
        self._look_up = Reply.of({"data": {"ttl": lease_seconds, "renewable": renewable}})

    async def __call__(self, request: Request) -> Reply:
        if request.path == RENEW:
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return {LOGIN: self._login, LOOK_UP: self._look_up}.get(request.path, SIGNED)


async def test_a_renewal_that_fails_is_tried_again_and_reported_once(
    open_access: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """FT-11, FT-13: an outage of Vault is not the end of a token."""
    sealed = Reply.of({"errors": ["Vault is sealed"]}, 503)
    async with stub_server(Renewals(sealed, sealed, logged_in(3600))) as stub:
        access = open_access(stub.url, StaticToken(Secret(CANARY)))

        async with kept(access):
            await until(lambda: stub.count(RENEW) == 3)

    reports = [record.getMessage() for record in caplog.records if "is not renewed" in record.getMessage()]
    assert reports == [
        "the Vault token is not renewed: Vault answered 503 to POST /v1/auth/token/renew-self (Vault is sealed)"
    ]


@pytest.mark.parametrize(
    "vault_answers", [Renewals(FORBIDDEN), Renewals(logged_in(0), renewable=False)], ids=["refused", "not renewable"]
)
async def test_a_role_s_token_that_cannot_be_renewed_is_replaced(open_access: Open, vault_answers: Renewals) -> None:
    """FT-11: re-login when the renewal fails."""
    async with stub_server(vault_answers) as stub:
        access = open_access(stub.url, ROLE)

        async with kept(access):
            await until(lambda: stub.count(LOGIN) == 2)


@pytest.mark.parametrize(
    "vault_answers", [Renewals(FORBIDDEN), Renewals(logged_in(0), renewable=False)], ids=["refused", "not renewable"]
)
async def test_an_operator_is_told_that_a_static_token_will_end(
    open_access: Open, vault_answers: Renewals, caplog: pytest.LogCaptureFixture
) -> None:
    async with stub_server(vault_answers), stub_server(vault_answers) as stub:
        access = open_access(stub.url, StaticToken(Secret(CANARY)))
        async with kept(access):
            await until(lambda: any(record.levelno >= logging.ERROR for record in caplog.records))
            await sign(access)

    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == ["the Vault token cannot be renewed any more: what needs Vault stops when it ends"]
    assert stub.count(LOGIN) == 0


# --- never written ------------------------------------------------------------------------------------------------


async def echo(request: Request) -> Reply:
    """An error page that repeats what it was sent, as some proxies do."""
    if request.path == LOGIN:
        return logged_in(1)
    return Reply.of({"errors": ["permission denied", *request.headers.values()]}, 403)


async def fail(request: Request) -> Reply:
    if request.path == LOGIN:
        return logged_in(1)
    return Reply.of({"errors": [f"Vault is sealed {request.headers}"]}, 503)


async def nonsense(request: Request) -> Reply:
    return Reply(200, str(request.headers).encode())


@pytest.mark.parametrize("answer", [echo, fail, nonsense])
@pytest.mark.parametrize("credential", [ROLE, StaticToken(Secret(CANARY))], ids=["role", "token"])
async def test_no_credential_is_ever_in_a_log_an_error_or_a_repr(
    open_access: Open,
    caplog: pytest.LogCaptureFixture,
    credential: Credential,
    answer: Callable[[Request], Any],
) -> None:
    """FT-11, P11: at the most talkative level of every library, with every exception written out."""
    caplog.set_level(logging.DEBUG)
    async with stub_server(answer) as stub:
        access = open_access(stub.url, credential)
        written: list[str] = [repr(access), repr(credential)]
        async with kept(access):
            for call in (lambda: sign(access), access.ping):
                try:
                    await call()
                except Unavailable as error:
                    written += [error.reason, *traceback.format_exception(error)]
            await until(lambda: any("token" in record.getMessage() for record in caplog.records))
        assert any(CANARY in str(request.headers) for request in stub.requests) or answer is nonsense

    logged = [record.getMessage() + str(record.exc_info) for record in caplog.records]
    assert len(written) > 2
    assert any("urllib3" in record.name for record in caplog.records)
    assert CANARY not in "\n".join(written + logged)


@pytest.mark.parametrize(
    "ending", ["\r\nX-Vault-Namespace: another", "\n", "\u2026"], ids=["header", "newline", "ellipsis"]
)
async def test_a_token_that_is_no_header_s_value_is_not_sent_and_not_repeated(
    open_access: Open, caplog: pytest.LogCaptureFixture, ending: str
) -> None:
    """FT-11, P11: a file that was copied badly."""
    caplog.set_level(logging.DEBUG)
    async with stub_server(nonsense) as stub:
        access = open_access(stub.url, StaticToken(Secret(CANARY + ending)))

        with pytest.raises(Unavailable) as refusal:
            await sign(access)

    assert "is no header's value" in refusal.value.reason
    assert stub.requests == []
    logged = [record.getMessage() + str(record.exc_info) for record in caplog.records]
    assert CANARY not in "\n".join([*traceback.format_exception(refusal.value), *logged])


async def test_a_refused_static_token_of_a_real_vault_is_in_no_log(
    vault: Vault, transit_key: TransitKey, open_access: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """FT-11, P11."""
    caplog.set_level(logging.DEBUG)
    token = transit_key.token()
    access = open_access(vault.url, StaticToken(token))
    vault.revoke(token.reveal())

    async with kept(access):
        reason = await reason_of(access, transit_key.name)
        await until(lambda: any("is not renewed" in record.getMessage() for record in caplog.records))

    assert token.reveal() not in reason + caplog.text
