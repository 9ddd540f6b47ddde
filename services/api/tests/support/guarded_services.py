"""Two services behind each kind of proxy, and who decides about their requests."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from guarding_api import EXPLAINED, KEYS, USERS
from paseport_testkit.harness.echo import Arrival, EchoBackend
from paseport_testkit.harness.ports import HOST, free_port
from paseport_testkit.harness.process import ServerProcess, log_in
from paseport_testkit.harness.proxies import (
    CachingNginxProxy,
    CaddyProxy,
    CurrentCaddyProxy,
    EnvoyProxy,
    NginxProxy,
    Proxy,
    Route,
    TraefikProxy,
)
from paseport_testkit.harness.service import Service
from paseport_testkit.harness.waiting import wait_until
from proxy_corpus import APP, OPEN, Caller
from raw_http import RawClient, request

HOSTS: Final = (APP, OPEN)
PROXIES: Final[Sequence[type[Proxy]]] = (
    NginxProxy,
    CachingNginxProxy,
    CaddyProxy,
    CurrentCaddyProxy,
    TraefikProxy,
    EnvoyProxy,
)
CREDENTIALS: Final = {caller: ("Authorization", f"Bearer {key}") for caller, key in KEYS.items()}
SECRETS: Final = tuple(KEYS.values())
IDENTITIES: Final = {
    Caller.NOBODY: {"x-auth-method": "none"},
    **{
        caller: {
            "x-user": username,
            "x-user-id": str(user_id),
            "x-user-roles": role,
            "x-auth-method": "api_key",
            "remote-user": username,
            "remote-groups": role,
        }
        for caller, (user_id, username, role) in USERS.items()
    },
}
"""What each caller's identity headers say; the others are empty."""
_READY_SECONDS: Final = 15.0


class Authorizer(Service):
    """The real api, as a process of its own (``guarding_api``)."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._explained = folder / EXPLAINED
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, Path(__file__).with_name("guarding_api.py"), str(self.port), folder]
        super().__init__(ServerProcess("authorizer", command, log_in(folder, "authorizer"), self._refused))

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def explained(self) -> list[tuple[str, list[str], list[str]]]:
        """Return each request about which something was decided, the decision and what ``explain`` said of it."""
        return [tuple(json.loads(line)) for line in self._explained.read_text().splitlines()]

    def _refused(self) -> str | None:
        try:
            socket.create_connection((HOST, self.port), 1).close()
        except OSError as refused:
            return str(refused)
        return None


class GuardedServices:
    """An echo service for each host."""

    def __init__(self, hosts: Sequence[str] = HOSTS) -> None:
        self._services = {host: EchoBackend() for host in hosts}

    @property
    def routes(self) -> list[Route]:
        return [Route(host, service.address) for host, service in self._services.items()]

    def start(self) -> None:
        for service in self._services.values():
            service.start()

    def stop(self) -> None:
        for service in self._services.values():
            service.stop()

    def take(self) -> list[tuple[str, Arrival]]:
        """Return what has arrived since the last call, each with the host whose service it reached."""
        return [(host, arrival) for host, service in self._services.items() for arrival in service.take()]


def wait_for(proxy: Proxy, host: str) -> None:
    """Wait until the routes of a proxy that has started work: some accept connections before they have read them."""

    def missing() -> str | None:
        with RawClient(proxy.host, proxy.port) as client:
            answer = client.send(request("/public/ready", host=host), server_name=host)
        return None if answer.status == 200 else f"{answer.status} {proxy.process.log_tail()}"

    wait_until(f"{proxy.name} serves", missing, _READY_SECONDS)
