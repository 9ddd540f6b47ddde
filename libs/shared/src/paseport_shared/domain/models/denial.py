"""What is remembered of a request that did not pass (``decision:log``, design §5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from paseport_shared.domain.models.policy import CredentialKind, Reason


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
