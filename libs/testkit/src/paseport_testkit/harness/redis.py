"""Redis: one node, or a primary with two replicas that three Sentinels watch."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.containers import server
from paseport_testkit.harness.partition import Network, Place, places_without_network
from paseport_testkit.harness.ports import HOST, free_port
from paseport_testkit.harness.process import log_in
from paseport_testkit.harness.repository import REDIS_FOLDER, rendered
from paseport_testkit.harness.service import Service
from paseport_testkit.harness.switchboard import CLIENTS
from paseport_testkit.harness.waiting import NotInTime, wait_until

_ANSWER_TIMEOUT_SECONDS: Final = 1.0
_NODES: Final = ("redis-0", "redis-1", "redis-2")
_SENTINELS: Final = ("sentinel-0", "sentinel-1", "sentinel-2")
_REPLICAS: Final = len(_NODES) - 1
_QUORUM: Final = 2
_GATHERING_SECONDS: Final = 3.0
_CONFIRMING_MILLISECONDS: Final = 200
_ALONE: Final = ("min-replicas-to-write 0",)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in to a server, new for each harness."""

    username: str
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)

    @property
    def password_hash(self) -> str:
        """The password as ACL rules take it."""
        return sha256(self.password.encode()).hexdigest()


class RedisUsers:
    """The users of every node, with the rights that docker/redis/users.acl.template gives them."""

    def __init__(self) -> None:
        self.operator = Credentials("operator")
        self.replica = Credentials("replica")
        self.sentinel = Credentials("sentinel")
        self.issuer = Credentials("issuer")
        self.api = Credentials("api")
        self.verifier = Credentials("verifier")

    def access_list(self) -> str:
        """Return the ACL file."""
        users = (self.operator, self.replica, self.sentinel, self.issuer, self.api, self.verifier)
        hashes = {f"REDIS_{user.username.upper()}_HASH": user.password_hash for user in users}
        return rendered(REDIS_FOLDER / "users.acl.template", hashes)


class SentinelUsers:
    """The users of every Sentinel: those who ask, the other Sentinels, and who may do anything."""

    def __init__(self) -> None:
        self.operator = Credentials("operator")
        self.peer = Credentials("peer")
        self.client = Credentials("client")

    def lines(self, group: str, nodes: RedisUsers) -> list[str]:
        """Return the part of the configuration that has credentials."""
        values = {
            "REDIS_MASTER_NAME": group,
            "REDIS_SENTINEL_PASSWORD": nodes.sentinel.password,
            "REDIS_PEER_PASSWORD": self.peer.password,
            "REDIS_OPERATOR_HASH": self.operator.password_hash,
            "REDIS_PEER_HASH": self.peer.password_hash,
            "REDIS_CLIENT_HASH": self.client.password_hash,
        }
        return rendered(REDIS_FOLDER / "sentinel-credentials.template", values).splitlines()


