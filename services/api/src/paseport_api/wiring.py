"""Plain constructor calls, read top to bottom: settings and adapters in, use cases out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from paseport.authenticate_bearer import AuthenticateBearer
from paseport.clock import Clock
from paseport.feed import RevocationFeed
from paseport.find_subject import FindSubject
from paseport.follow_revocations import HEARTBEAT_SECONDS, FollowRevocations
from paseport.revocation_list import RevocationList
from paseport.subject import SubjectDirectory, SubjectSource
from paseport.subject_copies import SubjectCopies
from paseport.token_verifier import TokenVerifier
from paseport_shared.domain.ports.reference_clock import ReferenceClock
from paseport_shared.domain.ports.service_monitor import ServiceMonitor
from paseport_shared.domain.ports.session_store import SessionStore
from paseport_shared.domain.revocation_relay import LONG_POLL_SECONDS
from paseport_shared.http.metrics import Pool
from paseport_shared.http.watch import NoticedFeed
from prometheus_client import CollectorRegistry

from paseport_api.own_monitor import OwnMonitor
from paseport_api.use_cases.check_readiness import CheckReadiness
from paseport_api.use_cases.observe_system import ObserveSystem
from paseport_api.use_cases.show_dashboard import ShowDashboard
from paseport_api.use_cases.show_revocations import ShowRevocations

FEEDS: Final = ("hot_store", "issuer")
"""The revocation feeds in order of preference, as the log and the metrics call them."""


@dataclass(frozen=True, slots=True)
class ApiAdapters:
    """What the api needs from the world. Opened and closed by whoever made it.

    The role directory and the sessions are only read. The api has no signer and no record.
    """

    token_verifier: TokenVerifier
    role_directory: SubjectDirectory
    subject_source: SubjectSource
    revocation_feed: RevocationFeed
    fallback_feed: RevocationFeed
    """The issuer's, over HTTP: followed while the other one is away."""
    session_store: SessionStore
    issuer_monitor: ServiceMonitor
    clock: Clock
    reference_clock: ReferenceClock | None = None
    """What the own clock is compared with; None where there is one machine only."""
    pools: Mapping[str, Pool] = field(default_factory=dict)
    """Bounded pools to measure."""


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything the handlers and the lifespan call."""

    authenticate_bearer: AuthenticateBearer
    follow_revocations: FollowRevocations
    revocations: RevocationList
    check_readiness: CheckReadiness
    show_dashboard: ShowDashboard
    show_revocations: ShowRevocations


def wire(adapters: ApiAdapters, registry: CollectorRegistry) -> UseCases:
    """Build the use cases. ``registry`` holds the metrics of this process, which the dashboard shows."""
    clock, roles = adapters.clock, adapters.role_directory

    revocations = RevocationList(clock)
    subjects = SubjectCopies(FindSubject(roles, adapters.subject_source, clock), clock)
    revocations.listen(subjects)
    check_readiness = CheckReadiness(revocations, roles, clock, adapters.reference_clock)
    own_monitor = OwnMonitor(check_readiness, registry)
    observe_system = ObserveSystem(adapters.issuer_monitor, own_monitor, revocations, clock)
    return UseCases(
        authenticate_bearer=AuthenticateBearer(adapters.token_verifier, revocations, subjects, clock),
        follow_revocations=FollowRevocations(
            [
                (NoticedFeed(FEEDS[0], adapters.revocation_feed), HEARTBEAT_SECONDS),
                (NoticedFeed(FEEDS[1], adapters.fallback_feed), LONG_POLL_SECONDS),
            ],
            revocations,
            clock,
        ),
        revocations=revocations,
        check_readiness=check_readiness,
        show_dashboard=ShowDashboard(adapters.session_store, observe_system, clock),
        show_revocations=ShowRevocations(revocations),
    )
