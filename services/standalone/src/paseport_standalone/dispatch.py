"""One origin for the app and both services."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from paseport_standalone import reserved
from paseport_standalone.asgi import ASGIApp, Receive, Scope, Send
from paseport_standalone.ports import origin_of
from paseport_standalone.problems import send_unlisted_host

_API_PREFIX: Final = "/api/"


class Dispatch:
    """Hands a request to the api, the issuer or the app by its path, if it was sent to the canonical host.

    Another host name could belong to somebody else whose DNS points here (DNS rebinding), so it gets nothing. There are
    two exceptions: what proxies and routed hosts ask (``reserved.EDGE``), and a person who typed ``127.0.0.1``: the app
    works only on the origin that the tokens name, and a redirect leads there.
    """

    def __init__(self, *, port: int, api: ASGIApp, issuer: ASGIApp, spa: ASGIApp) -> None:
        self._origin = origin_of(port)
        self._host = self._origin.removeprefix("http://").encode()
        self._typed_by_people = self._host.replace(b"localhost", b"127.0.0.1")
        self._api = api
        self._issuer = issuer
        self._spa = spa

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Web sockets are closed: nothing here speaks them."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000, "reason": None})
            return
        if _is_sent_to(scope, (self._host,)):
            await self._app_for(scope["path"])(scope, receive, send)
        elif reserved.is_under(scope["path"], reserved.EDGE):
            await self._api(scope, receive, send)
        elif _is_sent_to(scope, (self._typed_by_people,)) and _asks_for_page(scope):
            await self._redirect(scope, send)
        else:
            await send_unlisted_host(scope, receive, send)

    def _app_for(self, path: str) -> ASGIApp:
        # The issuer first: some of its paths lie below one of the api's.
        if reserved.is_under(path, reserved.ISSUER):
            return self._issuer
        is_api = reserved.is_under(path, reserved.API) or path in reserved.OF_ANOTHER_SYSTEM
        return self._api if is_api else self._spa

    async def _redirect(self, scope: Scope, send: Send) -> None:
        # The raw path, so that what was escaped stays escaped. It begins with a slash and follows a host of ours:
        # whatever it holds, the address is one of this origin.
        path = scope["raw_path"] or b"/"
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        headers = [(b"location", self._origin.encode() + path + query), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class InternalDispatch:
    """The second port: the issuer's internal application, and the api's below ``/api``.

    It is for this machine's programs. A browser that a foreign name led here (DNS rebinding) must not read the metrics.
    """

    def __init__(self, *, port: int, api: ASGIApp, issuer: ASGIApp) -> None:
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}
        self._api = api
        self._issuer = issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000, "reason": None})
        elif not _is_sent_to(scope, self._hosts):
            await send_unlisted_host(scope, receive, send)
        elif scope["path"].startswith(_API_PREFIX):
            path, raw_path = scope["path"], scope["raw_path"]
            below = {"path": path[len(_API_PREFIX) - 1 :], "raw_path": raw_path[len(_API_PREFIX) - 1 :]}
            await self._api({**scope, **below}, receive, send)
        else:
            await self._issuer(scope, receive, send)


def _is_sent_to(scope: Scope, hosts: Collection[bytes]) -> bool:
    sent = [value.lower() for name, value in scope["headers"] if name == b"host"]
    return len(sent) == 1 and sent[0] in hosts


def _asks_for_page(scope: Scope) -> bool:
    path: str = scope["path"]
    return scope["method"] in ("GET", "HEAD") and path.startswith("/") and not reserved.is_reserved(path)
