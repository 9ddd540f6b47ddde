"""The proxies of deploy/proxies, on this machine: real programs with the configurations that operators copy."""

from __future__ import annotations

import os
import socket
import subprocess
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.ports import HOST, free_port
from paseport_testkit.harness.process import ServerFailed, ServerProcess, log_in
from paseport_testkit.harness.programs import CADDY, TRAEFIK, find_program
from paseport_testkit.harness.repository import PROXIES_FOLDER
from paseport_testkit.harness.service import Service

_CONNECT_TIMEOUT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Route:
    """A host that a proxy serves, and the service behind it (``host:port``)."""

    host: str
    service: str


class Proxy(Service):
    """A proxy with TLS on a port of loopback that asks ``api`` (``host:port``) about each request to a route.

    It counts as ready when it accepts a connection.
    """

    name: ClassVar[str]

    def __init__(self, folder: Path, *, api: str, routes: Sequence[Route], certificates: Certificates) -> None:
        self.host = HOST
        self.port = free_port()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.settings: Mapping[str, str] = {
            "PASEPORT_API_ADDRESS": api,
            "PASEPORT_PROXY_ADDRESS": HOST,
            "PASEPORT_PROXY_PORT": str(self.port),
            "PASEPORT_TLS_CERTIFICATE": str(certificates.certificate),
            "PASEPORT_TLS_KEY": str(certificates.key),
        }
        command = self.configure(routes)
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        super().__init__(
            ServerProcess(self.name, command, log_in(folder, self.name), self._missing, environment=environment)
        )

    @abstractmethod
    def configure(self, routes: Sequence[Route]) -> list[str | Path]:
        """Write the configuration and return the command that runs with it."""

    def render(self, template: str, target: Path, **more: str) -> Path:
        """Write a template of deploy/proxies with the settings in it, as an operator does."""
        target.parent.mkdir(parents=True, exist_ok=True)
        environment = {"PATH": os.environ.get("PATH", os.defpath), **self.settings, **more}
        done = subprocess.run(  # noqa: S603 - a script of this repository
            [str(PROXIES_FOLDER / "render.sh"), str(PROXIES_FOLDER / template)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailed(f"{template}: {done.stderr.strip()}")
        target.write_text(done.stdout)
        return target

    def _missing(self) -> str | None:
        try:
            socket.create_connection((self.host, self.port), _CONNECT_TIMEOUT_SECONDS).close()
        except OSError as refused:
            return str(refused)
        return None


class NginxProxy(Proxy):
    """nginx with ``auth_request``, each question asked anew."""

    name = "nginx"
    verdict_cache = False

    def configure(self, routes: Sequence[Route]) -> list[str | Path]:
        """Write the configuration and return the command that runs with it."""
        cache = self.folder / "cache"
        cache.mkdir(mode=0o700, exist_ok=True)
        snippet = (PROXIES_FOLDER / "nginx" / "paseport-cache.conf").read_text() if self.verdict_cache else ""
        (self.folder / "paseport-cache.conf").write_text(snippet)
        for number, route in enumerate(routes):
            self.render(
                "nginx/route.conf.template",
                self.folder / "routes" / f"{number}.conf",
                PASEPORT_ROUTED_HOST=route.host,
                PASEPORT_SERVICE_ADDRESS=route.service,
            )
        configuration = self.render(
            "nginx/nginx.conf.template", self.folder / "nginx.conf", PASEPORT_CACHE_FOLDER=str(cache)
        )
        command: list[str | Path] = [find_program("nginx"), "-p", self.folder, "-e", "stderr", "-c", configuration]
        if os.geteuid() == 0:
            # The workers stay with the user who owns the folder, which nobody else may read.
            command += ["-g", "user root;"]
        return command


class CachingNginxProxy(NginxProxy):
    """The same with the verdict cache of one second."""

    verdict_cache = True


class CaddyProxy(Proxy):
    """Debian's Caddy with ``forward_auth``."""

    name = "caddy"
    program = "caddy"

    def configure(self, routes: Sequence[Route]) -> list[str | Path]:
        """Write the configuration and return the command that runs with it."""
        for number, route in enumerate(routes):
            self.render(
                "caddy/route.caddy.template",
                self.folder / "routes" / f"{number}.caddy",
                PASEPORT_ROUTED_HOST=route.host,
                PASEPORT_SERVICE_ADDRESS=route.service,
            )
        configuration = self.render("caddy/Caddyfile.template", self.folder / "Caddyfile")
        return [find_program(self.program), "run", "--config", configuration, "--adapter", "caddyfile"]


class CurrentCaddyProxy(CaddyProxy):
    """A current Caddy, which copies headers in another way."""

    name = "current-caddy"
    program = CADDY


class TraefikProxy(Proxy):
    """Traefik with ``forwardAuth``, configured by files."""

    name = "traefik"

    def configure(self, routes: Sequence[Route]) -> list[str | Path]:
        """Write the configuration and return the command that runs with it."""
        dynamic = self.folder / "dynamic"
        self.render("traefik/paseport.yml.template", dynamic / "paseport.yml")
        for number, route in enumerate(routes):
            self.render(
                "traefik/route.yml.template",
                dynamic / f"route-{number}.yml",
                PASEPORT_ROUTE=f"service-{number}",
                PASEPORT_ROUTED_HOST=route.host,
                PASEPORT_SERVICE_ADDRESS=route.service,
            )
        configuration = self.render(
            "traefik/traefik.yml.template", self.folder / "traefik.yml", PASEPORT_TRAEFIK_FOLDER=str(dynamic)
        )
        return [find_program(TRAEFIK), "--configFile", configuration]


class EnvoyProxy(Proxy):
    """Envoy with ``ext_authz`` over HTTP. Its configuration is about one service, so all routes lead to the first."""

    name = "envoy"

    def configure(self, routes: Sequence[Route]) -> list[str | Path]:
        """Write the configuration and return the command that runs with it."""
        api_host, _, api_port = self.settings["PASEPORT_API_ADDRESS"].rpartition(":")
        service_host, _, service_port = routes[0].service.rpartition(":")
        configuration = self.render(
            "envoy/envoy.yaml.template",
            self.folder / "envoy.yaml",
            PASEPORT_API_HOST=api_host,
            PASEPORT_API_PORT=api_port,
            PASEPORT_ROUTED_HOST=routes[0].host,
            PASEPORT_SERVICE_HOST=service_host,
            PASEPORT_SERVICE_PORT=service_port,
        )
        return [
            *(find_program("envoy"), "-c", configuration, "--log-level", "warning"),
            *("--concurrency", "1", "--disable-hot-restart"),
        ]
