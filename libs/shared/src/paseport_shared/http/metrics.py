"""Prometheus metrics of one service, in a registry of its own.

Every metric of every service is declared here and described in docs/metrics.md; whoever measures holds one of these
objects. Some names are read by ``paseport_shared.adapters.issuer.service_counters`` for the dashboard. No label holds
anything that a client chose: routes are templates, unknown methods are ``OTHER``, outcomes come from fixed lists.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Final, Protocol

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from paseport.follow_revocations import FollowRevocations
from paseport.revocation import RevocationKind
from paseport.revocation_list import RevocationList
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from paseport_shared.domain.errors import (
    ExternalSignInRefused,
    GrantRefusal,
    IdentityTaken,
    InvalidCredentials,
    InvalidGrant,
    InvalidToken,
    Overloaded,
    ProviderAnswerRefused,
    ProviderDeclined,
    ProviderUnavailable,
    TooManyAttempts,
    Unavailable,
    UnknownProvider,
    UnknownSignIn,
    UnknownTransaction,
)
from paseport_shared.domain.models.policy import Reason
from paseport_shared.domain.models.refresh_token import Rotation
from paseport_shared.domain.models.signing_key import KeyStatus
from paseport_shared.domain.ports.policies import Policies

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SIGN_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
ACCESS: Final = "access"
ID: Final = "id"
"""The label ``token`` of signatures and keys: which token they are for."""
_BUG: Final = "error"
"""The outcome of whatever ends by an exception that is no refusal: an answer of 500."""

Refusals = Sequence[tuple[type[Exception], str]]
"""Errors and the outcome that each counts as; the first that fits, so special ones come before general ones."""
_DOWN: Final[Refusals] = ((Overloaded, "overloaded"), (Unavailable, "unavailable"))


class Outcomes(Collector):
    """Counts how something ends. Every outcome is there from the start, at 0: an alert sees the first one, too.

    Plain numbers of one event loop, like those of requests: some of these are counted for each of them.
    """

    def __init__(
        self, registry: CollectorRegistry, name: str, help_text: str, successes: Sequence[str], refusals: Refusals
    ) -> None:
        self._refusals = refusals
        self._name, self._help = name, help_text
        self._counts = dict.fromkeys((*successes, *(outcome for _, outcome in refusals), _BUG), 0)
        registry.register(self)

    def note(self, outcome: str) -> None:
        """Count one. ``KeyError`` for an outcome that was not named at the start."""
        self._counts[outcome] += 1

    def describe(self) -> Iterable[Metric]:
        """Name the metric without reading anything."""
        return (CounterMetricFamily(self._name, self._help, labels=("outcome",)),)

    def collect(self) -> Iterable[Metric]:
        """Return the figures of now."""
        family = CounterMetricFamily(self._name, self._help, labels=("outcome",))
        for outcome, count in self._counts.items():
            family.add_metric((outcome,), count)
        return (family,)

    @contextmanager
    def noting_refusals(self) -> Iterator[None]:
        """Count the error that ends the block, if one does; success is for the block to note."""
        try:
            yield
        except Exception as error:
            self.note(self.outcome_of(error))
            raise

    def outcome_of(self, error: Exception) -> str:
        """Return what an error counts as."""
        return next((outcome for kind, outcome in self._refusals if isinstance(error, kind)), _BUG)


class RefreshOutcomes(Outcomes):
    """Counts what became of refresh tokens that were presented."""

    def __init__(self, registry: CollectorRegistry) -> None:
        exchanged = tuple(rotation.value for rotation in Rotation if rotation.is_exchange)
        refused = tuple((InvalidGrant, refusal.value) for refusal in GrantRefusal)
        super().__init__(
            registry, "paseport_refresh", "Refresh tokens presented, by outcome.", exchanged, (*refused, *_DOWN)
        )

    def outcome_of(self, error: Exception) -> str:
        """See ``Outcomes.outcome_of``; an ``InvalidGrant`` says itself what it is."""
        return error.refusal.value if isinstance(error, InvalidGrant) else super().outcome_of(error)


class Signatures:
    """Times the signer of one kind of token, and counts its failures apart: how long one took says nothing of signing.

    ``duration`` has the label ``token``, ``failures`` besides it ``kind``.
    """

    def __init__(self, duration: Histogram, failures: Counter, token: str) -> None:
        self._duration = duration.labels(token)
        self._failures = {kind: failures.labels(token, kind) for kind in (*(kind for _, kind in _DOWN), _BUG)}

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure one signature: the block."""
        begun = time.perf_counter()
        try:
            yield
        except Exception as error:
            kind = next((kind for failure, kind in _DOWN if isinstance(error, failure)), _BUG)
            self._failures[kind].inc()
            raise
        self._duration.observe(time.perf_counter() - begun)


