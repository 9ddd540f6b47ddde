"""What is remembered of a request that did not pass (``decision:log``, design §5)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from paseport_shared.domain.models.policy import CredentialKind, Reason

MAX_TEXT: Final = 512
"""Characters of a host, a path or a remedy that are kept. Callers choose them, and 100,000 denials must fit."""


@dataclass(frozen=True, slots=True)
class Denial:
    """One denied request: no credential, and no query, in which there may be one.

    ``subject`` and ``key_id`` are set where the credential was genuine.
    """

    request_id: str
    at: datetime
    reason: Reason
    rule: str | None
    remedy: str
    host: str
    path: str
    method: str
    address: str | None = field(repr=False)
    credential: CredentialKind = CredentialKind.NONE
    subject: str = ""
    key_id: str | None = None


def shortened(denial: Denial) -> Denial:
    """Return the denial with its long texts cut, each with an ellipsis at its end."""
    if max(len(denial.host), len(denial.path), len(denial.remedy)) <= MAX_TEXT:
        return denial
    return replace(denial, host=_cut(denial.host), path=_cut(denial.path), remedy=_cut(denial.remedy))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
