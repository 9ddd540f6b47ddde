"""What drills do to the Redis of an installation, beside what the harness offers."""

from __future__ import annotations

from paseport_testkit.harness.redis import RedisCluster
from paseport_testkit.harness.waiting import NotInTime, wait_until
from redis.exceptions import RedisError

_LOOK_SECONDS = 1.0


def wait_for_two_replicas(redis: RedisCluster, timeout_seconds: float = 60) -> None:
    """Wait until whichever node is the primary then has two replicas with all data.

    On a machine with much else to do the Sentinels may by mistake replace a primary that answers too late.
    """

    def missing() -> str | None:
        try:
            redis.primary().wait_for_replicas(2, timeout_seconds=_LOOK_SECONDS)
        except (LookupError, RedisError, NotInTime) as reason:
            return str(reason)
        return None

    wait_until("the primary has two replicas", missing, timeout_seconds)