class RedisNode(Service):
    """One server. What it acknowledged survives its death: it appends to a file before it answers.

    Its configuration is that of docker/redis, written at the first start only; afterwards it belongs to the server,
    because Sentinel writes the present roles into it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "redis",
        place: Place | None = None,
        users: RedisUsers | None = None,
        options: Sequence[str] = _ALONE,
        certificates: Certificates | None = None,
        logs: Path | None = None,
    ) -> None:
        self.host = HOST
        self.certificates = certificates
        self._place = place or _anywhere()
        self.port = self._place.announced_port
        self.users = users or RedisUsers()
        self._folder = folder
        self._configuration = folder / f"{name}.conf"
        self._access_list = folder / "users.acl"
        self._options = options
        folder.mkdir(parents=True, exist_ok=True)
        folders = [folder] if certificates is None else [folder, certificates.ca.parent]
        log = log_in(logs or folder, name)
        super().__init__(server(name, "redis-server", [self._configuration], log, self._missing, folders=folders))

    def __repr__(self) -> str:
        return f"RedisNode({self.process.name!r}, {self.host}:{self.port})"

    @property
    def username(self) -> str:
        """The issuer's user."""
        return self.users.issuer.username

    @property
    def password(self) -> str:
        """The password of the issuer's user."""
        return self.users.issuer.password

    @property
    def url(self) -> str:
        """The address for the issuer, as REDIS_URL takes it."""
        return self.url_for(self.users.issuer)

    def url_for(self, user: Credentials) -> str:
        """Return the address for a user, as REDIS_URL takes it; ``rediss:`` where the node speaks TLS only."""
        scheme = "redis" if self.certificates is None else "rediss"
        return f"{scheme}://{user.username}:{user.password}@{self.host}:{self.port}/0"

    @property
    def address(self) -> tuple[str, int]:
        """Where clients find it."""
        return self.host, self.port

    @contextmanager
    def admin(self) -> Iterator[redis.Redis]:
        """Connect as a user who may do anything. Commands are tried once and wait for one second.

        No cut of the cluster's network is in the way.
        """
        with _connect((self.host, self._place.port), self.users.operator, self.certificates) as client:
            yield client

    def start(self, replica_of: RedisNode | None = None) -> None:
        """Start with the data there is; ``replica_of`` overrules the role that the configuration names."""
        if not self._configuration.exists():
            _write_private(self._access_list, self.users.access_list())
            _write_private(self._configuration, "\n".join([*self._lines(), ""]))
        if replica_of is not None:
            self._follow(replica_of)
        super().start()

    def role(self) -> str | None:
        """Return what the node says it is, ``master`` or ``slave``; None when it does not answer."""
        with suppress(RedisError), self.admin() as client:
            answer: Any = client.role()
            return str(answer[0])
        return None

    def follow(self, primary: RedisNode) -> None:
        """Become a replica of ``primary`` now."""
        with self.admin() as client:
            client.replicaof(primary.host, primary.port)

    def wait_for_replicas(self, count: int, timeout_seconds: float = 30) -> None:
        """Wait until so many replicas confirm a write, and with it everything that was written before the call.

        INFO does not tell: a replica that has just read a snapshot counts as online, and is sent nothing more before
        it has reported again, up to a second later.
        """

        def missing() -> str | None:
            try:
                with self.admin() as client:
                    client.publish("paseport-testkit", "Is this confirmed?")
                    confirmed: Any = client.wait(count, _CONFIRMING_MILLISECONDS)
            except RedisError as refused:
                return str(refused)
            return None if confirmed >= count else f"{confirmed} have"

        wait_until(f"{count} replicas have all data of {self}", missing, timeout_seconds)

    def _follow(self, primary: RedisNode) -> None:
        lines = self._configuration.read_text().splitlines()
        kept = [line for line in lines if not line.startswith(("replicaof ", "slaveof "))]
        self._configuration.write_text("\n".join([*kept, f"replicaof {primary.host} {primary.port}", ""]))

    def _lines(self) -> list[str]:
        values = {
            "REDIS_NODE_ADDRESS": self.host,
            "REDIS_DATA_FOLDER": str(self._folder),
            "REDIS_RUN_FOLDER": str(self._access_list.parent),
            "REDIS_MAX_MEMORY": "256mb",
        }
        # Of two lines for one thing the later one counts.
        return [
            *rendered(REDIS_FOLDER / "node.conf.template", values).splitlines(),
            f"masterauth {self.users.replica.password}",
            *_lines_of(self._place),
            *_tls_lines(self._place, self.certificates),
            f"replica-announce-port {self._place.announced_port}",
            *self._options,
        ]

    def _missing(self) -> str | None:
        return _what_ping_says((self.host, self._place.port), self.users.operator, self.certificates)


