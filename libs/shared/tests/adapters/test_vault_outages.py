"""Vault sealed, slow, silent, without a leader: calls end in time, callers are spared, and it comes back by itself."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from contracts.support import crowd
from paseport.clock import Clock, SystemClock
from paseport.secret import Secret
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.circuit_breaker import FAILURES, PAUSE
from paseport_shared.adapters.vault.token_keeper import StaticToken
from paseport_shared.adapters.vault.transit_signer import TransitSigner
from paseport_shared.adapters.vault.transport import VaultAddress
from paseport_shared.domain.errors import Unavailable
from paseport_testkit.harness.ports import free_port
from paseport_testkit.harness.vault import SealableVault, Vault
from vault_support import Reply, Request, SlowLink, StubServer, create_key, slow_link, stub_server, until, until_idle

SIGN_PATH = "/v1/transit/sign/paseport-access"
SIGNED = Reply.of({"data": {"signature": "vault:v1:" + base64.b64encode(bytes(64)).decode()}})
SEALED = Reply.of({"errors": ["Vault is sealed"]}, 503)
LOOKED_UP = Reply.of({"data": {"ttl": 0, "renewable": False}})
IN_TIME = timedelta(seconds=3)
"""The deadline of a call is 2 s; what is above it is for a busy machine."""

Open = Callable[..., VaultAccess]


@pytest.fixture
def open_access() -> Iterator[Open]:
    opened = []

    def open_one(url: str, token: str = "", clock: Clock | None = None, **options: Any) -> VaultAccess:
        credential = StaticToken(Secret(token or "a token"))
        opened.append(VaultAccess(VaultAddress(url), credential, clock or SystemClock(), **options))
        return opened[-1]

    yield open_one
    for access in opened:
        access.close()


async def reason_of(access: VaultAccess, key_name: str = "paseport-access") -> str:
    """Why a signature is not to be had; in time."""
    async with asyncio.timeout(IN_TIME.total_seconds()):
        with pytest.raises(Unavailable) as refusal:
            await sign(access, key_name)
    return refusal.value.reason


async def sign(access: VaultAccess, key_name: str = "paseport-access") -> bytes:
    return await TransitSigner(access, key_name).sign(b"a message", key_version=1)


class Answers:
    """Replies in this order, the last one for ever."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)

    async def __call__(self, request: Request) -> Reply:
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    async with stub_server(Answers(SIGNED)) as stub:
        yield stub


# --- sealed -------------------------------------------------------------------------------------------------------


@pytest.fixture
def unsealed(sealable_vault: SealableVault) -> SealableVault:
    sealable_vault.open()
    return sealable_vault


async def test_a_sealed_vault_is_unavailable_at_once_and_signs_again_when_it_is_unsealed(
    unsealed: SealableVault, open_access: Open
) -> None:
    """FT-12, FT-13: no caller waits for it, however many there are, and nobody has to restart anything."""
    key = create_key(unsealed)
    access = open_access(unsealed.url, key.token().reveal())
    await sign(access, key.name)

    unsealed.seal()
    first = await reason_of(access, key.name)
    with pytest.raises(Unavailable) as ping:
        await access.ping()
    for _ in range(FAILURES):
        await reason_of(access, key.name)
    spared = access.is_spared
    unsealed.unseal()

    async with asyncio.timeout(5):  # P7
        while True:
            try:
                signature = await sign(access, key.name)
                break
            except Unavailable:
                await asyncio.sleep(0.05)
    assert "503" in first
    assert "Vault is sealed" in first
    assert ping.value.reason == "Vault is sealed"
    assert spared
    assert len(signature) == 64
    await access.ping()


async def test_a_stopped_vault_is_unavailable_and_signs_again_after_its_restart(
    unsealed: SealableVault, open_access: Open
) -> None:
    """P7. The connections of before are dead, which costs no caller anything."""
    key = create_key(unsealed)
    access = open_access(unsealed.url, key.token().reveal())
    await crowd(lambda: sign(access, key.name), 8)

    unsealed.kill()
    while_down = await reason_of(access, key.name)
    unsealed.open()

    assert "ConnectionError" in while_down
    assert len(await sign(access, key.name)) == 64


# --- slow ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def link(vault: Vault) -> AsyncIterator[SlowLink]:
    async with slow_link(vault) as link:
        yield link


