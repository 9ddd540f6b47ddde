"""Acts that need somebody who has just proven who they are (AD-14, XI-03)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from paseport_shared.domain.errors import ReauthenticationRequired

from paseport_issuer.use_cases.account_holder import AccountHolder

MAX_AGE: Final = timedelta(minutes=15)


def require_recent(auth_time: datetime | None, now: datetime) -> None:
    """Return if somebody was asked for a credential lately. Raises ``ReauthenticationRequired``."""
    if auth_time is None or now - auth_time > MAX_AGE:
        raise ReauthenticationRequired(MAX_AGE, "the sign-in is too old, or not one of a person")


def require_fresh(holder: AccountHolder, now: datetime) -> str:
    """Return the browser's session in which the holder has signed in lately. Raises ``ReauthenticationRequired``."""
    require_recent(holder.auth_time, now)
    if holder.session_id is None:
        raise ReauthenticationRequired(MAX_AGE, "no browser's session stands behind the token")
    return holder.session_id