class Pool(Protocol):
    """A bounded pool as an adapter shows it."""

    @property
    def in_use(self) -> int:
        """Callers that it serves now."""
        ...

    @property
    def capacity(self) -> int:
        """Callers that it can serve at once."""
        ...

    @property
    def waiting(self) -> int:
        """Callers that wait for it."""
        ...


class PolicyState(Policies, Protocol):
    """Rules that are read from somewhere, and read again when they change."""

    @property
    def generation(self) -> int:
        """How many sets of rules came into force since the start."""
        ...

    @property
    def failed_reloads(self) -> int:
        """How many changes were refused."""
        ...

    @property
    def is_current(self) -> bool:
        """Whether what is in force is what stands there now."""
        ...


class _PolicyCollector(Collector):
    """Reads the state of the rules once for each scrape."""

    def __init__(self, policies: PolicyState) -> None:
        self._policies = policies

    def describe(self) -> Iterable[Metric]:
        """Name the metrics without reading anything."""
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        """Return the figures of now."""
        policies = self._policies
        return (
            GaugeMetricFamily("paseport_policy_rules", "Rules in force.", len(policies.policy.rules)),
            GaugeMetricFamily(
                "paseport_policy_generation", "Sets of rules that came into force since the start.", policies.generation
            ),
            GaugeMetricFamily(
                "paseport_policy_current", "1 while the rules in force are those of the file.", policies.is_current
            ),
            CounterMetricFamily(
                "paseport_policy_reload_failures", "Changes of the file that were refused.", policies.failed_reloads
            ),
        )


