"""What one look at a running service shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Part:
    """Something a service needs. ``detail`` is a sentence for operators, without secrets or addresses."""

    name: str
    is_up: bool
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A bounded pool of workers or connections, and how many callers wait for one."""

    name: str
    in_use: int
    capacity: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Counters:
    """What a service counts about itself since ``started_at``. ``errors`` are answers of 500 and above."""

    version: str
    started_at: datetime
    requests: int
    errors: int
    pools: tuple[Pool, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceReading:
    """One look: the parts of the service, and its counters where they could be read."""

    parts: tuple[Part, ...]
    counters: Counters | None
