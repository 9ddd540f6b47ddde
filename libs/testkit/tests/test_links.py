"""Links that are slow, silent, narrow or down."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis
from paseport_testkit.harness.redis import RedisNode
from paseport_testkit.harness.toxiproxy import Link, Toxiproxy
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry


@pytest.fixture
def link(toxiproxy: Toxiproxy, redis_node: RedisNode) -> Link:
    return toxiproxy.link("redis", redis_node.address)


@pytest.fixture
def client(link: Link, redis_node: RedisNode) -> Iterator[redis.Redis]:
    connected = redis.Redis(
        host=link.host,
        port=link.port,
        username=redis_node.username,
        password=redis_node.password,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
    )
    with connected:
        assert connected.ping()
        yield connected


def test_a_slow_link_is_late(link: Link, client: redis.Redis) -> None:
    link.latency(100)
    begun = time.monotonic()

    client.ping()

    assert time.monotonic() - begun >= 0.1


def test_a_silent_link_answers_nothing_and_stays_open(link: Link, client: redis.Redis) -> None:
    link.silence()

    with pytest.raises(RedisTimeoutError):
        client.ping()


def test_a_link_that_is_cut_refuses(link: Link, client: redis.Redis) -> None:
    link.cut()

    with pytest.raises(RedisConnectionError):
        client.ping()


def test_an_answer_can_break_off(link: Link, client: redis.Redis) -> None:
    client.set("paseport:harness:long", "x" * 10_000)
    link.limit_data(5_000)

    with pytest.raises(RedisConnectionError):
        client.get("paseport:harness:long")


def test_after_a_test_every_link_is_healed(toxiproxy: Toxiproxy, link: Link, client: redis.Redis) -> None:
    link.silence()
    link.latency(100, direction="upstream")

    toxiproxy.restore()

    assert client.ping()


def test_links_are_there_again_after_toxiproxy_was_killed(
    toxiproxy: Toxiproxy, link: Link, client: redis.Redis
) -> None:
    toxiproxy.kill()

    toxiproxy.restore()

    assert client.ping()
