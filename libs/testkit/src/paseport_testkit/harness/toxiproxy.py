"""toxiproxy: links that are slow, narrow, half-open or down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import requests

from paseport_testkit.harness.containers import server
from paseport_testkit.harness.ports import HOST, free_port
from paseport_testkit.harness.process import log_in
from paseport_testkit.harness.programs import TOXIPROXY
from paseport_testkit.harness.service import Service

_TIMEOUT_SECONDS: Final = 5.0

Direction: TypeAlias = Literal["upstream", "downstream"]
"""``upstream``: what the client sends. ``downstream``: what the server answers."""


class Link:
    """One proxied connection target. Clients use ``host`` and ``port`` in place of the server's own."""

    def __init__(self, toxiproxy: Toxiproxy, name: str, upstream: tuple[str, int], port: int) -> None:
        self.host = HOST
        self.port = port
        self.name = name
        self.is_disturbed = False
        self._upstream = upstream
        self._toxiproxy = toxiproxy

    @property
    def address(self) -> tuple[str, int]:
        """Where clients find it."""
        return self.host, self.port

    @property
    def description(self) -> dict[str, Any]:
        """What toxiproxy is told to make it."""
        host, port = self._upstream
        return {"name": self.name, "listen": f"{self.host}:{self.port}", "upstream": f"{host}:{port}", "enabled": True}

    def latency(self, milliseconds: int, *, jitter: int = 0, direction: Direction = "downstream") -> None:
        """Delay everything by so much, give or take the jitter."""
        self._add("latency", direction, {"latency": milliseconds, "jitter": jitter})

    def silence(self, direction: Direction = "downstream") -> None:
        """Let no byte through and close nothing: the connection looks alive (half-open)."""
        self._add("timeout", direction, {"timeout": 0})

    def timeout(self, milliseconds: int, direction: Direction = "downstream") -> None:
        """Let no byte through and close the connection after the time."""
        self._add("timeout", direction, {"timeout": milliseconds})

    def bandwidth(self, kilobytes_per_second: int, direction: Direction = "downstream") -> None:
        """Let no more than this through."""
        self._add("bandwidth", direction, {"rate": kilobytes_per_second})

    def slow_close(self, milliseconds: int, direction: Direction = "downstream") -> None:
        """Delay the end of each connection."""
        self._add("slow_close", direction, {"delay": milliseconds})

    def limit_data(self, size_bytes: int, direction: Direction = "downstream") -> None:
        """Close each connection after so many bytes: an answer that breaks off."""
        self._add("limit_data", direction, {"bytes": size_bytes})

    def remove(self, kind: str, direction: Direction = "downstream") -> None:
        """Take back one of the above, by toxiproxy's name for it (``silence`` is a ``timeout``)."""
        self._toxiproxy.call("DELETE", f"proxies/{self.name}/toxics/{kind}-{direction}")

    def cut(self) -> None:
        """Close every connection and refuse new ones."""
        self.is_disturbed = True
        self._toxiproxy.call("POST", f"proxies/{self.name}", {"enabled": False})

    def heal(self) -> None:
        """Be an ordinary link again. Connections that were silenced are closed: what they held back is lost."""
        self.cut()
        for toxic in self._toxiproxy.call("GET", f"proxies/{self.name}/toxics"):
            self._toxiproxy.call("DELETE", f"proxies/{self.name}/toxics/{toxic['name']}")
        self._toxiproxy.call("POST", f"proxies/{self.name}", {"enabled": True})
        self.is_disturbed = False

    def _add(self, kind: str, direction: Direction, attributes: Mapping[str, int]) -> None:
        self.is_disturbed = True
        body = {"name": f"{kind}-{direction}", "type": kind, "stream": direction, "attributes": dict(attributes)}
        self._toxiproxy.call("POST", f"proxies/{self.name}/toxics", body)


class Toxiproxy(Service):
    """The proxy server. It forgets its links when it ends."""

    def __init__(self, folder: Path, port: int | None = None, *, logs: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = port or free_port()
        self._url = f"http://{HOST}:{port}"
        self._links: dict[str, Link] = {}
        arguments = ("-host", HOST, "-port", str(port))
        environment = {**os.environ, "LOG_LEVEL": "info"}
        log = log_in(logs or folder, "toxiproxy")
        super().__init__(
            server("toxiproxy", TOXIPROXY, arguments, log, self._missing, folders=[folder], environment=environment)
        )

    def link(self, name: str, upstream: tuple[str, int], port: int | None = None) -> Link:
        """Make a link to a server, which need not run yet. An earlier one of this name is gone."""
        if name in self._links:
            self.unlink(self._links[name])
        link = Link(self, name, upstream, port or free_port())
        self.call("POST", "proxies", link.description)
        self._links[name] = link
        return link

    def unlink(self, link: Link) -> None:
        """Take a link away, with its connections."""
        del self._links[link.name]
        self.call("DELETE", f"proxies/{link.name}")

    def restore(self) -> None:
        """Run, with every link healed."""
        was_down = not self.process.is_running
        super().restore()
        for link in self._links.values():
            if was_down:
                self.call("POST", "proxies", link.description)
            elif link.is_disturbed:
                link.heal()

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask its API. Raises ``requests.HTTPError`` with what it refused."""
        answer = requests.request(method, f"{self._url}/{path}", json=body, timeout=_TIMEOUT_SECONDS)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path} was answered {answer.status_code}: {answer.text.strip()}")
        return answer.json() if answer.content else None

    def _missing(self) -> str | None:
        try:
            self.call("GET", "proxies")
        except requests.RequestException as refused:
            return str(refused)
        return None
