"""Cookie names and attributes, nowhere else (design §3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from litestar import Request
from litestar.datastructures import Cookie
from paseport.secret import Secret

_BROWSER_SECONDS: Final = 365 * 86_400
_PLAIN: Final = re.compile(r"[0-9A-Za-z_-]*")


class _PlainCookie(Cookie):
    """Written as it stands, since our values need no quotation marks; ``http.cookies`` takes its time to find that out.

    Never seen by a page's scripts, and for this host and all its paths.
    """

    def to_header(self, **_: Any) -> str:
        """Return the value of ``Set-Cookie``. Raises ``ValueError`` for a value that is none of ours."""
        value = self.value or ""
        if not _PLAIN.fullmatch(value):
            message = "a cookie of ours has letters, digits, _ and - only"
            raise ValueError(message)
        max_age = "" if self.max_age is None else f" Max-Age={self.max_age};"
        secure = "; Secure" if self.secure else ""
        return f"{self.key}={value}; HttpOnly;{max_age} Path=/; SameSite={self.samesite}{secure}"


@dataclass(frozen=True, slots=True)
class Cookies:
    """The browser's cookies. ``secure`` adds the ``__Host-`` prefix, which pins Secure, Path=/ and no Domain.

    Session and refresh token are session cookies of the browser: the server's clock decides how long what they name
    lives (BF-12).
    """

    secure: bool

    @property
    def session_name(self) -> str:
        """Name of the session cookie."""
        return self._name("session")

    @property
    def refresh_name(self) -> str:
        """Name of the refresh token's cookie."""
        return self._name("refresh")

    @property
    def browser_name(self) -> str:
        """Name of the cookie that binds sign-in transactions to a browser."""
        return self._name("txn")

    def session(self, value: Secret[str]) -> Cookie:
        """Return the session cookie. Lax: a link from elsewhere must find the session (single sign-on)."""
        return self._cookie(self.session_name, value.reveal(), "lax")

    def refresh(self, value: Secret[str]) -> Cookie:
        """Return the refresh token's cookie. Strict: only this application ever uses it."""
        return self._cookie(self.refresh_name, value.reveal(), "strict")

    def browser(self, value: Secret[str]) -> Cookie:
        """Return the cookie of sign-in transactions. Lax: the way back from a client or a provider is a link.

        It outlives the browser: tabs that are opened again together begin their sign-ins at the same moment, and each
        would be given a secret of its own, of which the last one replaced the others.
        """
        return self._cookie(self.browser_name, value.reveal(), "lax", max_age=_BROWSER_SECONDS)

    def cleared(self) -> list[Cookie]:
        """Return what removes both."""
        return [
            self._cookie(self.session_name, "", "lax", max_age=0),
            self._cookie(self.refresh_name, "", "strict", max_age=0),
        ]

    def read_session(self, request: Request[Any, Any, Any]) -> Secret[str] | None:
        """Return the session cookie's value."""
        return _secret(request.cookies.get(self.session_name))

    def read_refresh(self, request: Request[Any, Any, Any]) -> Secret[str] | None:
        """Return the refresh token."""
        return _secret(request.cookies.get(self.refresh_name))

    def read_browser(self, request: Request[Any, Any, Any]) -> Secret[str] | None:
        """Return what binds sign-in transactions to this browser."""
        return _secret(request.cookies.get(self.browser_name))

    def _name(self, name: str) -> str:
        return f"__Host-paseport-{name}" if self.secure else f"paseport-{name}"

    def _cookie(self, name: str, value: str, samesite: Literal["lax", "strict"], max_age: int | None = None) -> Cookie:
        return _PlainCookie(name, value=value, httponly=True, secure=self.secure, samesite=samesite, max_age=max_age)


def _secret(value: str | None) -> Secret[str] | None:
    return Secret(value) if value else None
