"""Denials on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from paseport_shared.domain.errors import FieldProblem, ValidationFailed
from paseport_shared.domain.models.denial import Denial
from paseport_shared.domain.models.identifiers import parse_uuid
from paseport_shared.domain.models.policy import CredentialKind, Reason

from paseport_api.handlers.schemas.reasons import REASON_TEXTS
from paseport_api.use_cases.read_decisions import DenialPage

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
_MAX_POSITION: Final = 64
_PARAMETERS: Final = frozenset({"request_id", "limit", "before"})


@dataclass(frozen=True, slots=True)
class DecisionQuery:
    """One request, or a page."""

    request_id: str | None
    limit: int
    before: str | None


def parse_decision_query(parameters: Mapping[str, str]) -> DecisionQuery:
    """Return the query. Raises ``ValidationFailed`` naming everything that is not understood (AD-08)."""
    problems = []
    if not _PARAMETERS.issuperset(parameters):
        # Not named: it is the client's text, and would stand in the answer and in the log (LG-21).
        problems.append(FieldProblem("query", "unknown_filter", "There is a filter that is not known here."))
    request_id = parameters.get("request_id") or None
    if request_id is not None and parse_uuid(request_id) is None:
        problems.append(FieldProblem("request_id", "format", "Use the id of an answer: its header X-Request-Id."))
    limit = parameters.get("limit") or str(DEFAULT_LIMIT)
    is_limit = limit.isascii() and limit.isdigit() and len(limit) <= len(str(MAX_LIMIT))
    if not is_limit or not 1 <= int(limit) <= MAX_LIMIT:
        problems.append(FieldProblem("limit", "range", f"Use 1 to {MAX_LIMIT}."))
    before = parameters.get("before") or None
    if before is not None and len(before) > _MAX_POSITION:
        problems.append(FieldProblem("before", "format", "Use the value of next."))
    if problems:
        raise ValidationFailed(problems)
    return DecisionQuery(request_id, int(limit), before)


class DecisionResponse(msgspec.Struct, frozen=True):
    """One denied request. ``rule`` decided, and ``remedy`` says what would have let it pass."""

    request_id: str
    at: datetime
    reason: Reason
    reason_text: str
    rule: str | None
    remedy: str
    host: str
    path: str
    method: str
    address: str | None
    credential: CredentialKind
    subject: str
    key_id: str | None

    @staticmethod
    def of(denial: Denial) -> DecisionResponse:
        """Describe a denial."""
        return DecisionResponse(
            request_id=denial.request_id,
            at=denial.at,
            reason=denial.reason,
            reason_text=REASON_TEXTS[denial.reason],
            rule=denial.rule,
            remedy=denial.remedy,
            host=denial.host,
            path=denial.path,
            method=denial.method,
            address=denial.address,
            credential=denial.credential,
            subject=denial.subject,
            key_id=denial.key_id,
        )


class DecisionListResponse(msgspec.Struct, frozen=True):
    """Denials, newest first; ``next`` is the value of ``before`` for the page after this one."""

    items: list[DecisionResponse]
    next: str | None

    @staticmethod
    def of(page: DenialPage) -> DecisionListResponse:
        """Describe a page."""
        return DecisionListResponse([DecisionResponse.of(denial) for denial in page.items], page.next)
