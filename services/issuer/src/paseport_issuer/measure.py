"""Measuring around use cases and ports, which know nothing of it. Put in place by ``app`` and ``production``.

What a sign-in or a refresh came to is told by the use case: by its answer, or by the error that it raises. Neither the
store nor the handler could: a token that is refused before it is advanced never reaches the store's verdict, and the
handler's answer is the same whatever the cause.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from paseport.clock import Clock
from paseport_shared.domain.errors import GrantRefusal, InvalidGrant, TooManyAttempts, Unavailable
from paseport_shared.domain.models.due_projection import DueProjection
from paseport_shared.domain.ports.attempt_limiter import Attempt, AttemptLimiter
from paseport_shared.domain.ports.pending_record import PendingRecord
from paseport_shared.domain.ports.raw_signer import RawSigner
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.rsa_signer import RsaSigner
from paseport_shared.domain.ports.signing_keys import SigningKeys
from paseport_shared.http.metrics import IssuerMetrics, Signatures

from paseport_issuer.use_cases.complete_external_sign_in import (
    CompleteExternalSignIn,
    ExternalCallback,
    ExternallySignedIn,
    IdentityLinked,
    Outcome,
    ProofNeeded,
)
from paseport_issuer.use_cases.issue_tokens import IssuedTokens
from paseport_issuer.use_cases.login_local import LoginLocal, LoginLocalCommand, SignedIn
from paseport_issuer.use_cases.refresh_tokens import RefreshCommand, RefreshTokens

LOOK_SECONDS: Final = 5.0
_MOST_CHANGES: Final = 100
_OVERDUE: Final = timedelta(seconds=2)
"""As in ``ProjectUser``: a younger change is being carried by the request that made it."""

_log = structlog.get_logger(__name__)


# --- use cases. Subclasses, because the framework checks the type of what it hands to a handler -----------------------


class MeasuredLogin(LoginLocal):
    """Counts sign-ins by outcome."""

    def __init__(self, login: LoginLocal, metrics: IssuerMetrics) -> None:
        self._login = login
        self._outcomes = metrics.logins

    async def __call__(self, command: LoginLocalCommand) -> IssuedTokens | SignedIn:
        """See ``LoginLocal``."""
        with self._outcomes.noting_refusals():
            signed_in = await self._login(command)
        self._outcomes.note("accepted")
        return signed_in


class MeasuredRefresh(RefreshTokens):
    """Counts refreshes by outcome, and says when a token was used by two."""

    def __init__(self, refresh: RefreshTokens, metrics: IssuerMetrics) -> None:
        self._refresh = refresh
        self._outcomes = metrics.refreshes

    async def __call__(self, command: RefreshCommand) -> IssuedTokens:
        """See ``RefreshTokens``."""
        try:
            with self._outcomes.noting_refusals():
                issued = await self._refresh(command)
        except InvalidGrant as error:
            if error.refusal is GrantRefusal.REUSE:
                _log.warning("a refresh token was used again: its family has ended", reason=error.reason)
            raise
        if issued.rotation is not None:
            self._outcomes.note(issued.rotation.value)
        return issued


class MeasuredExternalSignIn(CompleteExternalSignIn):
    """Counts what became of the answers of identity providers."""

    def __init__(self, complete: CompleteExternalSignIn, metrics: IssuerMetrics) -> None:
        self._inner = complete
        self._outcomes = metrics.external_sign_ins

    async def __call__(self, callback: ExternalCallback) -> Outcome:
        """See ``CompleteExternalSignIn``."""
        with self._outcomes.noting_refusals():
            outcome = await self._inner(callback)
        match outcome:
            case ExternallySignedIn():
                self._outcomes.note("accepted")
            case ProofNeeded():
                self._outcomes.note("proof_needed")
            case IdentityLinked():
                self._outcomes.note("linked")
            case stopped:
                self._outcomes.note(self._outcomes.outcome_of(stopped.error))
        return outcome


# --- ports ------------------------------------------------------------------------------------------------------------


class MeasuredSigner:
    """``RawSigner`` or ``RsaSigner``: times signatures and counts failures."""

    def __init__(self, signer: RawSigner | RsaSigner, signatures: Signatures) -> None:
        self._signer = signer
        self._signatures = signatures

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        """See ``RawSigner.sign`` and ``RsaSigner.sign``."""
        with self._signatures.timed():
            return await self._signer.sign(message, key_version=key_version)


class MeasuredLimiter:
    """``AttemptLimiter``: counts refusals by what the limit is about, never by whom."""

    def __init__(self, limiter: AttemptLimiter, metrics: IssuerMetrics) -> None:
        self._limiter = limiter
        self._limited = metrics.attempts_limited

    async def take(self, attempts: Sequence[Attempt], now: datetime) -> None:
        """See ``AttemptLimiter.take``."""
        try:
            await self._limiter.take(attempts, now)
        except TooManyAttempts:
            keys = [attempt.key for attempt in attempts]
            # What is good once is no limit on tries: a logout token that is brought again.
            if not any(key.startswith("logout-token:") for key in keys):
                self._limited.labels("address" if any(":address:" in key for key in keys) else "account").inc()
            raise

    async def forgive(self, key: str) -> None:
        """See ``AttemptLimiter.forgive``."""
        await self._limiter.forgive(key)


# --- what waits -------------------------------------------------------------------------------------------------------


class MeasureBacklog:
    """Looks, every few seconds, at what has not arrived everywhere yet, and at the key states of each kind of token."""

    def __init__(
        self,
        metrics: IssuerMetrics,
        *,
        pending: PendingRecord,
        record: Record,
        keys: Mapping[str, SigningKeys],
        clock: Clock,
    ) -> None:
        self._metrics = metrics
        self._pending = pending
        self._record = record
        self._keys = keys
        self._clock = clock

    async def __call__(self) -> None:
        """Look until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(LOOK_SECONDS)

    async def step(self) -> None:
        """Look once. What does not answer is not a number: neither 0 nor what it was."""
        await self._look_at_pending()
        await self._look_at_changes()
        await self._look_at_keys()

    async def _look_at_pending(self) -> None:
        try:
            self._metrics.pending_entries.set(await self._pending.length())
        except Unavailable:
            self._metrics.pending_entries.set(math.nan)

    async def _look_at_changes(self) -> None:
        try:
            due = await self._record.transact(_oldest)
        except Unavailable:
            self._metrics.changes_overdue.set(math.nan)
            self._metrics.oldest_change_seconds.set(math.nan)
            return
        now = self._clock.now()
        overdue = [change for change in due if now - change.since > _OVERDUE]
        self._metrics.changes_overdue.set(len(overdue))
        oldest = max((now - change.since for change in overdue), default=timedelta(0))
        self._metrics.oldest_change_seconds.set(oldest.total_seconds())

    async def _look_at_keys(self) -> None:
        for token, keys in self._keys.items():
            try:
                self._metrics.keys(token, Counter(key.status for key in await keys.published()))
            except Unavailable:
                self._metrics.keys(token, {})


async def _oldest(transaction: RecordTransaction) -> tuple[DueProjection, ...]:
    return await transaction.due_projections.oldest(_MOST_CHANGES)