class Sentinel(Service):
    """One of the Sentinels of a cluster."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        place: Place,
        lines: Sequence[str],
        admin: Credentials,
        logs: Path | None = None,
    ) -> None:
        self.host = HOST
        self.port = place.announced_port
        self._direct = (HOST, place.port)
        self._admin = admin
        self._lines = lines
        self._configuration = folder / f"{name}.conf"
        folder.mkdir(parents=True, exist_ok=True)
        arguments = (self._configuration, "--sentinel")
        log = log_in(logs or folder, name)
        super().__init__(server(name, "redis-server", arguments, log, self._missing, folders=[folder]))

    def __repr__(self) -> str:
        return f"Sentinel({self.process.name!r}, {self.host}:{self.port})"

    @property
    def address(self) -> tuple[str, int]:
        """Where clients find it."""
        return self.host, self.port

    @contextmanager
    def admin(self) -> Iterator[redis.Redis]:
        """Connect as a user who may do anything. No cut of the cluster's network is in the way."""
        with _connect(self._direct, self._admin) as client:
            yield client

    def start(self) -> None:
        """Start with what it knows; it wrote that into its own configuration."""
        if not self._configuration.exists():
            _write_private(self._configuration, "\n".join([*self._lines, ""]))
        super().start()

    def ask(self, *command: str) -> Any:
        """Return the answer to a SENTINEL command as it came; None when there is none."""
        with suppress(RedisError), self.admin() as client:
            execute: Callable[..., Any] = client.execute_command
            return execute("SENTINEL", *command)
        return None

    def primary_of(self, group: str) -> dict[str, str] | None:
        """Return what it knows of the primary; None when it does not answer."""
        fields = self.ask("master", group)
        return None if fields is None else _pairs(fields)

    def replicas_of(self, group: str) -> list[dict[str, str]]:
        """Return what it knows of each replica."""
        return [_pairs(fields) for fields in self.ask("replicas", group) or ()]

    def _missing(self) -> str | None:
        return _what_ping_says(self._direct, self._admin)