async def test_a_vault_that_takes_ten_seconds_costs_each_caller_two_and_the_next_ones_nothing(
    vault: Vault, link: SlowLink, open_access: Open
) -> None:
    """FT-12: everybody who waits is let go at the deadline; whoever comes then is told at once and takes no thread."""
    key = create_key(vault)
    access = open_access(link.url, key.token().reveal())
    await sign(access, key.name)
    link.delay_seconds = 10

    reasons = await crowd(lambda: reason_of(access, key.name), 20)
    threads = access.in_use
    spared = access.is_spared
    begun = asyncio.get_running_loop().time()
    refusals = await crowd(lambda: reason_of(access, key.name), 200)
    took = asyncio.get_running_loop().time() - begun

    assert all("within 2 s" in reason or "no answer" in reason for reason in reasons)
    assert threads <= access.capacity
    assert spared
    assert {"not asked for a moment" in reason for reason in refusals} == {True}
    assert took < 1.0
    assert access.waiting == 0
    await until_idle(access)

    link.delay_seconds = 0
    async with asyncio.timeout(5):  # P7
        while True:
            try:
                await sign(access, key.name)
                break
            except Unavailable:
                await asyncio.sleep(0.05)
    assert not access.is_spared


async def test_the_event_loop_goes_on_while_vault_is_slow(vault: Vault, link: SlowLink, open_access: Open) -> None:
    """FT-09: nothing else of the process waits for Vault. Ticks of 10 ms; a blocked loop would skip a hundred."""
    key = create_key(vault)
    access = open_access(link.url, key.token().reveal())
    link.delay_seconds = 10
    loop = asyncio.get_running_loop()
    calls = asyncio.gather(*(reason_of(access, key.name) for _ in range(20)))

    longest, last = 0.0, loop.time()
    while not calls.done():
        await asyncio.wait([calls], timeout=0.01)
        longest, last = max(longest, loop.time() - last), loop.time()
    await until_idle(access)

    assert longest < 1.0


async def test_an_answer_that_drips_ends_at_the_deadline(stub: StubServer, open_access: Open) -> None:
    """FT-09: each byte comes in time, the answer does not. Its thread is free again too."""
    stub.answer = Answers(Reply(200, b" " * 10_000, pause_between_bytes=0.05))
    access = open_access(stub.url)

    reason = await reason_of(access)
    await until_idle(access)

    assert "within 2 s" in reason or "drips" in reason


# --- not now ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [412, 429, 500, 502, 503, 504])
async def test_what_passes_is_asked_for_again_twice_at_most(stub: StubServer, open_access: Open, status: int) -> None:
    """FT-13: a leader that changes, a limit, a replica that lags behind."""
    not_now = Reply.of({"errors": ["local node not active but active cluster node not found"]}, status)
    stub.answer = Answers(not_now, not_now, SIGNED)
    answered = await sign(open_access(stub.url))
    after_two = stub.count(SIGN_PATH)
    stub.answer = Answers(not_now)
    reason = await reason_of(open_access(stub.url))

    assert (len(answered), after_two, stub.count(SIGN_PATH)) == (64, 3, 6)
    assert f"answered {status}" in reason


@pytest.mark.parametrize("status", [400, 404, 405])
async def test_a_no_is_not_asked_for_again_and_no_outage(stub: StubServer, open_access: Open, status: int) -> None:
    """FT-13."""
    stub.answer = Answers(Reply.of({"errors": ["no handler for route"]}, status))
    access = open_access(stub.url)

    for _ in range(2 * FAILURES):
        assert f"answered {status}" in await reason_of(access)

    assert stub.count(SIGN_PATH) == 2 * FAILURES
    assert not access.is_spared


async def test_a_sealed_vault_is_not_asked_for_ever(stub: StubServer, open_access: Open) -> None:
    """FT-13: three questions a call, until callers are spared; then none."""
    stub.answer = Answers(SEALED)
    access = open_access(stub.url, clock=ManualClock())

    for _ in range(FAILURES):
        await reason_of(access)
    asked = stub.count(SIGN_PATH)
    for _ in range(50):
        await reason_of(access)

    assert asked == 3 * FAILURES
    assert stub.count(SIGN_PATH) == asked


# --- the circuit breaker ------------------------------------------------------------------------------------------


async def opened(stub: StubServer, access: VaultAccess) -> None:
    """Let the breaker open."""
    stub.answer = Answers(Reply(302, b""))
    for _ in range(FAILURES):
        await reason_of(access)
    stub.requests.clear()


async def test_after_a_pause_one_caller_looks_whether_vault_is_back(stub: StubServer, open_access: Open) -> None:
    """FT-12: half open. The others are refused while he looks, and served once he succeeded."""
    clock = ManualClock()
    access = open_access(stub.url, clock=clock)
    await opened(stub, access)
    looking, go_on = asyncio.Event(), asyncio.Event()

    async def answer_when_told(request: Request) -> Reply:
        looking.set()
        await go_on.wait()
        return SIGNED

    stub.answer = answer_when_told
    clock.advance(PAUSE)
    look = asyncio.create_task(sign(access))
    await looking.wait()
    meanwhile = await crowd(lambda: reason_of(access), 20)
    go_on.set()
    signature = await look

    assert {"not asked for a moment" in reason for reason in meanwhile} == {True}
    assert (len(signature), stub.count(SIGN_PATH)) == (64, 1)
    assert not access.is_spared
    assert len(await sign(access)) == 64


