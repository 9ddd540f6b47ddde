"""The dashboard on the wire."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

import msgspec
from paseport.principal import Principal
from paseport.revocation_list import FeedState
from paseport_shared.domain.models.session import Session

from paseport_api.use_cases.observe_system import ServiceView, SystemView
from paseport_api.use_cases.show_dashboard import Dashboard

_VIEWS: Final = 4
"""What admins and what others see, of the latest look and the one before."""


class Me(msgspec.Struct, frozen=True):
    """Who is calling: live account data beside what the access token says."""

    subject: str
    username: str
    roles: list[str]
    client_id: str
    scope: list[str]
    session_id: str | None
    auth_time: datetime
    amr: list[str]
    expires_at: datetime

    @staticmethod
    def of(caller: Principal) -> Me:
        """Describe a caller who holds a role, and so is a person: machines hold none."""
        claims = caller.claims
        return Me(
            subject=claims.subject,
            username=caller.username,
            roles=sorted(caller.roles),
            client_id=claims.client_id,
            scope=list(claims.scope),
            session_id=claims.session_id,
            # The claim is optional in the token; whoever holds one has signed in when it was issued at the latest.
            auth_time=claims.auth_time or claims.issued_at,
            amr=list(claims.amr),
            expires_at=claims.expires_at,
        )


class SessionSummary(msgspec.Struct, frozen=True):
    """One of the caller's own sessions."""

    started_at: datetime
    last_seen_at: datetime
    user_agent: str | None
    address: str | None
    current: bool

    @staticmethod
    def of(session: Session, *, current: bool) -> SessionSummary:
        """Describe a session to its owner."""
        return SessionSummary(session.created_at, session.last_seen_at, session.user_agent, session.address, current)


class Sessions(msgspec.Struct, frozen=True):
    """``count`` counts all of them; ``items`` are the most recently used ones."""

    count: int
    items: list[SessionSummary]


class ServicePart(msgspec.Struct, frozen=True):
    """Something that the service needs."""

    name: str
    status: Literal["up", "down"]
    detail: str | None


class ServicePool(msgspec.Struct, frozen=True):
    """A bounded pool of workers or connections."""

    name: str
    in_use: int
    capacity: int
    waiting: int


class Feed(msgspec.Struct, frozen=True):
    """Where the service stands in the revocation feed."""

    state: Literal["fresh", "stale"]
    epoch: int
    seq: int
    age_seconds: float

    @staticmethod
    def of(feed: FeedState | None) -> Feed | None:
        """Describe a position; None where there is none to show."""
        if feed is None or feed.position is None or feed.age_seconds is None:
            return None
        state: Literal["fresh", "stale"] = "fresh" if feed.is_fresh else "stale"
        return Feed(state, feed.position.epoch, feed.position.seq, round(feed.age_seconds, 3))


class Service(msgspec.Struct, frozen=True):
    """One service. For callers who are not admins only ``name`` and ``status`` are filled in."""

    name: Literal["issuer", "api"]
    status: Literal["up", "down", "degraded"]
    version: str | None
    uptime_seconds: int | None
    requests_total: int | None
    requests_per_minute: float | None
    error_rate: float | None
    parts: list[ServicePart]
    pools: list[ServicePool]
    feed: Feed | None

    @staticmethod
    def of(view: ServiceView) -> Service:
        """Describe a service as far as the view shows it."""
        figures = view.figures
        return Service(
            name=view.name,
            status=view.status.value,
            version=figures.version if figures else None,
            uptime_seconds=figures.uptime_seconds if figures else None,
            requests_total=figures.requests_total if figures else None,
            requests_per_minute=round(figures.requests_per_minute, 2) if figures else None,
            error_rate=round(figures.error_rate, 4) if figures else None,
            parts=[ServicePart(part.name, "up" if part.is_up else "down", part.detail) for part in view.parts],
            pools=[ServicePool(pool.name, pool.in_use, pool.capacity, pool.waiting) for pool in view.pools],
            feed=Feed.of(view.feed),
        )


class System(msgspec.Struct, frozen=True):
    """``degraded`` as soon as one service is not up."""

    status: Literal["operational", "degraded"]
    services: list[Service]

    @staticmethod
    @lru_cache(maxsize=_VIEWS)
    def of(view: SystemView) -> System:
        """Describe all services. Every caller of the same second is told the same."""
        status: Literal["operational", "degraded"] = "operational" if view.is_operational else "degraded"
        return System(status, [Service.of(service) for service in view.services])


class DashboardResponse(msgspec.Struct, frozen=True):
    """Who am I, where am I signed in, how is the system."""

    me: Me
    sessions: Sessions
    system: System

    @staticmethod
    def of(dashboard: Dashboard) -> DashboardResponse:
        """Return the answer for a dashboard."""
        items = [SessionSummary.of(session, current=dashboard.is_current(session)) for session in dashboard.sessions]
        return DashboardResponse(
            me=Me.of(dashboard.caller),
            sessions=Sessions(dashboard.session_count, items),
            system=System.of(dashboard.system),
        )
