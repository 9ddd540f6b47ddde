"""docker/redis: who may do what, and which node is the primary."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from contracts.role_directory import a_state
from contracts.session_store import signed_in
from contracts.support import NOW, new_id, new_user
from paseport.redis.access import RedisAccess
from paseport.redis.settings import Address, RedisSettings
from paseport.revocation import Revocation, RevocationKind
from paseport.secret import Secret
from paseport_shared.adapters.redis.attempt_limiter import RedisAttemptLimiter
from paseport_shared.adapters.redis.pending_record import RedisPendingRecord
from paseport_shared.adapters.redis.revocation_publisher import RedisRevocationPublisher
from paseport_shared.adapters.redis.role_directory import RedisRoleDirectory
from paseport_shared.adapters.redis.session_store import RedisSessionStore
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.session import SessionPolicy
from paseport_shared.domain.ports.attempt_limiter import Attempt, Limit
from paseport_testkit.harness.redis import RedisNode
from paseport_testkit.harness.waiting import wait_until
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

START = Path(__file__).resolve().parents[4] / "docker" / "redis" / "start.sh"
POLICY = SessionPolicy(idle=timedelta(hours=1), max_lifetime=timedelta(days=1))

# --- who may do what --------------------------------------------------------------------------------------------------


def as_user(node: RedisNode, username: str) -> RedisSettings:
    credentials = getattr(node.users, username)
    return RedisSettings(
        node=Address(*node.address), username=credentials.username, password=Secret(credentials.password)
    )


def a_revocation(subject: UUID) -> Revocation:
    return Revocation(RevocationKind.FAMILY, str(subject), None, NOW, NOW + timedelta(days=90))


async def test_the_api_reads_what_the_issuer_writes(redis_node: RedisNode) -> None:
    state, session, revoked = a_state(1, "Admin"), signed_in(), a_revocation(new_user())
    async with RedisAccess(as_user(redis_node, "issuer")) as issuer, RedisAccess(as_user(redis_node, "api")) as api:
        await RedisRoleDirectory(issuer).put(state)
        await RedisSessionStore(issuer, POLICY).create(session)
        feed = RedisRevocationPublisher(issuer)
        epoch = await feed.epoch()
        await feed.publish(revoked)
        await feed.mark_complete(epoch)

        read_feed = RedisRevocationPublisher(api)
        snapshot = await read_feed.snapshot(NOW)
        later = a_revocation(new_user())
        await feed.publish(later)

        assert await RedisRoleDirectory(api).find(state.user_id) == state
        assert await RedisRoleDirectory(api).is_complete() is False
        assert await RedisSessionStore(api, POLICY).list_for_user(session.user_id, NOW) == (session,)
        assert revoked in snapshot.revocations
        assert [change.what for change in await read_feed.changes_since(snapshot.position, 0.5)] == [later]
        assert await read_feed.changes_since((await read_feed.snapshot(NOW)).position, 0.01) == ()


async def test_the_api_changes_nothing_even_with_the_issuer_s_own_scripts(redis_node: RedisNode) -> None:
    state, session = a_state(1, "Admin"), signed_in()
    async with RedisAccess(as_user(redis_node, "issuer")) as issuer, RedisAccess(as_user(redis_node, "api")) as api:
        await RedisRoleDirectory(issuer).put(state)
        await RedisSessionStore(issuer, POLICY).create(session)

        with pytest.raises(Unavailable) as putting:
            await RedisRoleDirectory(api).put(replace(state, roles=frozenset({"User"}), revision=2))
        with pytest.raises(Unavailable) as ending:
            await RedisSessionStore(api, POLICY).end(session.id)

        assert [refused.value.reason for refused in (putting, ending)] == ["Redis answered NOPERM"] * 2
        assert await RedisRoleDirectory(issuer).find(state.user_id) == state
        assert await RedisSessionStore(issuer, POLICY).find(session.id, NOW) == session


async def test_the_issuer_may_count_attempts_and_keep_what_waits_for_the_record(redis_node: RedisNode) -> None:
    async with RedisAccess(as_user(redis_node, "issuer")) as issuer:
        await RedisAttemptLimiter(issuer).take([Attempt(new_id(), Limit(1, timedelta(minutes=1)))], NOW)

        assert await RedisPendingRecord(issuer).read(10, 0.01) == ()


@contextmanager
def client(node: RedisNode, username: str) -> Iterator[redis.Redis]:
    credentials = getattr(node.users, username)
    with redis.Redis(
        host=node.host,
        port=node.port,
        username=credentials.username,
        password=credentials.password,
        retry=Retry(NoBackoff(), 0),
    ) as connection:
        yield connection


ADMINISTRATION = (
    "ACL LIST",
    "CLIENT KILL TYPE normal",
    "CONFIG GET dir",
    "FLUSHALL",
    "FLUSHDB",
    "KEYS x",
    "MIGRATE 127.0.0.1 1 x 0 1",
    "MODULE LIST",
    "MONITOR",
    "REPLICAOF NO ONE",
    "SAVE",
    "SCRIPT FLUSH",
    "SHUTDOWN",
    "SLOWLOG GET",
    "SORT x",
    "SWAPDB 0 1",
)


@pytest.mark.parametrize("command", ADMINISTRATION)
@pytest.mark.parametrize("username", ["issuer", "api"])
def test_no_service_may_administer_redis(redis_node: RedisNode, username: str, command: str) -> None:
    with client(redis_node, username) as connection, pytest.raises(NoPermissionError):
        connection.execute_command(*command.split())


def test_the_api_does_not_see_refresh_families(redis_node: RedisNode) -> None:
    """The key of a family is in its hash."""
    with client(redis_node, "issuer") as issuer:
        issuer.hset("refresh_token:by_token:x", "key", "secret")

    with client(redis_node, "api") as api, pytest.raises(NoPermissionError):
        api.hgetall("refresh_token:by_token:x")


# --- which node is the primary ----------------------------------------------------------------------------------------


class Cluster:
    """Three nodes and three Sentinels as docker/redis/start.sh starts them, each on an address of its own."""

    def __init__(self, folder: Path) -> None:
        # 127.0.0.0/8 is this machine (Linux). A network of one's own, so that nobody else has the ports.
        network = ".".join(str(1 + byte % 250) for byte in os.urandom(2))
        self.nodes = [f"127.{network}.1{number}" for number in (1, 2, 3)]
        self.sentinels = [f"127.{network}.2{number}" for number in (1, 2, 3)]
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        secrets = folder / "secrets"
        secrets.mkdir()
        self.passwords: dict[str, str] = {}
        for user in ("operator", "replica", "sentinel", "issuer", "api", "peer", "client"):
            self.passwords[user] = os.urandom(16).hex()
            (secrets / f"redis_{user}_password").write_text(self.passwords[user])

    def start(self, address: str) -> None:
        own = self._folder / address
        (own / "data").mkdir(parents=True, exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "REDIS_NODE_ADDRESS": address,
            "REDIS_SENTINEL_ADDRESSES": " ".join(self.sentinels),
            "REDIS_FIRST_PRIMARY": self.nodes[0],
            "REDIS_DATA_FOLDER": str(own / "data"),
            "REDIS_RUN_FOLDER": str(own / "run"),
            "REDIS_SECRETS_FOLDER": str(self._folder / "secrets"),
        }
        what = "node" if address in self.nodes else "sentinel"
        with (own / "log").open("ab") as log:
            self._running[address] = subprocess.Popen(
                ["sh", START, what],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, addresses: Sequence[str], number: signal.Signals = signal.SIGTERM) -> None:
        """End processes; the script has become the server by then, or waits in it."""
        stopped = [self._running.pop(address) for address in addresses if address in self._running]
        for process in stopped:
            os.killpg(process.pid, number)
        for process in stopped:
            # Redis does not end while it writes its first append-only file, and forgets that it should.
            wait_until("Redis ends", partial(_is_asked_again, process, number), 30)

    def stop_all(self) -> None:
        self.stop(list(self._running))

    @contextmanager
    def client(self, address: str, user: str) -> Iterator[redis.Redis]:
        with redis.Redis(
            host=address,
            port=6379 if address in self.nodes else 26379,
            username=user,
            password=self.passwords[user],
            socket_timeout=2,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        ) as connection:
            yield connection

    def primary(self) -> str:
        """Return the node that all Sentinels name. Raises ``RedisError`` or ``LookupError``."""
        named = set()
        for sentinel in self.sentinels:
            with self.client(sentinel, "client") as connection:
                answer: Any = connection.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "paseport")
                named.add(answer[0])
        if len(named) != 1:
            raise LookupError(f"the Sentinels name {sorted(named)}")
        return str(named.pop())

    def _watched_by(self, sentinel: str) -> tuple[int, int]:
        with self.client(sentinel, "operator") as connection:
            state: Any = connection.sentinel_master("paseport")
        return state["num-other-sentinels"], state["num-slaves"]

    def wait_for_primary_other_than(self, former: str) -> str:
        """Wait until the Sentinels agree on another node; return it."""

        def missing() -> str | None:
            try:
                return f"{former} is still the primary" if self.primary() == former else None
            except LookupError as error:
                return str(error)

        wait_until("another node is the primary", missing, 30)
        return self.primary()

    def wait_until_whole(self, primary_is_not: str = "") -> str:
        """Wait until the Sentinels agree and two replicas follow the primary; return it."""

        def missing() -> str | None:
            try:
                primary = self.primary()
                with self.client(primary, "operator") as connection:
                    information: Any = connection.info("replication")
                watched = [self._watched_by(sentinel) for sentinel in self.sentinels]
            except (redis.RedisError, LookupError) as error:
                return str(error)
            if primary == primary_is_not:
                return f"{primary} is still the primary"
            if (information["role"], information["connected_slaves"]) != ("master", 2):
                return f"{primary} is {information['role']} with {information['connected_slaves']} replicas"
            # A Sentinel asks for replicas every ten seconds only, and promotes none that it does not know.
            return (
                None if watched == [(2, 2)] * 3 else f"other Sentinels and replicas, as each Sentinel sees: {watched}"
            )

        wait_until("the cluster is whole", missing, 60)
        return self.primary()


def _is_asked_again(process: subprocess.Popen[bytes], number: signal.Signals) -> str | None:
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, number)
        return f"{process.pid} still runs"
    return None


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    try:
        yield cluster
    finally:
        cluster.stop_all()


def test_after_an_outage_of_everything_the_primary_is_who_it_was_last(cluster: Cluster) -> None:
    """FT-03. A node with older data must not become the primary because it was the first one once."""
    for address in (*cluster.sentinels, *cluster.nodes):
        cluster.start(address)
    first = cluster.wait_until_whole()
    assert first == cluster.nodes[0]

    cluster.stop([first], signal.SIGKILL)
    promoted = cluster.wait_for_primary_other_than(first)
    cluster.start(first)
    assert cluster.wait_until_whole(primary_is_not=first) == promoted
    with cluster.client(promoted, "issuer") as issuer:
        assert issuer.set("paseport:written", "after the failover")
        assert issuer.wait(2, 2000) == 2

    cluster.stop_all()
    # The former first one comes back before the Sentinels do: it waits for them.
    for address in (first, *cluster.sentinels, *(node for node in cluster.nodes if node != first)):
        cluster.start(address)

    assert cluster.wait_until_whole() == promoted
    with cluster.client(promoted, "issuer") as issuer:
        assert issuer.get("paseport:written") == "after the failover"


def test_a_sentinel_answers_services_and_takes_no_orders_from_them(cluster: Cluster) -> None:
    cluster.start(cluster.sentinels[0])
    with cluster.client(cluster.sentinels[0], "client") as service:
        wait_until("the Sentinel answers", lambda: _what_ping_says(service), 20)

        for order in ("FAILOVER paseport", "SET paseport quorum 1", "REMOVE paseport", "MONITOR x 127.0.0.1 1 1"):
            with pytest.raises(NoPermissionError):
                service.execute_command("SENTINEL", *order.split())


def _what_ping_says(connection: redis.Redis) -> str | None:
    try:
        connection.ping()
    except redis.RedisError as error:
        return str(error)
    return None
