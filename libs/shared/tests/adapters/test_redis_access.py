"""Deadlines, refusals and lost answers on one node."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
import redis
from contracts.refresh_token_store import POLICY, a_family
from contracts.support import CROWD, NOW, SECOND, crowd
from paseport.redis.access import RedisAccess
from paseport.redis.script import Command, Script
from paseport.redis.settings import Address, RedisSettings
from paseport.secret import Secret
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.domain.errors import Overloaded, Unavailable
from paseport_shared.domain.models.refresh_token import Advance, Rotation
from paseport_testkit.harness.redis import RedisNode
from paseport_testkit.harness.waiting import wait_until
from redis.exceptions import ResponseError
from redis_support import node_settings, shut_out, unhurried
from standstill import stand_still

DEADLINE = 0.5
SLACK = 0.3
"""What a busy machine may add to a deadline."""


@pytest.fixture
async def access(redis_node: RedisNode) -> AsyncIterator[RedisAccess]:
    async with RedisAccess(node_settings(redis_node)) as access:
        yield access


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds + SLACK


@contextmanager
def paused(node: RedisNode) -> Iterator[None]:
    """The node stands still with all connections open: a half-open link looks the same."""
    node.pause()
    try:
        yield
    finally:
        node.resume()


def what_keeps(node: RedisNode) -> str | None:
    """Why the node answers nobody, or None where it does."""
    try:
        with node.admin() as admin:
            admin.get("anything")
    except redis.RedisError as refusal:
        return str(refusal)
    return None


def connections(node: RedisNode) -> int:
    """How many the product has open."""
    with node.admin() as admin:
        return sum(client["user"] == node.username for client in admin.client_list())


# --- answers ----------------------------------------------------------------------------------------------------------


async def test_a_crowd_on_one_connection_gets_each_its_own_answer(access: RedisAccess, redis_namespace: str) -> None:
    async def caller(number: int) -> list[bytes]:
        key = f"paseport:{redis_namespace}{number}"
        _, value, length = await access.send(("SET", key, f"value {number}"), ("GET", key), ("STRLEN", key))
        assert length == len(value)
        return value

    values = await asyncio.gather(*(caller(number) for number in range(500)))

    assert values == [f"value {number}".encode() for number in range(500)]


async def test_a_refusal_reaches_its_own_caller_and_nobody_else(access: RedisAccess, redis_namespace: str) -> None:
    """A refusal that no outage explains is a bug of ours and surfaces as itself."""
    await access.send(("SET", f"paseport:{redis_namespace}text", "x"))
    good: Command = ("GET", f"paseport:{redis_namespace}text")
    bad: Command = ("HGET", f"paseport:{redis_namespace}text", "field")

    answers = await asyncio.gather(*(access.send(one) for one in (good, bad, good)), return_exceptions=True)

    assert (answers[0], answers[2]) == ([b"x"], [b"x"])
    assert isinstance(answers[1], ResponseError)


async def test_a_command_that_cannot_be_sent_harms_nobody_else(access: RedisAccess, redis_namespace: str) -> None:
    unsendable: Command = ("SET", f"paseport:{redis_namespace}key", None)  # type: ignore[assignment]  # that is the point

    answers = await asyncio.gather(access.ping(), access.send(unsendable), access.ping(), return_exceptions=True)

    assert isinstance(answers[1], TypeError)
    assert (answers[0], answers[2]) == (None, None)


async def test_a_node_that_forgot_the_scripts_is_taught_them_again(
    access: RedisAccess, redis_node: RedisNode, redis_namespace: str
) -> None:
    store = RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")
    family = a_family()
    await store.open_family(family)
    with redis_node.admin() as admin:
        admin.script_flush()

    advances = await crowd(lambda: store.advance(family.id, 0, NOW))

    assert [advance.rotation for advance in advances].count(Rotation.ROTATE) == 1
    assert [advance.rotation for advance in advances].count(Rotation.REPLAY) == CROWD - 1


async def test_the_primarys_clock_is_told(access: RedisAccess) -> None:
    """FT-17: whose clock is right is the caller's question."""
    assert abs(await access.time() - datetime.now(UTC)) < 5 * SECOND


# --- no answer in time ------------------------------------------------------------------------------------------------


async def test_a_node_that_stands_still_costs_no_caller_more_than_the_deadline(
    access: RedisAccess, redis_node: RedisNode
) -> None:
    """FT-09."""
    await access.ping()

    with paused(redis_node):
        for call in (
            access.ping,
            access.time,
            access.confirm_primary,
            lambda: access.confirm(("SET", "paseport:k", "v")),
            lambda: access.read_alone(("GET", "paseport:k")),
        ):
            with at_most(DEADLINE), pytest.raises(Unavailable):
                await call()

    await access.ping()


