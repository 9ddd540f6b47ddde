"""Real servers from the harness: Redis, Vault, the whole production stack. They run while a part measures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from paseport.redis.access import RedisAccess
from paseport.redis.settings import RedisSettings
from paseport_shared.adapters.redis.api_key_directory import RedisApiKeyDirectory
from paseport_shared.production_settings import RedisVariables
from paseport_shared.settings import load_settings
from paseport_shared.wiring import redis_settings
from paseport_testkit.harness.accounts import Account, Administrator, Refused
from paseport_testkit.harness.paseport import PaseportService
from paseport_testkit.harness.process import ServerFailed
from paseport_testkit.harness.programs import MissingPrograms, missing_programs
from paseport_testkit.harness.redis import Credentials, RedisCluster, RedisNode
from paseport_testkit.harness.service import Service
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.waiting import NotInTime

from bench.figures import BenchProblem
from bench.http import Connection, connections
from bench.product import Product, SignedIn
from bench.redis_benchmark import PROGRAM

_FAILURES: Final = (MissingPrograms, NotInTime, Refused, ServerFailed)


class _Servers(Protocol):
    def start(self) -> Any: ...

    def stop(self) -> None: ...


_Kind = TypeVar("_Kind", bound=_Servers)


def missing_servers() -> list[str]:
    """Return the programs that the parts of the stack need and this machine does not have."""
    return [*missing_programs(), *([] if shutil.which(PROGRAM) else [PROGRAM])]


@contextlib.asynccontextmanager
async def running_servers(make: Callable[[Path], _Kind], below: Path | None = None) -> AsyncIterator[_Kind]:
    """Run servers of the harness in a folder that is gone afterwards. Raises ``BenchProblem`` if they do not start.

    The folder is made ``below`` another one, or where temporary ones are.
    """
    with tempfile.TemporaryDirectory(prefix="paseport-bench-", dir=below) as folder:
        try:
            servers = await asyncio.to_thread(make, Path(folder) / "servers")
            await asyncio.to_thread(servers.start)
        except _FAILURES as error:
            raise BenchProblem(str(error)) from error
        try:
            yield servers
        finally:
            await asyncio.to_thread(servers.stop)


@contextlib.asynccontextmanager
async def running_stack(*, apis: int = 1, **more: str) -> AsyncIterator[Stack]:
    """Start the production topology: one issuer, one api or more, everything that they need, the edge.

    ``more`` are further settings of issuer and apis.
    """
    # One address makes all the requests here; nobody else has to stay out.
    settings = {"PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS": "1000000", **more}
    async with running_servers(lambda folder: Stack(folder, apis=apis, settings=settings)) as stack:
        yield stack


def product_of(stack: Stack, service: PaseportService) -> Product:
    """Return a service of the stack as its edge talks to it."""
    return Product(pid_of(service), service.port, origin=stack.origin)


def pid_of(service: Service) -> int:
    """Return the process id of a server that runs. Raises ``BenchProblem`` with the end of its log otherwise."""
    pid = service.process.pid
    if pid is None:
        raise BenchProblem(f"{service.process.name} has ended:\n{service.process.log_tail()}")
    return pid


async def sign_in(product: Product, connection: Connection, account: Account) -> SignedIn:
    """Sign an account of the stack in."""
    return await product.sign_in(connection, account.username, account.password)


async def sign_in_users(stack: Stack, issuer: Product, count: int) -> list[SignedIn]:
    """Make as many users and sign each of them in."""
    users = [Account(f"user{number:03}", ("User",)) for number in range(count)]
    try:
        await asyncio.to_thread(Administrator(stack.edge, stack.admin).create, users)
    except _FAILURES as error:
        raise BenchProblem(str(error)) from error
    async with connections(issuer.port, 1) as (connection,):
        return [await sign_in(issuer, connection, user) for user in users]


def redis_variables(cluster: RedisCluster) -> Mapping[str, str]:
    """Return the settings by which an issuer finds the cluster; a replica confirms what answers depend on."""
    asks = cluster.sentinel_client
    return {
        "REDIS_SENTINELS": ",".join(f"{host}:{port}" for host, port in cluster.sentinels),
        "REDIS_MASTER_NAME": cluster.master_name,
        "REDIS_USERNAME": cluster.username,
        "REDIS_PASSWORD": cluster.password,
        "REDIS_SENTINEL_USERNAME": asks.username,
        "REDIS_SENTINEL_PASSWORD": asks.password,
        "REDIS_WAIT_REPLICAS": "1",
    }


def node_variables(node: RedisNode, user: Credentials) -> Mapping[str, str]:
    """Return the settings by which a service finds a single node, as one of its users."""
    return {
        "REDIS_URL": f"redis://{node.host}:{node.port}",
        "REDIS_USERNAME": user.username,
        "REDIS_PASSWORD": user.password,
    }


@contextlib.asynccontextmanager
async def open_key_directory(node: RedisNode) -> AsyncIterator[RedisApiKeyDirectory]:
    """Open the directory of API keys on a Redis node, as the issuer does."""
    settings = redis_settings(load_settings(RedisVariables, node_variables(node, node.users.issuer)))
    async with RedisAccess(settings) as redis:
        yield RedisApiKeyDirectory(redis)


def redis_settings_of(cluster: RedisCluster) -> RedisSettings:
    """Return the same as the adapter takes it."""
    return redis_settings(load_settings(RedisVariables, redis_variables(cluster)))


def environment_for(cluster: RedisCluster) -> Mapping[str, str]:
    """Return the environment of an issuer of the bench that uses the cluster."""
    return {**os.environ, **redis_variables(cluster)}
