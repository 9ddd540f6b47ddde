"""Serving the built app: files, the fallback page, and the headers that protect both."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Final

from paseport_standalone.app_build import AppBuild, BuiltFile
from paseport_standalone.asgi import Headers, Receive, Scope, Send
from paseport_standalone.problems import send_method_not_allowed, send_not_found
from paseport_standalone.reserved import is_reserved

_PROTECTION: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
        b"microphone=(), midi=(), payment=(), usb=()",
    ),
)
_VARY: Final = "Accept"
_REFUSED: Final = re.compile(r"q=0(\.0{0,3})?")
"""A weight that means "not this" (RFC 9110 §12.4.2)."""
_METHODS: Final = ("GET", "HEAD")
_OWN_FOLDERS: Final = ("/_app/", "/swagger-ui/")
"""What is missing here was a file of another build; nobody who asks for it can use a page instead."""


class Spa:
    """The built app as an ASGI application.

    Every path that is no file answers with the fallback page, whose router knows the pages, if the client says that it
    takes ``text/html``, as a browser does when somebody opens an address. A script's request gets an honest 404, and so
    does every reserved path: a client of the back end must never read a page as an answer.
    """

    def __init__(self, build: AppBuild) -> None:
        self._build = build

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if is_reserved(path):
            await send_not_found(scope, receive, send)
        elif scope["method"] not in _METHODS:
            await send_method_not_allowed(scope, receive, send, _METHODS)
        elif file := self._build.find(path):
            await _send_file(scope, send, file)
        elif not path.startswith(_OWN_FOLDERS) and _takes_html(scope):
            await _send_file(scope, send, self._build.fallback, [(b"vary", _VARY.encode())])
        else:
            await send_not_found(scope, receive, send, vary=_VARY)


async def _send_file(scope: Scope, send: Send, file: BuiltFile, headers: Headers | None = None) -> None:
    not_modified = _is_current(scope, file)
    shared = [
        (b"etag", file.etag.encode()),
        (b"last-modified", file.last_modified.encode()),
        (b"cache-control", file.cache_control.encode()),
        (b"content-security-policy", file.content_security_policy.encode()),
        *_PROTECTION,
        *(headers or ()),
    ]
    if not not_modified:
        shared += [(b"content-type", file.media_type.encode()), (b"content-length", b"%d" % len(file.body))]
    await send({"type": "http.response.start", "status": 304 if not_modified else 200, "headers": shared})
    body = b"" if not_modified or scope["method"] == "HEAD" else file.body
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _is_current(scope: Scope, file: BuiltFile) -> bool:
    """Say whether the client holds this file already (RFC 9110 §13.1.2, §13.1.3, §13.2.2)."""
    if tags := _header(scope, b"if-none-match"):
        return tags.strip() == "*" or file.etag in (tag.strip().removeprefix("W/") for tag in tags.split(","))
    since = _header(scope, b"if-modified-since")
    if not since:
        return False
    try:
        return file.modified_at <= parsedate_to_datetime(since)
    except (ValueError, TypeError):  # no date, or one without a zone
        return False


def _takes_html(scope: Scope) -> bool:
    """Say whether ``text/html`` is named; ``*/*`` is what scripts and command lines send."""
    for media_range in _header(scope, b"accept").lower().split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        if name in ("text/html", "application/xhtml+xml"):
            return not any(_REFUSED.fullmatch(parameter) for parameter in parameters)
    return False


def _header(scope: Scope, name: bytes) -> str:
    """Return all values of a header as one list, empty where there is none."""
    return ", ".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)