async def test_what_the_node_answered_while_this_process_stood_still_is_in_time(
    access: RedisAccess, redis_node: RedisNode
) -> None:
    """A process that collects its garbage, or is not served, must not take its own silence for that of Redis."""
    await access.ping()
    with paused(redis_node):
        shared = asyncio.create_task(access.time())
        alone = asyncio.create_task(access.read_alone(("GET", "paseport:k")))
        await asyncio.wait([shared, alone], timeout=0.1)

    stand_still(DEADLINE)

    assert abs(await shared - datetime.now(UTC)) < 5 * SECOND
    assert await alone is None


async def test_who_comes_while_others_wait_for_a_dead_link_waits_no_longer(
    access: RedisAccess, redis_node: RedisNode
) -> None:
    await access.ping()
    with paused(redis_node):
        early = asyncio.create_task(access.ping())
        await asyncio.wait([early], timeout=0.1)

        with at_most(DEADLINE), pytest.raises(Unavailable):
            await access.ping()

        with pytest.raises(Unavailable):
            await early


async def test_a_script_that_ran_without_an_answer_is_not_run_again(
    access: RedisAccess, redis_node: RedisNode, redis_namespace: str
) -> None:
    """FT-07: drivers like to repeat what timed out; a second advance would be another presentation."""
    count_slowly = Script("""
        local count = redis.call('INCR', KEYS[1])
        local begin = redis.call('TIME')
        repeat
          local now = redis.call('TIME')
          local passed = (now[1] - begin[1]) * 1000000 + now[2] - begin[2]
        until passed > 800000
        return count
    """)
    counter = f"paseport:{redis_namespace}counter"

    with pytest.raises(Unavailable):
        await access.send(count_slowly([counter]))

    wait_until("the script ended", lambda: what_keeps(redis_node), 10)
    assert await access.send(("GET", counter)) == [b"1"]


@pytest.mark.parametrize("turns", [1, 3, 6, 10])
async def test_a_node_is_not_late_because_this_process_stood_still_while_it_connected(
    redis_node: RedisNode, turns: int
) -> None:
    async with RedisAccess(replace(node_settings(redis_node), deadline_seconds=0.3, wait_milliseconds=100)) as access:
        asking = asyncio.create_task(access.send(("PING",)))
        for _ in range(turns):
            await asyncio.sleep(0)
        assert not asking.done()

        stand_still(0.6)

        assert await asking == [b"PONG"]


