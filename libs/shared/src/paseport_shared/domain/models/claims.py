"""The claims of an access token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says (design §3). Times are aware UTC datetimes of whole seconds.

    Machine tokens (``sub`` = client id, never a UUID) have no ``session_id``, ``family_id``, ``user_version``,
    ``auth_time`` or ``amr``; a user's token always has ``family_id`` and ``user_version``, and a ``session_id`` where
    its family is online. Roles are not claims: they are looked up, so that a change is live.
    """

    issuer: str
    subject: str
    audience: str
    expires_at: datetime
    not_before: datetime
    issued_at: datetime
    token_id: str
    client_id: str
    scope: tuple[str, ...]
    session_id: str | None = None
    family_id: str | None = None
    user_version: int | None = None
    auth_time: datetime | None = None
    amr: tuple[str, ...] = ()
    key_id: str = ""
    """``kid`` of the footer: filled in by the verifier, not written by the signer."""
