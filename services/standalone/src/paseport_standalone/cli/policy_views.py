"""Explanations as the api sends them."""

from __future__ import annotations

import msgspec


class RuleView(msgspec.Struct, frozen=True):
    """A rule; no line where the policy file does not have it any more."""

    name: str
    line: int | None


class DecisionView(msgspec.Struct, frozen=True):
    """A decision alone."""

    allowed: bool
    reason: str
    reason_text: str
    rule: str | None
    remedy: str


class AskerView(msgspec.Struct, frozen=True):
    """Who asks, as they are now."""

    kind: str
    subject: str
    username: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    key_id: str | None
    key_refusal: str | None


class RequestView(msgspec.Struct, frozen=True):
    """The request that was decided about."""

    host: str
    path: str
    method: str
    address: str | None


class ExplanationView(msgspec.Struct, frozen=True):
    """A decision and what it rests on."""

    allowed: bool
    reason: str
    reason_text: str
    rule: RuleView | None
    remedy: str
    asker: AskerView
    request: RequestView
    recorded_at: str | None
    now: DecisionView | None
