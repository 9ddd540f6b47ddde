"""How Redis is reached, and what counts as an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from paseport.secret import Secret

BARRIER_KEY: Final = "paseport:barrier"


class Address(NamedTuple):
    """Host and port of one node, spelled as the settings or the Sentinels spell it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """Either ``node``, a single one, or ``sentinels`` with the name they know the primary by.

    ``wait_replicas`` (0 or 1) is how many replicas must confirm a write that an answer depends on; they have
    ``wait_milliseconds``, which must leave room for two of them within ``deadline_seconds``. ``max_callers`` are served
    at once, the next ones wait; ``max_readers`` may block for news, each on a connection of its own.
    """

    node: Address | None = None
    sentinels: tuple[Address, ...] = ()
    master_name: str = ""
    username: str | None = None
    password: Secret[str] | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: Secret[str] | None = field(default=None, repr=False)
    db: int = 0
    tls: bool = False
    tls_skip_verify: bool = False
    tls_ca_file: str | None = None
    wait_replicas: int = 0
    wait_milliseconds: int = 200
    deadline_seconds: float = 0.5
    max_callers: int = 256
    max_readers: int = 64
    barrier_key: str = BARRIER_KEY

    def __post_init__(self) -> None:
        """Refuse settings under which nothing could be found or confirmed: ValueError."""
        if (self.node is None) != bool(self.sentinels):
            message = "name either one node or the Sentinels"
            raise ValueError(message)
        if self.sentinels and not self.master_name:
            message = "Sentinels need the name of the primary"
            raise ValueError(message)
        if self.wait_replicas not in (0, 1):
            message = "wait for 0 or 1 replicas"
            raise ValueError(message)
        if self.wait_milliseconds * 2 > self.deadline_seconds * 1000:
            message = "the deadline must leave room for two waits: one may have to wait for another's"
            raise ValueError(message)


def tagged(namespace: str) -> str:
    """Return a prefix under which all keys lie in one hash slot: its first part is the tag, ``{attempts}``."""
    tag, colon, rest = namespace.partition(":")
    return f"{{{tag}}}{colon}{rest}"