async def test_a_look_that_fails_means_another_pause(stub: StubServer, open_access: Open) -> None:
    clock = ManualClock()
    access = open_access(stub.url, clock=clock)
    await opened(stub, access)

    for looks in (1, 2, 3):
        clock.advance(PAUSE)
        for _ in range(5):
            await reason_of(access)
        assert stub.count(SIGN_PATH) == looks


async def test_a_caller_who_goes_away_while_he_looks_leaves_the_look_to_the_next_one(
    stub: StubServer, open_access: Open
) -> None:
    clock = ManualClock()
    access = open_access(stub.url, clock=clock)
    await opened(stub, access)
    looking = asyncio.Event()

    async def answer_never(request: Request) -> Reply:
        looking.set()
        await asyncio.Event().wait()
        raise AssertionError

    stub.answer = answer_never
    clock.advance(PAUSE)
    look = asyncio.create_task(sign(access))
    await looking.wait()
    look.cancel()
    await asyncio.wait([look])
    stub.answer = Answers(SIGNED)

    assert len(await sign(access)) == 64


async def test_one_failure_now_and_then_spares_nobody(stub: StubServer, open_access: Open) -> None:
    """They count in a row: anything that Vault did in between begins the count anew."""
    access = open_access(stub.url, clock=ManualClock())

    for _ in range(3 * FAILURES):
        stub.answer = Answers(Reply(302, b""))
        await reason_of(access)
        stub.answer = Answers(SIGNED)
        await sign(access)

    assert not access.is_spared


async def test_the_wall_clock_does_not_lengthen_the_pause(stub: StubServer, open_access: Open) -> None:
    """FT-17: set back by a day."""
    clock = ManualClock()
    access = open_access(stub.url, clock=clock)
    await opened(stub, access)
    stub.answer = Answers(SIGNED)

    clock.set_wall_clock(clock.now() - timedelta(days=1))
    clock.advance(PAUSE)

    assert len(await sign(access)) == 64


# --- readiness ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("health", "reason"),
    [
        (Reply.of({"initialized": False, "sealed": True, "standby": True}, 501), "Vault is not initialised"),
        (Reply.of({"initialized": True, "sealed": True, "standby": True}, 503), "Vault is sealed"),
        (
            Reply.of({"initialized": True, "sealed": False, "standby": True}, 429),
            "Vault is a standby and reaches no active node",
        ),
        (Reply(200, b"<html>"), "Vault answered 502 to GET /v1/auth/token/lookup-self"),
    ],
)
async def test_an_operator_is_told_what_is_wrong_with_vault(
    stub: StubServer, open_access: Open, health: Reply, reason: str
) -> None:
    """FT-23."""

    async def answer(request: Request) -> Reply:
        return health if request.path == "/v1/sys/health" else Reply(502, b"")

    stub.answer = answer

    with pytest.raises(Unavailable) as refusal:
        await open_access(stub.url).ping()

    assert refusal.value.reason == reason


async def test_an_operator_is_told_that_vault_cannot_be_reached(open_access: Open) -> None:
    """FT-23."""
    with pytest.raises(Unavailable) as refusal:
        await open_access(f"http://127.0.0.1:{free_port()}").ping()

    assert refusal.value.reason == "no answer from Vault to GET /v1/auth/token/lookup-self: NewConnectionError"


async def test_a_standby_that_passes_requests_on_is_ready(stub: StubServer, open_access: Open) -> None:
    """FT-13: it serves as well as the active node."""

    async def answer(request: Request) -> Reply:
        standby = Reply.of({"initialized": True, "sealed": False, "standby": True}, 429)
        return standby if request.path == "/v1/sys/health" else LOOKED_UP

    stub.answer = answer

    await open_access(stub.url).ping()


async def test_readiness_looks_for_itself_while_callers_are_spared(stub: StubServer, open_access: Open) -> None:
    access = open_access(stub.url, clock=ManualClock())
    await opened(stub, access)
    stub.answer = Answers(LOOKED_UP)

    await access.ping()

    assert access.is_spared


async def test_readiness_answers_within_two_seconds_though_vault_does_not(
    vault: Vault, link: SlowLink, open_access: Open
) -> None:
    """FT-23: the check itself is given up after two seconds and would not say why."""
    link.delay_seconds = 10
    access = open_access(link.url, vault.root_token)

    async with asyncio.timeout(2):
        with pytest.raises(Unavailable) as refusal:
            await access.ping()

    await until(lambda: access.in_use == 0)
    assert "no answer" in refusal.value.reason or "within 1 s" in refusal.value.reason
