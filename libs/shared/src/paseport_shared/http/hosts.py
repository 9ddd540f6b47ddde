"""Which host names are served.

Absolute URLs always come from the settings, never from a header (AZ-25). This check closes what is left: a foreign name
that resolves here (DNS rebinding), caches that are poisoned through ``Host``, and requests that two parsers would read
differently (FA-14).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable, Sequence
from typing import Final

from litestar.types import ASGIApp, Receive, Scope, Send

from paseport_shared.domain.errors import UnlistedHost

_DEFAULT_PORTS: Final = (":80", ":443")
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")


class AllowedHosts:
    """ASGI middleware: refuses a request whose ``Host`` is absent, sent twice or not listed.

    A listed name without a port also covers the default ports; any other port has to be listed. Without a list every
    name is served that is one: the framework cannot read others. ``X-Forwarded-Host`` is not read. Raises
    ``UnlistedHost``.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] | None) -> None:
        self._app = app
        self._any = hosts is None
        names = {host.lower() for host in hosts or ()}
        portless = {name for name in names if not name.rpartition("]")[2].count(":")}
        self._hosts = frozenset(
            value.encode() for value in names | {name + port for name in portless for port in _DEFAULT_PORTS}
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        problem = self.problem_with([value for name, value in scope["headers"] if name == b"host"], scope["path"])
        if problem is not None:
            raise UnlistedHost(problem)
        return self._app(scope, receive, send)

    def problem_with(self, hosts: Sequence[bytes], path: str) -> str | None:
        """Return why a request with these ``Host`` headers is not served, for the log; None where it is."""
        if len(hosts) != 1:
            return f"{len(hosts)} Host headers"
        if not self.serves(hosts[0]):
            return "the Host header names another host"
        return None if path.startswith("/") else "the request target is not a path"

    def serves(self, host: bytes) -> bool:
        """Say whether requests with this ``Host`` are served."""
        # Comparison with a list leaves nothing to parse: `/?#@`, spaces and trailing dots are simply other names.
        return _is_host(host) if self._any else host.lower() in self._hosts


def _is_host(value: bytes) -> bool:
    match = _HOST.fullmatch(value)
    return match is not None and int(match["port"] or 0) <= 65_535