class LossyLink:
    """Stands before a node. ``loses_next``: the next request arrives and is answered, and the answer never does."""

    def __init__(self, node: RedisNode) -> None:
        self._node = node
        self.loses_next = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = Address(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _connected(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        far, to_far = await asyncio.open_connection(*self._node.address)

        async def carry_requests() -> None:
            while request := await near.read(65536):
                to_far.write(request)
            to_far.close()

        carrying = asyncio.create_task(carry_requests())
        try:
            # Answers to one request may come apart.
            while answer := await far.read(65536):
                if self.loses_next:
                    self.loses_next = False
                    break
                to_near.write(answer)
        finally:
            carrying.cancel()
            to_far.close()
            to_near.close()


async def test_what_was_under_way_when_the_connection_broke_is_not_sent_again(
    redis_node: RedisNode, redis_namespace: str
) -> None:
    """FT-07."""
    counter = f"paseport:{redis_namespace}counter"
    async with (
        LossyLink(redis_node) as link,
        RedisAccess(unhurried(replace(node_settings(redis_node), node=link.address))) as access,
    ):
        await access.send(("SET", counter, 0))
        link.loses_next = True
        under_way = asyncio.create_task(access.send(("INCR", counter)))
        # Enough turns for it to be sent, and none in which an answer could arrive.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        not_sent_yet = asyncio.create_task(access.send(("INCR", counter)))

        with pytest.raises(Unavailable):
            await under_way

        # Who had to wait for the connection is served over the next one, and once.
        assert await not_sent_yet == [2]
        assert await access.send(("GET", counter)) == [b"2"]


async def test_a_late_answer_is_not_read_by_the_next_caller(
    access: RedisAccess, redis_node: RedisNode, redis_namespace: str
) -> None:
    """FT-07: the answer to a cancelled or timed out command stands first in the stream of answers."""
    mine, theirs = f"paseport:{redis_namespace}mine", f"paseport:{redis_namespace}theirs"
    await access.send(("SET", mine, "mine"), ("SET", theirs, "theirs"))

    with paused(redis_node):
        cancelled = asyncio.create_task(access.send(("GET", theirs)))
        await asyncio.wait([cancelled], timeout=0.1)
        cancelled.cancel()
        timed_out = asyncio.create_task(access.send(("GET", theirs)))
        await asyncio.wait([timed_out], timeout=2)
        assert isinstance(timed_out.exception(), Unavailable)

    assert await asyncio.gather(*(access.send(("GET", mine)) for _ in range(20))) == [[b"mine"]] * 20


async def test_a_reader_that_gave_up_takes_its_connection_along(
    access: RedisAccess, redis_node: RedisNode, redis_namespace: str
) -> None:
    stream = f"paseport:{redis_namespace}stream"
    await access.ping()
    before = connections(redis_node)
    reading = asyncio.create_task(access.read_alone(("XREAD", "BLOCK", 30_000, "STREAMS", stream, "0"), 30))
    await asyncio.wait([reading], timeout=0.2)
    assert connections(redis_node) == before + 1

    reading.cancel()
    await asyncio.wait([reading])
    await access.send(("XADD", stream, "*", "field", "value"))

    assert await access.read_alone(("GET", f"paseport:{redis_namespace}nothing")) is None
    assert connections(redis_node) == before + 1


async def test_readers_use_a_connection_again_that_was_answered(access: RedisAccess, redis_node: RedisNode) -> None:
    for _ in range(20):
        await access.read_alone(("PING",))

    assert connections(redis_node) == 1


# --- too many ---------------------------------------------------------------------------------------------------------


async def test_who_finds_no_place_within_the_deadline_is_told_that_it_is_crowded(redis_node: RedisNode) -> None:
    """FT-16."""
    async with RedisAccess(replace(node_settings(redis_node), max_callers=3)) as access:
        await access.ping()
        with paused(redis_node):
            begin = time.monotonic()
            callers = [asyncio.create_task(access.ping()) for _ in range(8)]
            await asyncio.wait(callers, timeout=0.2)
            seen = (access.capacity, access.in_use, access.waiting)
            await asyncio.wait(callers)
            took = time.monotonic() - begin

        assert seen == (3, 3, 5)
        assert took < 2 * DEADLINE + SLACK
        assert {type(caller.exception()) for caller in callers} == {Unavailable, Overloaded}
        assert (access.in_use, access.waiting) == (0, 0)
        await access.ping()


async def test_readers_that_block_are_bounded_too(redis_node: RedisNode, redis_namespace: str) -> None:
    async with RedisAccess(replace(node_settings(redis_node), max_readers=1)) as access:
        stream = f"paseport:{redis_namespace}stream"
        command: Command = ("XREAD", "BLOCK", 10_000, "STREAMS", stream, "0")
        reading = asyncio.create_task(access.read_alone(command, 10))
        await asyncio.wait([reading], timeout=0.1)

        with at_most(DEADLINE), pytest.raises(Overloaded):
            await access.read_alone(("PING",))

        await access.send(("XADD", stream, "*", "field", "value"))
        assert (await reading)[0][0] == stream.encode()


# --- a node that answers, and cannot act ------------------------------------------------------------------------------


async def test_a_node_whose_memory_is_full_is_unavailable_and_loses_nothing(
    access: RedisAccess, redis_node: RedisNode, redis_namespace: str
) -> None:
    """FT-20."""
    store = RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")
    family = a_family()
    await store.open_family(family)

    with redis_node.admin() as admin:
        admin.config_set("maxmemory", 1)
        try:
            for call in (
                lambda: store.open_family(a_family()),
                lambda: store.advance(family.id, 0, NOW),
                lambda: store.revoke_family(family.id),
            ):
                with pytest.raises(Unavailable, match="unavailable") as refusal:
                    await call()
                assert "OOM" in refusal.value.reason
            assert await store.find_family(family.id, NOW) == family
        finally:
            admin.config_set("maxmemory", 0)

    assert await store.advance(family.id, 0, NOW) == Advance(Rotation.ROTATE, 1)


async def test_a_node_whose_disk_is_full_is_unavailable_and_reports_no_revocation_as_done(
    access: RedisAccess, redis_node: RedisNode, redis_namespace: str
) -> None:
    """FT-20: MISCONF."""
    store = RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")
    family = a_family()
    await store.open_family(family)

    with redis_node.admin() as admin, no_snapshot_can_be_written(redis_node):
        admin.config_set("save", "3600 1")
        try:
            admin.bgsave()
            wait_until("the snapshot failed", lambda: snapshot_that_succeeded(admin), 10)
            for call in (lambda: store.advance(family.id, 0, NOW), lambda: store.revoke_family(family.id)):
                with pytest.raises(Unavailable) as refusal:
                    await call()
                assert "MISCONF" in refusal.value.reason
        finally:
            admin.config_set("save", "")

    assert await store.find_family(family.id, NOW) == family


def snapshot_that_succeeded(admin: redis.Redis) -> str | None:
    status = admin.info("persistence")["rdb_last_bgsave_status"]
    return status if status == "ok" else None


@contextmanager
def no_snapshot_can_be_written(node: RedisNode) -> Iterator[None]:
    """A folder stands where the file should go."""
    with node.admin() as admin:
        file = Path(admin.config_get("dir")["dir"], admin.config_get("dbfilename")["dbfilename"])
    file.unlink(missing_ok=True)
    file.mkdir()
    try:
        yield
    finally:
        file.rmdir()


async def test_a_node_that_became_a_replica_is_unavailable_and_left(
    access: RedisAccess, redis_node: RedisNode, redis_namespace: str
) -> None:
    """READONLY: also for a script that would have had nothing to write, since a replica may lack the family."""
    store = RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")
    family = a_family()
    await store.open_family(family)

    with redis_node.admin() as admin:
        admin.replicaof("127.0.0.1", 1)
        try:
            with pytest.raises(Unavailable):
                await store.advance(a_family().id, 0, NOW)
            for call in (access.ping, access.confirm_primary, lambda: store.find_family(family.id, NOW)):
                with pytest.raises(Unavailable):
                    await call()
        finally:
            admin.replicaof("NO", "ONE")

    assert await store.find_family(family.id, NOW) == family


async def test_a_node_that_is_still_loading_or_gone_is_unavailable_and_found_again(
    access: RedisAccess, redis_node: RedisNode, redis_namespace: str
) -> None:
    await access.confirm(("SET", f"paseport:{redis_namespace}key", "kept"))

    redis_node.kill()
    with at_most(DEADLINE), pytest.raises(Unavailable):
        await access.send(("GET", f"paseport:{redis_namespace}key"))
    with at_most(DEADLINE), pytest.raises(Unavailable):
        await access.read_alone(("GET", f"paseport:{redis_namespace}key"))
    redis_node.start()

    assert await access.send(("GET", f"paseport:{redis_namespace}key")) == [b"kept"]


async def test_an_idle_connection_that_the_node_ended_is_noticed_before_anything_is_sent(
    access: RedisAccess, redis_node: RedisNode
) -> None:
    """A restart while nobody asked costs nobody an answer."""
    await access.ping()
    with shut_out(redis_node):
        pass
    # A round trip of somebody else: by then the news has arrived here too.
    async with RedisAccess(node_settings(redis_node)) as other:
        await other.ping()

    await access.ping()


# --- who is let in ----------------------------------------------------------------------------------------------------


async def test_wrong_credentials_are_an_outage_and_stand_in_no_reason(redis_node: RedisNode) -> None:
    settings = replace(node_settings(redis_node), password=Secret("not the password"))

    async with RedisAccess(settings) as access:
        with pytest.raises(Unavailable) as refusal:
            await access.ping()

    assert "not the password" not in refusal.value.reason + repr(settings)


async def test_a_right_that_was_taken_away_is_an_outage(access: RedisAccess, redis_node: RedisNode) -> None:
    with redis_node.admin() as admin:
        admin.execute_command("ACL", "SETUSER", redis_node.username, "-get")
        try:
            with pytest.raises(Unavailable, match="unavailable"):
                await access.send(("GET", "paseport:key"))
        finally:
            admin.execute_command("ACL", "SETUSER", redis_node.username, "+get")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"node": Address("127.0.0.1", 1), "sentinels": (Address("127.0.0.1", 2),), "master_name": "paseport"},
        {"sentinels": (Address("127.0.0.1", 2),)},
        {"node": Address("127.0.0.1", 1), "wait_replicas": 2},
        {"node": Address("127.0.0.1", 1), "wait_milliseconds": 300},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"the|Sentinels|replicas"):
        RedisSettings(**settings)  # type: ignore[arg-type]  # one parametrization for all fields


async def test_an_access_that_was_closed_leaves_nobody_waiting(redis_node: RedisNode) -> None:
    access = RedisAccess(node_settings(redis_node))
    await access.ping()
    with paused(redis_node):
        waiting = asyncio.create_task(access.ping())
        await asyncio.wait([waiting], timeout=0.1)

        await access.aclose()

        with pytest.raises(Unavailable):
            await waiting
    assert connections(redis_node) == 0


async def test_a_family_outlives_its_last_use_by_the_time_that_redis_keeps_it(
    access: RedisAccess, redis_namespace: str
) -> None:
    """What Redis drops by itself must be dead by the caller's clock, wherever that stands."""
    store = RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")
    family = a_family()
    await store.open_family(family)
    await store.advance(family.id, 0, NOW + timedelta(days=80))

    key = f"refresh_token:{redis_namespace}:by_token:{family.id}"
    (at_first,) = await access.send(("PTTL", key))
    assert at_first > POLICY.idle / timedelta(milliseconds=1) * 0.99
