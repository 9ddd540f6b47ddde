"""``GET /.paseport/handover`` on a routed host: how a browser that is signed in at the issuer comes to be so here."""

from __future__ import annotations

import time
from typing import Final, cast
from urllib.parse import parse_qs, quote, urlencode

import structlog
from litestar.types import HTTPScope, Message, Send
from paseport.errors import Unavailable
from paseport.secret import Secret
from paseport_shared.domain.errors import UnclearRequest
from paseport_shared.domain.models.host_pattern import host_fits
from paseport_shared.domain.models.request_facts import canonical_host
from paseport_shared.http.metrics import ServiceMetrics
from paseport_shared.http.request_id import new_request_id
from paseport_shared.http.security_headers import DEFAULTS
from paseport_shared.request_context import answering

from paseport_api.handlers.proxy_requests import BINDING_COOKIE, EDGE_COOKIE, cookie_values, origin_of
from paseport_api.use_cases.complete_handover import (
    BINDING_LIFE,
    LIFE,
    CompleteHandover,
    binding_hash,
    is_binding,
    is_second_try,
)

PATH: Final = "/.paseport/handover"
ISSUER_PATH: Final = "/auth/v1/handover"
_MAX_QUERY: Final = 8192
_MAX_TICKET: Final = 128
_SECURE_PREFIX: Final = "__Host-"
_FAILED: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Sign-in not completed</title>"
    "<h1>The sign-in was not completed</h1>"
    "<p>This site could not take over your sign-in. Cookies may be blocked for it, or the page was open for too long."
    "</p>"
    '<p><a href="{again}">Try again</a></p></html>'
)
_BUSY: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Try again in a moment</title>"
    "<h1>Sign-in is not available at the moment</h1>"
    '<p><a href="{again}">Try again</a></p></html>'
)
_NOT_HERE: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Nothing here</title><h1>There is nothing here</h1></html>"
)

_log = structlog.get_logger(__name__)


