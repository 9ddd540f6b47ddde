"""Where the browser goes from one step of a sign-in to the next. All of them are paths of this origin."""

from __future__ import annotations

from typing import Final

AUTHORIZE: Final = "/oauth2/authorize"
CONTINUE: Final = "/oauth2/authorize/continue"
LOGOUT: Final = "/oauth2/logout"
SIGN_OUT_PAGE: Final = "/sign-out"
SIGNED_OUT_PAGE: Final = "/signed-out"


def continue_path(transaction_id: str) -> str:
    """Return where a sign-in transaction goes on once somebody has signed in or agreed."""
    return f"{CONTINUE}?transaction={transaction_id}"


def sign_in_path(transaction_id: str) -> str:
    """Return the app's page that asks who it is."""
    return f"/login?transaction={transaction_id}"


def consent_path(transaction_id: str) -> str:
    """Return the app's page that asks whether a client may have what it asks for."""
    return f"/consent?transaction={transaction_id}"
