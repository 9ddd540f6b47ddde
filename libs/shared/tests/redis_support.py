"""What the tests of the Redis adapter share."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import pytest
from contracts.support import Unreachable
from paseport.redis.access import RedisAccess
from paseport.redis.settings import Address, RedisSettings
from paseport.secret import Secret
from paseport_testkit.harness.redis import RedisCluster, RedisNode


def cluster_settings(cluster: RedisCluster) -> RedisSettings:
    """How production reaches a cluster: through the Sentinels, with one replica to confirm."""
    return RedisSettings(
        sentinels=tuple(Address(*address) for address in cluster.sentinels),
        master_name=cluster.master_name,
        username=cluster.username,
        password=Secret(cluster.password),
        sentinel_username=cluster.sentinel_client.username,
        sentinel_password=Secret(cluster.sentinel_client.password),
        wait_replicas=1,
    )


def settings_of_the_api(cluster: RedisCluster) -> RedisSettings:
    """The same with the rights of the api, which reads most and writes little."""
    account = cluster.users.api
    return unhurried(replace(cluster_settings(cluster), username=account.username, password=Secret(account.password)))


def node_settings(node: RedisNode) -> RedisSettings:
    """How a small installation reaches its only node."""
    return RedisSettings(node=Address(*node.address), username=node.username, password=Secret(node.password))


def unhurried(settings: RedisSettings) -> RedisSettings:
    """For tests of what is answered, not of when: a busy machine fails none of them."""
    return replace(settings, deadline_seconds=10.0, wait_milliseconds=5_000)


@contextmanager
def shut_out(node: RedisNode) -> Iterator[None]:
    """Meanwhile the node lets nobody of the product in and has ended its connections; it goes on for all others."""
    with node.admin() as admin:
        admin.execute_command("ACL", "SETUSER", node.username, "off")
        admin.execute_command("CLIENT", "KILL", "USER", node.username)
        try:
            yield
        finally:
            admin.execute_command("ACL", "SETUSER", node.username, "on")


@asynccontextmanager
async def unreachable_node(node: RedisNode) -> AsyncIterator[None]:
    """The fixture ``unreachable`` of the contract suites."""
    with shut_out(node):
        yield


class OnACluster:
    """The store under test lives on a cluster, and a replica confirms its writes."""

    @pytest.fixture
    async def access(self, redis_cluster: RedisCluster, redis_namespace: str) -> AsyncIterator[RedisAccess]:
        settings = replace(cluster_settings(redis_cluster), barrier_key=f"paseport:{redis_namespace}barrier")
        async with RedisAccess(unhurried(settings)) as access:
            yield access

    @pytest.fixture
    def unreachable(self, redis_cluster: RedisCluster) -> Unreachable:
        return unreachable_node(redis_cluster.primary())


class OnASingleNode:
    """The store under test lives on one node, and nothing confirms its writes."""

    @pytest.fixture
    async def access(self, redis_node: RedisNode) -> AsyncIterator[RedisAccess]:
        async with RedisAccess(unhurried(node_settings(redis_node))) as access:
            yield access

    @pytest.fixture
    def unreachable(self, redis_node: RedisNode) -> Unreachable:
        return unreachable_node(redis_node)


async def lose(access: RedisAccess, *keys: str) -> None:
    """Damage the store: these keys are gone."""
    (count,) = await access.send(("DEL", *keys))
    assert count > 0
