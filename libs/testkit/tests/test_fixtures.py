"""The fixtures as tests meet them."""

from __future__ import annotations

import redis
from paseport_testkit.harness.mariadb import MariaDb
from paseport_testkit.harness.redis import RedisNode


def test_each_test_has_an_empty_database_of_its_own(mariadb: MariaDb, database_url: str) -> None:
    tables = mariadb.execute(f"SHOW TABLES IN {database_url.rsplit('/', 1)[1]}")

    assert list(tables) == []


async def test_a_service_may_be_asked_from_within_an_event_loop(mariadb: MariaDb) -> None:
    assert mariadb.execute("SELECT 1") == ((1,),)


def test_the_address_of_a_node_lets_the_product_in(redis_node: RedisNode, redis_namespace: str) -> None:
    with redis.Redis.from_url(redis_node.url, decode_responses=True) as client:
        client.set(f"paseport:{redis_namespace}a", "1")

        assert client.get(f"paseport:{redis_namespace}a") == "1"