class _FeedCollector(Collector):
    """Reads the copy of the revocations once for each scrape."""

    def __init__(self, feeds: Sequence[str], follow: FollowRevocations, revocations: RevocationList) -> None:
        self._feeds = feeds
        self._follow = follow
        self._revocations = revocations

    def describe(self) -> Iterable[Metric]:
        """Name the metrics without reading anything."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """Return the figures of now."""
        age, followed, in_force = self._families()
        state = self._revocations.state()
        # Before the first answer nothing was ever heard: as old as can be, so that an alert does not overlook it.
        age.add_metric((), math.inf if state.age_seconds is None else state.age_seconds)
        for number, feed in enumerate(self._feeds):
            followed.add_metric((feed,), number == self._follow.following)
        for kind in RevocationKind:
            in_force.add_metric((kind.value,), state.in_force.get(kind, 0))
        return age, followed, in_force

    def _families(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily(
                "paseport_revocation_feed_age_seconds",
                "Time since a revocation feed last answered; +Inf before it did.",
            ),
            GaugeMetricFamily(
                "paseport_revocation_feed_followed", "1 for the feed that answered last, else 0.", labels=("feed",)
            ),
            GaugeMetricFamily(
                "paseport_revocations_in_force", "Revocations in this process' own copy.", labels=("kind",)
            ),
        )


class _Requests(Collector):
    """Counts answers.

    Plain numbers of one event loop: a counter and a histogram with locks cost four times as much, and every request
    pays for them.
    """

    def __init__(self) -> None:
        self._routes: dict[tuple[str, str], _Route] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer. ``method`` and ``route`` come from a fixed set; the status counts by class (``4xx``)."""
        self.counter(method, route)(status, seconds)

    def counter(self, method: str, route: str) -> Callable[[int, float], None]:
        """Return what counts the answers of one route, by status and seconds: for whoever answers no other."""
        counted = self._routes.get((method, route))
        if counted is None:
            counted = self._routes[method, route] = _Route()
        return counted.count

    def describe(self) -> Iterable[Metric]:
        """Name the metrics without reading anything."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """Return the figures of now."""
        answers, durations = self._families()
        bounds = [*(str(bound) for bound in _SECONDS), "+Inf"]
        for (method, route), counted in self._routes.items():
            for status, count in enumerate(counted.answers):
                if count:
                    answers.add_metric((method, route, f"{status}xx"), count)
            if any(counted.answers):
                buckets = list(zip(bounds, accumulate(counted.buckets), strict=True))
                durations.add_metric((method, route), buckets, counted.seconds)
        return answers, durations

    def _families(self) -> tuple[CounterMetricFamily, HistogramMetricFamily]:
        return (
            CounterMetricFamily(
                "paseport_http_requests",
                "Answers by method, route template and class of status.",
                labels=("method", "route", "status"),
            ),
            HistogramMetricFamily(
                "paseport_http_request_duration_seconds",
                "Time from the request to the end of its answer.",
                labels=("method", "route"),
            ),
        )


class _Route:
    """The answers of one route.

    ``answers`` are counted by class of status; ``buckets`` each count what took up to their bound and longer than the
    one before, and the last has no bound. ``seconds`` are those of all answers together.
    """

    __slots__ = ("answers", "buckets", "seconds")

    def __init__(self) -> None:
        self.answers = [0] * 6
        self.buckets = [0] * (len(_SECONDS) + 1)
        self.seconds = 0.0

    def count(self, status: int, seconds: float) -> None:
        self.answers[status // 100] += 1
        self.buckets[bisect_left(_SECONDS, seconds)] += 1
        self.seconds += seconds


class ServiceMetrics:
    """What every service measures of itself. One object for all ports of a service."""

    def __init__(self, service: str, version: str) -> None:
        self.registry = CollectorRegistry()
        build = Gauge("paseport_build_info", "Version of the service.", ("service", "version"), registry=self.registry)
        build.labels(service, version).set(1)
        started = Gauge("paseport_start_time_seconds", "When the service started, Unix time.", registry=self.registry)
        started.set(time.time())
        requests = _Requests()
        self.registry.register(requests)
        # Called for each request, so without a method of this class in between.
        self.count = requests.count
        self.counter = requests.counter
        self._pools = {
            figure: Gauge(f"paseport_pool_{figure}", help_text, ("pool",), registry=self.registry)
            for figure, help_text in {
                "in_use": "Callers that a bounded pool serves now.",
                "capacity": "Callers that a bounded pool can serve at once.",
                "waiting": "Callers that wait for a bounded pool.",
            }.items()
        }
        self._parts = Gauge(
            "paseport_part_up",
            "Whether a part that the service needs answered when it was last looked at.",
            ("part",),
            registry=self.registry,
        )
        self.verifications = Outcomes(
            self.registry,
            "paseport_verification",
            "Access tokens presented, by outcome.",
            ("accepted",),
            ((InvalidToken, "refused"), (Unavailable, "unavailable")),
        )

    def watch_pool(self, name: str, pool: Pool) -> None:
        """Publish a pool's use, read whenever metrics are."""
        self._pools["in_use"].labels(name).set_function(lambda: pool.in_use)
        self._pools["capacity"].labels(name).set_function(lambda: pool.capacity)
        self._pools["waiting"].labels(name).set_function(lambda: pool.waiting)

    def watch_feed(self, feeds: Sequence[str], follow: FollowRevocations, revocations: RevocationList) -> None:
        """Publish how current the own copy of the revocations is; ``feeds`` names them in their order."""
        self.registry.register(_FeedCollector(feeds, follow, revocations))

    def part(self, name: str, *, is_up: bool) -> None:
        """Publish whether a part answered."""
        self._parts.labels(name).set(is_up)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)


