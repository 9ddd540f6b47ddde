"""Redis with Sentinel as tests of failures use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.redis import Credentials, RedisCluster, RedisNode
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel


@contextmanager
def client(node: RedisNode, user: Credentials) -> Iterator[Any]:
    """A client at the announced address of a node."""
    connected = redis.Redis(
        host=node.host,
        port=node.port,
        username=user.username,
        password=user.password,
        socket_timeout=1,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    with closing(connected):
        yield connected


def test_a_node_that_was_killed_comes_back_with_what_it_acknowledged(redis_node: RedisNode) -> None:
    with client(redis_node, redis_node.users.issuer) as issuer:
        issuer.set("paseport:harness:kept", "yes")

    redis_node.kill()
    redis_node.start()

    with client(redis_node, redis_node.users.issuer) as issuer:
        assert issuer.get("paseport:harness:kept") == "yes"


def test_nobody_gets_in_without_a_password(redis_node: RedisNode) -> None:
    once = Retry(NoBackoff(), 0)
    stranger = redis.Redis(host=redis_node.host, port=redis_node.port, retry=once)
    with stranger, pytest.raises(AuthenticationError):
        stranger.ping()


def test_the_users_have_the_rights_that_operators_give_them(redis_node: RedisNode) -> None:
    with client(redis_node, redis_node.users.api) as api, pytest.raises(NoPermissionError):
        api.set("paseport:harness:forbidden", "1")
    with client(redis_node, redis_node.users.issuer) as issuer, pytest.raises(NoPermissionError):
        issuer.flushall()


def test_the_sentinels_lead_a_client_to_the_primary(redis_cluster: RedisCluster) -> None:
    asks = redis_cluster.sentinel_client
    finder = Sentinel(
        redis_cluster.sentinels,
        sentinel_kwargs={"username": asks.username, "password": asks.password},
        username=redis_cluster.username,
        password=redis_cluster.password,
    )
    try:
        with finder.master_for(redis_cluster.master_name) as primary:
            primary.set("paseport:harness:confirmed", "1")
            confirmed: Any = primary.wait(2, 1000)

            assert confirmed == 2
            assert finder.discover_master(redis_cluster.master_name) == redis_cluster.primary().address
    finally:
        for sentinel in finder.sentinels:
            sentinel.close()


def test_a_promoted_replica_is_found_and_has_what_was_confirmed(redis_cluster: RedisCluster) -> None:
    old = redis_cluster.primary()
    with client(old, redis_cluster.users.issuer) as issuer:
        issuer.set("paseport:harness:before", "1")
        assert issuer.wait(1, 1000) >= 1

    old.kill()
    new = redis_cluster.wait_for_new_primary(old)

    assert new is not old
    assert new.role() == "master"
    with client(new, redis_cluster.users.issuer) as issuer:
        assert issuer.get("paseport:harness:before") == "1"
    redis_cluster.rejoin(old)
    redis_cluster.wait_until_whole()
    # Which one is the primary by now is for the Sentinels to say: on a busy machine they may change their minds again.
    with client(redis_cluster.primary(), redis_cluster.users.issuer) as issuer:
        assert issuer.get("paseport:harness:before") == "1"


def test_after_a_test_that_paused_the_primary_the_cluster_is_whole_again(redis_cluster: RedisCluster) -> None:
    old = redis_cluster.primary()
    old.pause()
    new = redis_cluster.wait_for_new_primary(old)

    redis_cluster.restore()

    redis_cluster.wait_until_whole(timeout_seconds=1)
    assert redis_cluster.primary() is new
    assert old.role() == "slave"


def test_without_two_sentinels_no_primary_is_named(redis_cluster: RedisCluster) -> None:
    for watcher in redis_cluster.watchers[:2]:
        watcher.kill()

    with pytest.raises(LookupError):
        redis_cluster.primary()


def test_replication_can_be_cut_before_a_promotion_so_that_an_unconfirmed_write_is_lost(
    partitionable_redis: RedisCluster,
) -> None:
    cluster = partitionable_redis
    old = cluster.primary()
    with client(old, cluster.users.issuer) as issuer:
        cluster.cut_replication()
        issuer.set("paseport:harness:lost", "1")
        assert issuer.wait(1, 200) == 0

    old.kill()
    new = cluster.wait_for_new_primary(old)
    cluster.heal()
    cluster.rejoin(old)
    cluster.wait_until_whole()

    for node in (new, old):
        with client(node, cluster.users.issuer) as issuer:
            assert issuer.get("paseport:harness:lost") is None


def test_a_primary_can_be_isolated_together_with_its_clients(partitionable_redis: RedisCluster) -> None:
    cluster = partitionable_redis
    old, with_it = cluster.primary(), cluster.watchers[0]

    cluster.isolate(old, with_clients=True, with_watchers=[with_it])
    new = cluster.wait_for_new_primary(old)

    with client(old, cluster.users.issuer) as issuer:
        assert issuer.role()[0] == "master"
    with client(new, cluster.users.issuer) as issuer, pytest.raises(RedisError):
        issuer.ping()
    assert int(with_it.ask("get-master-addr-by-name", cluster.master_name)[1]) == old.port


def test_a_node_can_be_isolated_from_its_clients_too(partitionable_redis: RedisCluster) -> None:
    cluster = partitionable_redis
    old = cluster.primary()

    cluster.isolate(old)
    new = cluster.wait_for_new_primary(old)

    with client(old, cluster.users.issuer) as issuer, pytest.raises(RedisError):
        issuer.ping()
    with client(new, cluster.users.issuer) as issuer:
        assert issuer.ping()


def test_a_node_can_be_reached_over_tls_alone(tmp_path: Path, certificates: Certificates) -> None:
    with RedisNode(tmp_path, certificates=certificates) as node:
        assert node.url.startswith("rediss://")
        with redis.Redis.from_url(node.url, ssl_ca_certs=str(certificates.ca)) as trusting:
            assert trusting.ping()
        with redis.Redis.from_url(node.url) as careful, pytest.raises(RedisError):
            careful.ping()