class RedisCluster:
    """A primary, two replicas, three Sentinels. Writes are refused while no replica confirms.

    Nodes and Sentinels are named by their index for as long as the cluster exists; which node is the primary is what
    the Sentinels say at the moment. With ``partitionable`` a ``network`` stands between all of them and their clients
    that can be cut; it costs each command some 100 µs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        master_name: str = "paseport",
        partitionable: bool = False,
        logs: Path | None = None,
    ) -> None:
        self.master_name = master_name
        self.users = RedisUsers()
        self.sentinel_users = SentinelUsers()
        self._logs = logs
        names = [*_NODES, *_SENTINELS]
        self.network = Network(folder / "network", names, logs=logs) if partitionable else None
        places = self.network.places if self.network is not None else places_without_network(names)
        self.nodes = [self._node(folder, name, places[name]) for name in _NODES]
        primary_port = self.nodes[0].port
        self.watchers = [self._sentinel(folder, name, places[name], primary_port) for name in _SENTINELS]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def sentinels(self) -> list[tuple[str, int]]:
        """Where the Sentinels are, for REDIS_SENTINELS."""
        return [watcher.address for watcher in self.watchers]

    @property
    def sentinel_client(self) -> Credentials:
        """Whom the product asks the Sentinels as."""
        return self.sentinel_users.client

    @property
    def username(self) -> str:
        """The issuer's user on the nodes; ``users.api`` is the api's."""
        return self.users.issuer.username

    @property
    def password(self) -> str:
        """The password of the issuer's user on the nodes."""
        return self.users.issuer.password

    def start(self) -> None:
        """Start everything, node 0 as the primary, and wait until the cluster is whole."""
        try:
            primary, *replicas = self.nodes
            if self.network is not None:
                self.network.start()
            primary.start()
            for replica in replicas:
                replica.start(replica_of=primary)
            # First in sync, then watched: a Sentinel asks a primary for its replicas when it connects, and then
            # only every ten seconds.
            primary.wait_for_replicas(len(replicas))
            for watcher in self.watchers:
                watcher.start()
            self.wait_until_whole()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything, the Sentinels first: nothing is promoted meanwhile."""
        for service in (*self.watchers, *reversed(self.nodes)):
            service.stop()
        if self.network is not None:
            self.network.stop()

    @property
    def is_disturbed(self) -> bool:
        """True while a part stands still or is not there, or the network is cut."""
        is_cut = self.network is not None and self.network.is_cut
        return is_cut or any(service.is_disturbed for service in (*self.watchers, *self.nodes))

    def restore(self) -> None:
        """Make the cluster whole again, whatever a test did to it. The primary stays the one that it is by then."""
        disturbed = [service for service in (*self.watchers, *self.nodes) if service.is_disturbed]
        if not self.is_disturbed and self._missing() is None:
            # Also where a test has mended it all: a replica that just came back confirms nothing for up to a second.
            self.primary().wait_for_replicas(_REPLICAS)
            return
        if self.network is not None:
            self.network.restore()
        for service in disturbed:
            service.restore()
        wait_until("one primary has all replicas again", self._not_gathered, 60)
        # A Sentinel looks at its replicas every ten seconds; one that starts does so at once. (SENTINEL RESET would
        # make it forget them until that time is over.)
        for watcher in self.watchers:
            watcher.stop()
            watcher.start()
        self.wait_until_whole()

    def primary(self) -> RedisNode:
        """Return the node that a majority of the Sentinels names. Raises ``LookupError`` where there is none."""
        named = self._named_primary()
        if named is None:
            raise LookupError("no majority of the Sentinels names one primary")
        return named

    def replicas(self) -> list[RedisNode]:
        """Return the nodes that are not the primary."""
        primary = self.primary()
        return [node for node in self.nodes if node is not primary]

    def index_of(self, node: RedisNode) -> int:
        """Return the number of a node of this cluster."""
        return self.nodes.index(node)

    def rejoin(self, node: RedisNode) -> None:
        """Start a dead node as a replica of the present primary.

        ``node.start()`` alone plays the hard way: a former primary takes itself for the primary until the Sentinels
        correct it, about ten seconds later.
        """
        node.start(replica_of=self.primary())

    def isolate(self, node: RedisNode, *, with_clients: bool = False, with_watchers: Sequence[Sentinel] = ()) -> None:
        """Cut a node off from the rest of the cluster, alone or together with the clients and some Sentinels.

        Whoever is with it reaches it as before, and reaches nobody of the rest.
        """
        one_side = [service.process.name for service in (node, *with_watchers)]
        self._cuttable().separate([*one_side, CLIENTS] if with_clients else one_side)

    def cut_replication(self) -> None:
        """Let the replicas hear nothing more from the primary, which does not notice at first (half-open).

        Clients and Sentinels reach all nodes as before.
        """
        primary = self.primary().process.name
        self._cuttable().cut([name for name in _NODES if name != primary], [primary])

    def heal(self) -> None:
        """Take back every cut."""
        self._cuttable().heal()

    def wait_until_whole(self, timeout_seconds: float = 60) -> None:
        """Wait until each Sentinel sees the others and two replicas, which have all data. Raises ``NotInTime``."""
        wait_until("the Redis cluster is whole", self._missing, timeout_seconds)
        self.primary().wait_for_replicas(_REPLICAS, timeout_seconds)

    def wait_for_new_primary(self, old: RedisNode, timeout_seconds: float = 30) -> RedisNode:
        """Wait until a majority names another node and this one accepts it. Raises ``NotInTime``."""

        def missing() -> str | None:
            return f"the Sentinels name {old}" if self._named_primary() is old else self._no_working_primary()

        wait_until("another Redis node is the primary", missing, timeout_seconds)
        return self.primary()

    def _not_gathered(self) -> str | None:
        """Let every node follow the primary, and say what is still missing.

        Which one that is is asked anew at each look: a failover that was under way when the nodes came back ends with
        another one, and nobody can see it coming.
        """
        # All of them: one that still carries out a failover must not be disturbed.
        if (reason := self._no_working_primary(len(_SENTINELS))) is not None:
            return reason
        primary = self.primary()
        try:
            for node in self.nodes:
                if node is not primary:
                    node.follow(primary)
            primary.wait_for_replicas(_REPLICAS, _GATHERING_SECONDS)
        except (RedisError, NotInTime) as late:
            return str(late)
        is_still = self._named_primary(len(_SENTINELS)) is primary and primary.role() == "master"
        return None if is_still else f"{primary} is the primary no more"

    def _cuttable(self) -> Network:
        if self.network is None:
            raise ValueError("this cluster was not made partitionable")
        return self.network

    def _no_working_primary(self, votes: int = _QUORUM) -> str | None:
        named = self._named_primary(votes)
        if named is None:
            return "the Sentinels do not agree on a primary"
        role = named.role()
        return None if role == "master" else f"{named} says it is {role}"

    def _named_primary(self, needed: int = _QUORUM) -> RedisNode | None:
        votes: Counter[int] = Counter()
        for watcher in self.watchers:
            address = None if watcher.is_disturbed else watcher.ask("get-master-addr-by-name", self.master_name)
            if address is not None:
                votes[int(address[1])] += 1
        for port, count in votes.most_common(1):
            if count >= needed:
                return next(node for node in self.nodes if node.port == port)
        return None

    def _missing(self) -> str | None:
        for watcher in self.watchers:
            state = watcher.primary_of(self.master_name)
            if state is None:
                return f"{watcher} does not answer"
            if state["flags"] != "master" or state["num-other-sentinels"] != "2" or state["num-slaves"] != "2":
                return (
                    f"{watcher} sees {state['num-other-sentinels']} other Sentinels, {state['num-slaves']} replicas and"
                    f" a primary that is {state['flags']}"
                )
            for replica in watcher.replicas_of(self.master_name):
                if replica["flags"] != "slave" or replica["master-link-status"] != "ok":
                    link = replica["master-link-status"]
                    return f"{watcher} sees a replica that is {replica['flags']} with the link to its primary {link}"
        return None if self._named_primary() is not None else "the Sentinels do not agree on a primary"

    def _node(self, folder: Path, name: str, place: Place) -> RedisNode:
        return RedisNode(
            folder / name,
            name=name,
            place=place,
            users=self.users,
            logs=self._logs,
            options=[
                # Sooner than in production: tests wait for it.
                "min-replicas-max-lag 3",
                "repl-timeout 5",
            ],
        )

    def _sentinel(self, folder: Path, name: str, place: Place, primary_port: int) -> Sentinel:
        group = self.master_name
        return Sentinel(
            folder / name,
            name=name,
            place=place,
            admin=self.sentinel_users.operator,
            logs=self._logs,
            lines=[
                *_lines_of(place),
                f'dir "{folder / name}"',
                f"sentinel announce-ip {HOST}",
                f"sentinel announce-port {place.announced_port}",
                f"sentinel monitor {group} {HOST} {primary_port} {_QUORUM}",
                f"sentinel down-after-milliseconds {group} 2000",
                f"sentinel failover-timeout {group} 3000",
                f"sentinel parallel-syncs {group} 2",
                *self.sentinel_users.lines(group, self.users),
            ],
        )


def _anywhere() -> Place:
    port = free_port()
    return Place(port, port, None)


def _lines_of(place: Place) -> list[str]:
    lines = [f"port {place.port}", f"bind {HOST}"]
    return lines if place.source is None else [*lines, f"bind-source-addr {place.source}"]


def _tls_lines(place: Place, certificates: Certificates | None) -> list[str]:
    if certificates is None:
        return []
    return [
        "port 0",
        f"tls-port {place.port}",
        f'tls-cert-file "{certificates.certificate}"',
        f'tls-key-file "{certificates.key}"',
        f'tls-ca-cert-file "{certificates.ca}"',
        "tls-auth-clients no",
    ]


def _connect(address: tuple[str, int], user: Credentials, certificates: Certificates | None = None) -> redis.Redis:
    host, port = address
    return redis.Redis(
        # Answers as flat lists of text, whatever the driver's default.
        protocol=2,
        decode_responses=True,
        host=host,
        port=port,
        username=user.username,
        password=user.password,
        socket_timeout=_ANSWER_TIMEOUT_SECONDS,
        socket_connect_timeout=_ANSWER_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        ssl=certificates is not None,
        ssl_ca_certs=None if certificates is None else str(certificates.ca),
    )


def _what_ping_says(
    address: tuple[str, int], user: Credentials, certificates: Certificates | None = None
) -> str | None:
    try:
        with _connect(address, user, certificates) as client:
            client.ping()
    except RedisError as refused:
        return str(refused)
    return None


def _pairs(fields: Sequence[str]) -> dict[str, str]:
    return dict(zip(fields[::2], fields[1::2], strict=True))


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
