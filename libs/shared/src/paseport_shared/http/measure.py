"""Measuring around use cases of both services, which know nothing of it."""

from __future__ import annotations

from paseport.authenticate_bearer import AuthenticateBearer
from paseport.principal import Principal
from paseport.verdict import Verdict

from paseport_shared.http.metrics import ServiceMetrics


class MeasuredBearer(AuthenticateBearer):
    """Counts presented access tokens by outcome; whoever presents none is not counted."""

    def __init__(self, authenticate: AuthenticateBearer, metrics: ServiceMetrics) -> None:
        self._authenticate = authenticate
        self._outcomes = metrics.verifications

    def verdict(self, token: str) -> Verdict | None:
        """See ``AuthenticateBearer.verdict``."""
        try:
            verdict = self._authenticate.verdict(token)
        except Exception as error:
            self._outcomes.note(self._outcomes.outcome_of(error))
            raise
        if verdict is not None:
            self._outcomes.note("accepted")
        return verdict

    async def __call__(self, token: str | None) -> Principal:
        """See ``AuthenticateBearer``."""
        if token is None:
            return await self._authenticate(None)
        with self._outcomes.noting_refusals():
            principal = await self._authenticate(token)
        self._outcomes.note("accepted")
        return principal
