"""Plain constructor calls, read top to bottom: settings and adapters in, use cases out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from paseport.authenticate_bearer import AuthenticateBearer
from paseport.clock import Clock
from paseport.feed import RevocationFeed
from paseport.find_subject import FindSubject
from paseport.follow_revocations import HEARTBEAT_SECONDS, FollowRevocations
from paseport.revocation_list import RevocationList
from paseport.secret import Secret
from paseport.subject import SubjectDirectory, SubjectSource
from paseport.subject_copies import SubjectCopies
from paseport.token_verifier import TokenVerifier
from paseport_shared.adapters.blake3.keyed_digest import keyed_blake3_digest
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.edge_session import EdgeCookieKey
from paseport_shared.domain.models.legacy_token import LegacyDigest, sha256_digest
from paseport_shared.domain.ports.api_key_directory import ApiKeyDirectory, ApiKeyFinder
from paseport_shared.domain.ports.api_key_usage import ApiKeyUsage
from paseport_shared.domain.ports.decision_log import DecisionLog
from paseport_shared.domain.ports.handovers import Handovers
from paseport_shared.domain.ports.policies import Policies
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.reference_clock import ReferenceClock
from paseport_shared.domain.ports.service_monitor import ServiceMonitor
from paseport_shared.domain.ports.session_store import SessionStore
from paseport_shared.domain.ports.shared_rates import SharedRates
from paseport_shared.domain.ports.usernames import Usernames
from paseport_shared.domain.revocation_relay import LONG_POLL_SECONDS
from paseport_shared.edge_settings import read_api_key_peppers
from paseport_shared.http.background import Job
from paseport_shared.http.metrics import Pool
from paseport_shared.http.watch import NoticedFeed
from prometheus_client import CollectorRegistry

from paseport_api.own_monitor import OwnMonitor
from paseport_api.settings import Settings
from paseport_api.use_cases.api_key_copies import ApiKeyCopies
from paseport_api.use_cases.authenticate_api_key import AuthenticateApiKey
from paseport_api.use_cases.authenticate_edge_session import AuthenticateEdgeSession
from paseport_api.use_cases.check_readiness import CheckReadiness
from paseport_api.use_cases.complete_handover import CompleteHandover
from paseport_api.use_cases.decide_request import DecideRequest, Limits
from paseport_api.use_cases.explain_policy import ExplainPolicy
from paseport_api.use_cases.find_api_key import FindApiKey
from paseport_api.use_cases.legacy_token import FindLegacyToken
from paseport_api.use_cases.log_denials import LogDenials
from paseport_api.use_cases.note_session_uses import NoteSessionUses
from paseport_api.use_cases.observe_system import ObserveSystem
from paseport_api.use_cases.read_decisions import ReadDecisions
from paseport_api.use_cases.record_key_uses import RecordKeyUses
from paseport_api.use_cases.show_dashboard import ShowDashboard
from paseport_api.use_cases.show_revocations import ShowRevocations

FEEDS: Final = ("hot_store", "issuer")
"""The revocation feeds in order of preference, as the log and the metrics call them."""


@dataclass(frozen=True, slots=True)
class EdgeAdapters:
    """What deciding about requests to routed services needs besides. All of it is only read, but what is counted."""

    any_token_verifier: TokenVerifier
    """For any audience: which one counts is decided by host."""
    api_keys: ApiKeyDirectory
    api_key_source: ApiKeyFinder
    """The issuer, for what the directory lacks."""
    api_key_usage: ApiKeyUsage
    shared_rates: SharedRates
    decision_log: DecisionLog
    handovers: Handovers
    usernames: Usernames
    """The issuer, for administrators who explain rules by the names that people have."""
    policies: Policies
    randomness: Randomness
    jobs: Mapping[str, Job] = field(default_factory=dict)
    """Work of the adapters beside the requests, by name."""


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
    edge: EdgeAdapters
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
    decide_request: DecideRequest
    complete_handover: CompleteHandover
    log_denials: LogDenials
    explain_policy: ExplainPolicy
    read_decisions: ReadDecisions
    record_key_uses: RecordKeyUses
    note_session_uses: NoteSessionUses


def wire(settings: Settings, adapters: ApiAdapters, registry: CollectorRegistry) -> UseCases:
    """Build the use cases. ``registry`` holds the metrics of this process, which the dashboard shows."""
    clock, roles = adapters.clock, adapters.role_directory

    revocations = RevocationList(clock)
    subjects = SubjectCopies(FindSubject(roles, adapters.subject_source, clock), clock)
    revocations.listen(subjects)
    check_readiness = CheckReadiness(revocations, roles, clock, adapters.reference_clock)

    edge, rules = adapters.edge, settings.forward_auth
    find_api_key = FindApiKey(edge.api_keys, edge.api_key_source, clock)
    key_copies = ApiKeyCopies(find_api_key, clock)
    revocations.listen(key_copies)
    digests = legacy_digests(settings)
    legacy = FindLegacyToken(digests, find_api_key, key_copies, clock) if digests else None
    edge_cookies = EdgeCookieKey(edge_key(settings.service_secret))
    record_key_uses = RecordKeyUses(edge.api_key_usage, clock)
    note_session_uses = NoteSessionUses(edge.handovers, clock)
    decide_request = DecideRequest(
        edge.policies,
        AuthenticateBearer(edge.any_token_verifier, revocations, subjects, clock),
        AuthenticateApiKey(
            read_api_key_peppers(settings.api_key_pepper), key_copies, revocations, subjects, clock, legacy=legacy
        ),
        AuthenticateEdgeSession(edge_cookies, revocations, subjects, adapters.session_store, clock),
        revocations,
        edge.shared_rates,
        record_key_uses,
        note_session_uses,
        clock,
        own_audience=api_audience(settings.access_token_issuer),
        limits=Limits(
            user=rules.rate_limit_user,
            address=rules.rate_limit_address,
            bad_credentials=rules.bad_credentials,
            shares=rules.rate_limit_shares,
        ),
    )

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
        decide_request=decide_request,
        complete_handover=CompleteHandover(edge.handovers, edge_cookies, clock, edge.randomness),
        log_denials=LogDenials(edge.decision_log),
        explain_policy=ExplainPolicy(edge.policies, find_api_key, subjects, edge.usernames, edge.decision_log, clock),
        read_decisions=ReadDecisions(edge.decision_log),
        record_key_uses=record_key_uses,
        note_session_uses=note_session_uses,
    )


def legacy_digests(settings: Settings) -> tuple[LegacyDigest, ...]:
    """Return how other systems, whose keys moved in, make digests; empty where none did."""
    pepper, salt = settings.forward_auth.legacy_token_pepper, settings.forward_auth.legacy_token_salt
    return (
        *(() if pepper is None else (sha256_digest(pepper),)),
        *(() if salt is None else (keyed_blake3_digest(salt),)),
    )


def edge_key(service_secret: Secret[str]) -> Secret[bytes]:
    """Return the key of edge cookies: derived, so that every process of the api has the same one."""
    key = hashlib.sha256(service_secret.reveal().encode()).digest()
    return Secret(hashlib.blake2b(key=key, digest_size=32, person=b"paseport edge").digest())