class EdgeCookies:
    """Names and attributes of the cookies of a routed host. Where they are not ``Secure``, the prefix goes too."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self.edge = self._name(EDGE_COOKIE)
        self.binding = self._name(BINDING_COOKIE)

    def set_edge(self, cookie: Secret[str]) -> str:
        """Return the ``Set-Cookie`` of a session at this host."""
        return self._set(self.edge, cookie.reveal(), round(LIFE.total_seconds()))

    def set_binding(self, binding: Secret[str]) -> str:
        """Return the ``Set-Cookie`` of a browser that is sent to the issuer."""
        return self._set(self.binding, binding.reveal(), round(BINDING_LIFE.total_seconds()))

    def clear_binding(self) -> str:
        """Return the ``Set-Cookie`` of one that came back."""
        return self._set(self.binding, "", 0)

    def _name(self, name: str) -> str:
        return f"{_SECURE_PREFIX}{name}" if self._secure else name

    def _set(self, name: str, value: str, max_age: int) -> str:
        secure = "; Secure" if self._secure else ""
        return f"{name}={value}; Path=/; Max-Age={max_age}; HttpOnly{secure}; SameSite=Lax"


class Handover:
    """Begins with a binding and a way to the issuer; ends, with the ticket from there, with a cookie and the way back.

    The address that the browser goes on to is always a local path.
    """

    def __init__(
        self,
        complete: CompleteHandover,
        cookies: EdgeCookies,
        issuer_origin: str,
        edge_hosts: tuple[str, ...],
        metrics: ServiceMetrics,
        *,
        secure: bool,
    ) -> None:
        self._complete = complete
        self._cookies = cookies
        self._issuer = issuer_origin
        self._edge_hosts = edge_hosts
        self._count = metrics.count
        self._scheme = "https" if secure else "http"
        self._headers = [(b"content-type", b"text/html; charset=utf-8"), *DEFAULTS]

    async def __call__(self, scope: HTTPScope, send: Send) -> None:
        """Answer one request."""
        started = time.perf_counter()
        request_id = new_request_id()
        with answering(request_id):
            try:
                status, headers, page = await self._answer(scope)
            except Unavailable as error:
                _log.warning("hand-over is not available", reason=error.reason)
                status, headers, page = 503, [(b"retry-after", b"1")], _BUSY.format(again=PATH)
            except Exception:
                _log.exception("hand-over failed")
                status, headers, page = 500, [], _FAILED.format(again=PATH)
        body = page.encode()
        headers = [
            *headers,
            *self._headers,
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
        ]
        await send(cast(Message, {"type": "http.response.start", "status": status, "headers": headers}))
        is_head = scope["method"] == "HEAD"
        await send({"type": "http.response.body", "body": b"" if is_head else body, "more_body": False})
        self._count("GET", PATH, status, time.perf_counter() - started)

    async def _answer(self, scope: HTTPScope) -> tuple[int, list[tuple[bytes, bytes]], str]:
        if scope["method"] not in ("GET", "HEAD"):
            return 405, [(b"allow", b"GET, HEAD")], _NOT_HERE
        sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        host = self._routed_host(sent)
        if host is None:
            return 404, [], _NOT_HERE
        authority = origin_of(self._scheme, sent[0]).removeprefix(f"{self._scheme}://")
        ticket, return_to = _parameters(scope["query_string"])
        if ticket is None:
            return self._begin(authority, return_to)
        bindings = cookie_values(scope["headers"], self._cookies.binding)
        binding = Secret(bindings[0]) if len(bindings) == 1 and is_binding(bindings[0]) else None
        if binding is not None:
            cookie = await self._complete(ticket, authority, host, binding)
            if cookie is not None:
                cookies = [self._cookies.set_edge(cookie), self._cookies.clear_binding()]
                return 303, [_location(return_to), *map(_set_cookie, cookies)], ""
            if not is_second_try(binding):
                return self._begin(authority, return_to, is_second=True)
        elif self._is_signed_in(scope, host):
            # Somebody went back to the address of a ticket that was used.
            return 303, [_location(return_to)], ""
        again = f"{PATH}?return_to={quote(return_to, safe='')}"
        return 400, [_set_cookie(self._cookies.clear_binding())], _FAILED.format(again=again)

    def _begin(
        self, authority: str, return_to: str, *, is_second: bool = False
    ) -> tuple[int, list[tuple[bytes, bytes]], str]:
        binding = self._complete.begin(is_second=is_second)
        query = urlencode({"host": authority, "binding": binding_hash(binding), "return_to": return_to})
        return (
            303,
            [_location(f"{self._issuer}{ISSUER_PATH}?{query}"), _set_cookie(self._cookies.set_binding(binding))],
            "",
        )

    def _routed_host(self, sent: list[str]) -> str | None:
        """Return the canonical host of a request if it is a routed one (FA-14, FA-24)."""
        try:
            host = canonical_host(sent[0]) if len(sent) == 1 else ""
        except UnclearRequest:
            return None
        return host if any(host_fits(pattern, host) for pattern in self._edge_hosts) else None

    def _is_signed_in(self, scope: HTTPScope, host: str) -> bool:
        cookies = cookie_values(scope["headers"], self._cookies.edge)
        return len(cookies) == 1 and self._complete.is_open(cookies[0], host)


def local_path(text: str) -> str:
    """Return ``text`` if it is a path of this host, else the root: never an address of somebody else's.

    One slash at the beginning and not two, no backslash, nothing that browsers cut out; and no second hand-over.
    """
    is_local = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if is_local and not text.startswith("/.paseport/") else "/"


def _parameters(query_string: bytes) -> tuple[str | None, str]:
    """Return the ticket, None where none was sent, and where to go on."""
    if len(query_string) > _MAX_QUERY:
        return None, "/"
    query = parse_qs(query_string.decode("latin-1"), keep_blank_values=True, errors="replace")
    tickets, return_to = query.get("ticket", []), query.get("return_to", ["/"])
    ticket = tickets[0][: _MAX_TICKET + 1] if len(tickets) == 1 else ("" if tickets else None)
    return ticket, local_path(return_to[0]) if len(return_to) == 1 else "/"


def _location(url: str) -> tuple[bytes, bytes]:
    # What is in it already escaped stays as it is.
    return b"location", quote(url, safe="%/:?#[]@!$&'()*+,;=~-._").encode()


def _set_cookie(cookie: str) -> tuple[bytes, bytes]:
    return b"set-cookie", cookie.encode()
