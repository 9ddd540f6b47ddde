"""Hashes of another system, out of a real Redis."""

from __future__ import annotations

from datetime import timedelta

import pytest
from paseport.secret import Secret
from paseport_shared.adapters.redis.foreign_records import ForeignRecord, read_foreign_records
from paseport_shared.domain.errors import Unavailable
from paseport_testkit.harness.ports import HOST, free_port
from paseport_testkit.harness.redis import RedisNode
from redis import Redis


@pytest.fixture
def redis(redis_node: RedisNode) -> Redis:
    """The other system's own connection: it may do everything."""
    return Redis.from_url(redis_node.url_for(redis_node.users.operator), decode_responses=True)


def read(node: RedisNode, prefix: str) -> dict[str, ForeignRecord]:
    records = list(read_foreign_records(node.url_for(node.users.operator), prefix))
    assert len({record.name for record in records}) == len(records)
    return {record.name: record for record in records}


def test_every_hash_below_the_prefix_comes_with_its_fields_and_its_time(
    redis_node: RedisNode, redis: Redis, redis_namespace: str
) -> None:
    """More of them than one look brings."""
    pipeline = redis.pipeline(transaction=False)
    for number in range(1_300):
        pipeline.hset(f"{redis_namespace}{number}", mapping={"email": f"{number}@example.com"})
    pipeline.expire(f"{redis_namespace}7", 3_600)
    pipeline.execute()

    records = read(redis_node, redis_namespace)

    assert len(records) == 1_300
    assert records["12"] == ForeignRecord("12", {"email": "12@example.com"}, None)
    expires_in = records["7"].expires_in
    assert expires_in is not None
    assert timedelta(minutes=59) < expires_in <= timedelta(hours=1)


def test_what_is_no_hash_and_what_lies_elsewhere_is_passed_over(
    redis_node: RedisNode, redis: Redis, redis_namespace: str
) -> None:
    """The characters of a prefix mean themselves."""
    prefix = f"{redis_namespace}[a]*:"
    redis.hset(f"{prefix}1", mapping={"email": "x"})
    redis.hset(f"{redis_namespace}axx:2", mapping={"email": "x"})
    redis.set(f"{prefix}3", "text")
    redis.rpush(f"{prefix}4", "list")

    assert set(read(redis_node, prefix)) == {"1"}
    assert set(read(redis_node, f"{redis_namespace}none:")) == set()


def test_bytes_that_are_no_text_hold_nothing_up(redis_node: RedisNode, redis: Redis, redis_namespace: str) -> None:
    redis.hset(f"{redis_namespace}1", mapping={"comment": b"\xff\xfe"})
    redis.hset(f"{redis_namespace}2", mapping={"comment": "fine"})

    assert set(read(redis_node, redis_namespace)) == {"1", "2"}


def test_nothing_is_changed_there(redis_node: RedisNode, redis: Redis, redis_namespace: str) -> None:
    redis.hset(f"{redis_namespace}1", mapping={"email": "x"})
    redis.expire(f"{redis_namespace}1", 100)

    read(redis_node, redis_namespace)

    assert redis.hgetall(f"{redis_namespace}1") == {"email": "x"}
    assert 90 < int(redis.ttl(f"{redis_namespace}1")) <= 100  # type: ignore[arg-type] - it waits for the answer


def test_a_server_that_does_not_answer_or_refuses_is_unavailable_and_no_message_has_the_password(
    redis_node: RedisNode,
) -> None:
    address = redis_node.url_for(redis_node.users.operator).rpartition("@")[2]
    for url, password in (
        (f"redis://:canary@{HOST}:{free_port()}/0", None),
        (f"redis://operator:canary@{address}", None),
        (f"redis://operator@{address}", Secret("canary")),
    ):
        with pytest.raises(Unavailable) as refused:
            list(read_foreign_records(url, "tokens:", password))
        assert "canary" not in str(refused.value) + refused.value.reason


@pytest.mark.parametrize("url", ["", "http://localhost", "localhost:6379", "redis://localhost:port"])
def test_what_is_no_address_of_a_redis_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(read_foreign_records(url, "tokens:"))
