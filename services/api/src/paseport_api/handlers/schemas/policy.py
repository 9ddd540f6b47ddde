"""Explanations on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from paseport_shared.domain.errors import FieldProblem, ValidationFailed
from paseport_shared.domain.models.api_key import KeyRefusal
from paseport_shared.domain.models.policy import CredentialKind, Decision, Reason

from paseport_api.handlers.schemas.reasons import REASON_TEXTS
from paseport_api.use_cases.explain_policy import (
    AskedRequest,
    Asking,
    AskingKey,
    AskingNobody,
    AskingUser,
    Explanation,
)

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=320)]
_Scope = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class AskedRequestBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as it would be sent: ``path`` with its escapes, and with its query if need be."""

    host: _Text
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]
    method: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    address: _Text | None = None

    def asked(self) -> AskedRequest:
        """Return it as the use case takes it."""
        return AskedRequest(self.host, self.path, self.method, self.address)


class AskerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks: a ``user`` by name or id, an ``api_key`` by its id, or nobody (``anonymous``).

    A user comes with a session, unless ``credential`` says that it is an access token; then ``scopes`` is what it
    covers.
    """

    user: _Text | None = None
    api_key: _Text | None = None
    anonymous: bool = False
    credential: Literal["session", "access_token"] = "session"
    scopes: Annotated[tuple[_Scope, ...], msgspec.Meta(max_length=100)] = ()

    def asking(self) -> Asking:
        """Return them as the use case takes them. Raises ``ValidationFailed`` unless it is one of the three."""
        if (self.user is not None) + (self.api_key is not None) + self.anonymous != 1:
            raise _problem("asker", "Name a user or an api_key, or say that it is anonymous: one of the three.")
        if self.user is not None:
            return AskingUser(self.user, CredentialKind(self.credential), frozenset(self.scopes))
        return AskingNobody() if self.api_key is None else AskingKey(self.api_key)


class ExplainRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either a ``request`` and who makes it (nobody, where that is not said), or the id of one that was denied."""

    request: AskedRequestBody | None = None
    asker: AskerBody | None = None
    request_id: _Text | None = None

    def question(self) -> tuple[AskedRequest, Asking] | str:
        """Return the request and who makes it, or the id. Raises ``ValidationFailed``."""
        if self.request_id is not None:
            if self.request is not None or self.asker is not None:
                raise _problem("request_id", "Leave out request and asker: the log has both.")
            return self.request_id
        if self.request is None:
            raise _problem("request", "Give a request, or the request_id of one that was denied.")
        return self.request.asked(), AskingNobody() if self.asker is None else self.asker.asking()


class RuleView(msgspec.Struct, frozen=True):
    """A rule and its line in the policy file; no line where the file does not have it any more."""

    name: str
    line: int | None


class DecisionView(msgspec.Struct, frozen=True):
    """A decision alone."""

    allowed: bool
    reason: Reason
    reason_text: str
    rule: str | None
    remedy: str

    @staticmethod
    def of(decision: Decision) -> DecisionView:
        """Describe a decision."""
        reason = decision.reason
        return DecisionView(decision.is_allowed, reason, REASON_TEXTS[reason], decision.rule, decision.remedy)


class AskerView(msgspec.Struct, frozen=True):
    """Who asks, as they are now. ``key_refusal`` is what the key refuses, whatever the rule says."""

    kind: CredentialKind
    subject: str
    username: str
    roles: list[str]
    scopes: list[str]
    key_id: str | None
    key_refusal: KeyRefusal | None


class RequestView(msgspec.Struct, frozen=True):
    """The request that was decided about."""

    host: str
    path: str
    method: str
    address: str | None


class ExplainResponse(msgspec.Struct, frozen=True):
    """A decision and what it rests on.

    With ``request_id`` it is the one of the log, made ``recorded_at``; ``now`` is then what would become of the same
    request today, or null where that cannot be said.
    """

    allowed: bool
    reason: Reason
    reason_text: str
    rule: RuleView | None
    remedy: str
    asker: AskerView
    request: RequestView
    recorded_at: datetime | None
    now: DecisionView | None

    @staticmethod
    def of(explanation: Explanation) -> ExplainResponse:
        """Describe an explanation."""
        decision, mark, asker, request = (
            explanation.decision,
            explanation.rule,
            explanation.asker,
            explanation.request,
        )
        return ExplainResponse(
            allowed=decision.is_allowed,
            reason=decision.reason,
            reason_text=REASON_TEXTS[decision.reason],
            rule=None if mark is None else RuleView(mark.name, mark.line),
            remedy=decision.remedy,
            asker=AskerView(
                kind=asker.kind,
                subject=asker.subject,
                username=asker.username,
                roles=sorted(asker.roles),
                scopes=sorted(asker.scopes),
                key_id=asker.key_id,
                key_refusal=explanation.key_refusal,
            ),
            request=RequestView(request.host, request.path, request.method, request.address),
            recorded_at=explanation.recorded_at,
            now=None if explanation.now is None else DecisionView.of(explanation.now),
        )


def _problem(field: str, message: str) -> ValidationFailed:
    return ValidationFailed([FieldProblem(field, "choice", message)])
