"""The edge as operators run it: docker/nginx, on this machine."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.ports import HOST, free_ports
from paseport_testkit.harness.process import ServerFailed, ServerProcess, log_in
from paseport_testkit.harness.programs import find_program
from paseport_testkit.harness.repository import APP_BUILD, EDGE_FOLDER, ROOT
from paseport_testkit.harness.service import Service

_CONNECT_TIMEOUT_SECONDS: Final = 1.0
_NAME: Final = "localhost"


_PAGE: Final = """<!doctype html>
<meta http-equiv="content-security-policy" content="default-src 'self'">
<title>Paseport</title>
"""


def write_bare_app(folder: Path) -> Path:
    """Make an app of one page, for tests that need an edge and no browser."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(_PAGE)
    return folder


class Nginx(Service):
    """nginx with a configuration that is a file already; every relative path in it lies in ``folder``.

    It counts as ready when it accepts a connection on ``port``.
    """

    def __init__(self, folder: Path, configuration: Path, port: int, *, logs: Path | None = None) -> None:
        self.host = HOST
        self.port = port
        folder.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [find_program("nginx"), "-p", folder, "-e", "stderr", "-c", configuration]
        if os.geteuid() == 0:
            # The workers stay with the user who owns the folder, which nobody else may read.
            command += ["-g", "user root;"]
        super().__init__(ServerProcess("nginx", command, log_in(logs or folder, "nginx"), self._missing))

    def _missing(self) -> str | None:
        try:
            socket.create_connection((self.host, self.port), _CONNECT_TIMEOUT_SECONDS).close()
        except OSError as refused:
            return str(refused)
        return None


class Edge(Nginx):
    """The edge in front of issuers and apis, at ``https://localhost:<port>``, with the built app."""

    def __init__(
        self,
        folder: Path,
        *,
        issuers: Sequence[tuple[str, int]],
        apis: Sequence[tuple[str, int]],
        certificates: Certificates,
        port: int | None = None,
        app: Path = APP_BUILD,
        logs: Path | None = None,
    ) -> None:
        http_port, https_port = free_ports(2)
        port = port or https_port
        self.origin = f"https://{_NAME}:{port}"
        self.http_origin = f"http://{_NAME}:{http_port}"
        self.certificates = certificates
        folder.mkdir(parents=True, exist_ok=True)
        policies, configuration = folder / "app-policies.conf", folder / "nginx.conf"
        policies.write_text(_output_of([sys.executable, EDGE_FOLDER / "app_policies.py", app]))
        settings = {
            "PASEPORT_EDGE_ADDRESS": HOST,
            "PASEPORT_EDGE_HTTP_PORT": str(http_port),
            "PASEPORT_EDGE_HTTPS_PORT": str(port),
            "PASEPORT_SERVER_NAME": _NAME,
            "PASEPORT_PUBLIC_ORIGIN": self.origin,
            "PASEPORT_ISSUER_ADDRESS": _listed(issuers),
            "PASEPORT_API_ADDRESS": _listed(apis),
            "PASEPORT_APP_FOLDER": str(app),
            "PASEPORT_APP_POLICIES": str(policies),
            "PASEPORT_TLS_CERTIFICATE": str(certificates.certificate),
            "PASEPORT_TLS_KEY": str(certificates.key),
        }
        configuration.write_text(_output_of([EDGE_FOLDER / "render.sh"], settings))
        super().__init__(folder, configuration, port, logs=logs)

    def tls(self) -> ssl.SSLContext:
        """Return what a client needs that trusts this edge, and no other server in the world."""
        return ssl.create_default_context(cafile=str(self.certificates.ca))


def _listed(addresses: Sequence[tuple[str, int]]) -> str:
    return ",".join(f"{host}:{port}" for host, port in addresses)


def _output_of(command: Sequence[str | Path], settings: dict[str, str] | None = None) -> str:
    environment = {**os.environ, **(settings or {})}
    done = subprocess.run(  # noqa: S603 - programs of this repository
        [str(part) for part in command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ServerFailed(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout
