"""Where the browser goes from one step of a sign-in to the next. All of them are paths of this origin."""

from __future__ import annotations

from typing import Final

AUTHORIZE: Final = "/oauth2/authorize"
CONTINUE: Final = "/oauth2/authorize/continue"
LOGOUT: Final = "/oauth2/logout"
SIGN_OUT_PAGE: Final = "/sign-out"
SIGNED_OUT_PAGE: Final = "/signed-out"
ACCOUNT_PAGE: Final = "/account"


def continue_path(transaction_id: str) -> str:
    """Return where a sign-in transaction goes on once somebody has signed in or agreed."""
    return f"{CONTINUE}?transaction={transaction_id}"


def sign_in_path(transaction_id: str) -> str:
    """Return the app's page that asks who it is."""
    return f"/login?transaction={transaction_id}"


def consent_path(transaction_id: str) -> str:
    """Return the app's page that asks whether a client may have what it asks for."""
    return f"/consent?transaction={transaction_id}"


def backchannel_logout_path(provider: str) -> str:
    """Return where a provider says that a session there has ended."""
    return f"/auth/v1/oauth/backchannel-logout/{provider}"


def link_path(pending_id: str) -> str:
    """Return the app's page that asks for the password of the account that an identity may be linked to."""
    return f"/login/link?pending={pending_id}"


def linked_path(provider: str) -> str:
    """Return the app's page of the own account, once an identity is linked."""
    return f"{ACCOUNT_PAGE}?linked={provider}"
