"""nginx in front of a service: as a plain proxy, and asking the api before each request, or once a second at most.

Both ways to ask are the configuration that people are given (``deploy/proxies/nginx``). Only TLS is left out: who
asks here speaks none, and it would weigh the same on every side.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from paseport_testkit.harness.nginx import Nginx
from paseport_testkit.harness.ports import HOST, free_ports

from bench.api_keys import ROUTED_HOST
from bench.figures import BenchProblem
from bench.processes import REPOSITORY, children_of
from bench.servers import pid_of, running_servers

_PROXIES: Final = REPOSITORY / "deploy" / "proxies"
_CACHE: Final = "paseport-cache.conf"
_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where the configuration wants its verdicts
_TLS: Final = re.compile(r"^\s*ssl_.*;\n| ssl http2(?=[ ;])", re.MULTILINE)
_MANY_REQUESTS: Final = "keepalive_requests 1000000;"
"""Nobody is told to connect anew while it is measured: the load generator would take it for a fault."""
_SERVICE: Final = """
daemon off;
pid nginx.pid;
error_log stderr crit;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path client_body_temp;
    proxy_temp_path proxy_temp;
    fastcgi_temp_path fastcgi_temp;
    uwsgi_temp_path uwsgi_temp;
    scgi_temp_path scgi_temp;
    {many_requests}
    server {{
        listen {host}:{port} backlog=2048;
        location / {{ default_type text/plain; return 200 "the service behind it\\n"; }}
    }}
}}
"""
_PLAIN: Final = """
upstream service {{ server {host}:{service}; keepalive 64; keepalive_requests 1000000; }}
server {{
    listen {host}:{port};
    server_name {name};
    location / {{
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
        proxy_http_version 1.1;
        proxy_pass http://service;
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The ports of the three proxies, which are one nginx, and the processes of both nginx that work for a request."""

    plain: int
    asking: int
    caching: int
    pids: tuple[int, ...]


@contextlib.asynccontextmanager
async def running_gateway(api: int) -> AsyncIterator[Gateway]:
    """Run nginx before a service, which is another nginx. ``api`` is the port of who decides."""
    service, other, plain, asking, caching = free_ports(5)

    def behind(folder: Path) -> Nginx:
        text = _SERVICE.format(host=HOST, port=service, many_requests=_MANY_REQUESTS)
        return Nginx(folder, _written(folder / "nginx.conf", text), service)

    def before(folder: Path) -> Nginx:
        frame = _rendered(
            "nginx.conf",
            PASEPORT_API_ADDRESS=f"{HOST}:{api}",
            PASEPORT_CACHE_FOLDER=str(folder / "verdicts"),
            PASEPORT_PROXY_ADDRESS=HOST,
            PASEPORT_PROXY_PORT=str(other),
            PASEPORT_TLS_CERTIFICATE="none",
            PASEPORT_TLS_KEY="none",
        )
        routes = folder / "routes"
        _written(routes / "plain.conf", _PLAIN.format(host=HOST, service=service, port=plain, name=ROUTED_HOST))
        _written(routes / "asking.conf", _route(asking).replace(f"include {_CACHE};", ""))
        _written(routes / "caching.conf", _route(caching))
        shutil.copy(_PROXIES / "nginx" / _CACHE, folder)
        many = frame.replace("http {\n", f"http {{\n    {_MANY_REQUESTS}\n", 1)
        return Nginx(folder, _written(folder / "nginx.conf", many), plain)

    async with running_servers(behind) as back, running_servers(before, _IN_MEMORY) as front:
        yield Gateway(plain, asking, caching, (*_workers_of(back), *_workers_of(front)))


def _workers_of(nginx: Nginx) -> list[int]:
    """Return the processes that serve. The one that loads the cache ends after a minute."""
    children = children_of(pid_of(nginx))
    return [pid for pid in children if b"worker process" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _route(port: int) -> str:
    return _rendered(
        "route.conf",
        PASEPORT_PROXY_ADDRESS=HOST,
        PASEPORT_PROXY_PORT=str(port),
        PASEPORT_ROUTED_HOST=ROUTED_HOST,
        # The upstream of the plain proxy: connections to the service last on every side.
        PASEPORT_SERVICE_ADDRESS="service",
    )


def _rendered(name: str, **values: str) -> str:
    command = [str(_PROXIES / "render.sh"), str(_PROXIES / "nginx" / f"{name}.template")]
    done = subprocess.run(command, env={**os.environ, **values}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchProblem(done.stderr.strip())
    return _TLS.sub("", done.stdout)


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