class IssuerMetrics(ServiceMetrics):
    """What the issuer measures besides."""

    def __init__(self, version: str) -> None:
        super().__init__("issuer", version)
        self.refreshes = RefreshOutcomes(self.registry)
        self.logins = Outcomes(
            self.registry,
            "paseport_login",
            "Sign-ins with a password, by outcome.",
            ("accepted",),
            ((InvalidCredentials, "refused"), (TooManyAttempts, "limited"), *_DOWN),
        )
        self.external_sign_ins = Outcomes(
            self.registry,
            "paseport_external_sign_in",
            "Answers of identity providers, by outcome.",
            ("accepted", "proof_needed", "linked"),
            (
                (UnknownSignIn, "unknown"),
                (UnknownTransaction, "unknown"),
                (ProviderDeclined, "declined"),
                (ProviderAnswerRefused, "answer_refused"),
                (ProviderUnavailable, "provider_unavailable"),
                (ExternalSignInRefused, "refused"),
                (IdentityTaken, "refused"),
                (UnknownProvider, "refused"),
                *_DOWN,
            ),
        )
        durations = Histogram(
            "paseport_sign_duration_seconds",
            "Time from asking for a signature to having it, where there was one.",
            ("token",),
            buckets=_SIGN_SECONDS,
            registry=self.registry,
        )
        failures = Counter(
            "paseport_sign_failures", "Signatures that were not made.", ("token", "kind"), registry=self.registry
        )
        self.signatures = Signatures(durations, failures, ACCESS)
        self.id_signatures = Signatures(durations, failures, ID)
        self.attempts_limited = Counter(
            "paseport_attempts_limited",
            "Attempts refused by a limit, by what the limit counts.",
            ("limit",),
            registry=self.registry,
        )
        for limit in ("address", "account"):
            self.attempts_limited.labels(limit)
        self.pending_entries = Gauge(
            "paseport_pending_record_entries",
            "Acts in force that the record does not have yet; NaN while nobody can say.",
            registry=self.registry,
        )
        self.changes_overdue = Gauge(
            "paseport_changes_overdue",
            "Recorded changes of users that are not in force everywhere yet, 100 at most; NaN while nobody can say.",
            registry=self.registry,
        )
        self.oldest_change_seconds = Gauge(
            "paseport_oldest_change_seconds",
            "Age of the oldest of them, 0 where there is none; NaN while nobody can say.",
            registry=self.registry,
        )
        self._keys = Gauge(
            "paseport_signing_keys",
            "Published key versions by what they sign and by state.",
            ("token", "status"),
            registry=self.registry,
        )
        self._breakers = Gauge(
            "paseport_breaker_open",
            "1 while a part is not asked because it failed lately.",
            ("part",),
            registry=self.registry,
        )

    def keys(self, token: str, counts: Mapping[KeyStatus, int]) -> None:
        """Publish how many versions of the key of ``ACCESS`` or ``ID`` tokens are in which state.

        A retired one is not published and not counted.
        """
        for status in KeyStatus:
            if status is not KeyStatus.RETIRED:
                self._keys.labels(token, status.value).set(counts.get(status, 0))

    def watch_breaker(self, part: str, is_open: Callable[[], bool]) -> None:
        """Publish whether a circuit breaker is open, read whenever metrics are."""
        self._breakers.labels(part).set_function(is_open)


class ApiMetrics(ServiceMetrics):
    """What the api measures besides."""

    def __init__(self, version: str) -> None:
        super().__init__("api", version)
        self.decisions = Outcomes(
            self.registry,
            "paseport_decision",
            "Requests that proxies asked about, by reason.",
            tuple(reason.value for reason in Reason),
            (),
        )

    def watch_policy(self, policies: PolicyState) -> None:
        """Publish which rules are in force, read whenever metrics are."""
        self.registry.register(_PolicyCollector(policies))

    def watch_clock(self, skew_seconds: Callable[[], float]) -> None:
        """Publish how far the own clock is ahead of the one it is compared with, read whenever metrics are."""
        skew = Gauge(
            "paseport_clock_skew_seconds",
            "How far this machine's clock is ahead of Redis' clock (negative: behind it).",
            registry=self.registry,
        )
        skew.set_function(skew_seconds)


def metrics_handler(metrics: ServiceMetrics, path: str = "/metrics") -> HTTPRouteHandler:
    """Return the handler that serves the metrics; only the internal port mounts it."""

    @get(path, include_in_schema=False, sync_to_thread=False)
    def read_metrics() -> Response[bytes]:
        """Return the metrics."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    return read_metrics
