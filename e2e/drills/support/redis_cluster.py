"""What drills do to the Redis of an installation, beside what the harness offers."""

from __future__ import annotations

from typing import Final

from paseport_testkit.harness.redis import RedisCluster
from paseport_testkit.harness.waiting import NotInTime, wait_until
from redis.exceptions import RedisError

_LOOK_SECONDS: Final = 1.0


def wait_for_two_replicas(redis: RedisCluster, timeout_seconds: float = 60) -> None:
    """Wait until all Sentinels are content with one primary, whichever, which has two replicas with all data.

    On a machine with much else to do they may replace a primary by mistake, because it answers too late. Whoever kills
    the next one before they are done with that may leave them with no two of one opinion.
    """

    def missing() -> str | None:
        states = [watcher.primary_of(redis.master_name) for watcher in redis.watchers]
        views = {(state["port"], state["flags"]) if state else None for state in states}
        try:
            primary = redis.primary()
            if views != {(str(primary.port), "master")}:
                return f"the Sentinels see {views}"
            primary.wait_for_replicas(2, timeout_seconds=_LOOK_SECONDS)
        except (LookupError, RedisError, NotInTime) as reason:
            return str(reason)
        return None

    wait_until("the primary has two replicas", missing, timeout_seconds)


class Failovers:
    """Counts how often the Sentinels replaced the primary since this was made."""

    def __init__(self, redis: RedisCluster) -> None:
        self._redis = redis
        self._before = self._epoch()

    @property
    def count(self) -> int:
        """How many there were; more than one where a busy machine kept a new primary from answering in time."""
        return self._epoch() - self._before

    def _epoch(self) -> int:
        states = (watcher.primary_of(self._redis.master_name) for watcher in self._redis.watchers)
        return max(int(state["config-epoch"]) for state in states if state is not None)
