"""The whole production topology on one machine: what ``make stack`` runs, and tests, drills and measurements too."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from paseport_testkit.harness.accounts import Account, Administrator
from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.mariadb import MariaDb
from paseport_testkit.harness.nginx import Edge
from paseport_testkit.harness.paseport import Api, Issuer, Milestone, PaseportService
from paseport_testkit.harness.ports import HOST, free_ports
from paseport_testkit.harness.process import ServerFailed
from paseport_testkit.harness.redis import Credentials, RedisCluster
from paseport_testkit.harness.repository import APP_BUILD
from paseport_testkit.harness.service import Service
from paseport_testkit.harness.toxiproxy import Link, Toxiproxy
from paseport_testkit.harness.vault import ACCESS_KEY, ID_KEY, SealableVault

ADMIN: Final = "admin"
USER: Final = "user"
DISABLED: Final = "disabled"


SERVICE: Final = "https://reports.example.com"
"""The audience of a downstream service: what the client may name as ``resource``, and what a verifier is made for."""

MOBILE_REDIRECT_URIS: Final = ("http://127.0.0.1/callback", "https://phone.example/callback")
"""Those of the client ``mobile``: a program that listens on this machine, and an app that has claimed an address."""


class Stack:
    """MariaDB, a Redis cluster, Vault, issuers, apis and the edge, with three seeded accounts and one client.

    As a context manager everything runs inside the block. With ``links`` the ways to MariaDB and to Vault, and the way
    from the apis to the first issuer's internal port, can be made slow, silent or cut; with ``partitionable`` the
    network of Redis can be cut. ``settings`` are added to those of issuers and apis, and overrule them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        issuers: int = 1,
        apis: int = 1,
        links: bool = False,
        partitionable: bool = False,
        app: Path = APP_BUILD,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.accounts = {
            ADMIN: Account(ADMIN, ("Admin",)),
            USER: Account(USER, ("User",)),
            DISABLED: Account(DISABLED, ("User",), disabled=True),
        }
        self.mariadb = MariaDb(folder / "mariadb", logs=self.logs)
        self.redis = RedisCluster(folder / "redis", partitionable=partitionable, logs=self.logs)
        # On disk: whoever kills it finds the same keys again.
        self.vault = SealableVault(folder / "vault", logs=self.logs)
        self.toxiproxy = Toxiproxy(folder / "toxiproxy", logs=self.logs) if links else None
        self.links: dict[str, Link] = {}
        ports = free_ports(2 * (issuers + apis))
        pairs = list(zip(ports[::2], ports[1::2], strict=True))
        self._issuer_ports, self._api_ports = pairs[:issuers], pairs[issuers:]
        self.issuers: dict[int, Issuer] = {}
        self.apis: dict[int, Api] = {}
        self.edge = Edge(
            folder / "edge",
            port=port,
            issuers=[(HOST, public) for public, _ in self._issuer_ports],
            apis=[(HOST, public) for public, _ in self._api_ports],
            certificates=Certificates(folder / "certificates"),
            app=app,
            logs=self.logs,
        )
        self._secrets = {
            name: secrets.token_urlsafe(48)
            for name in (
                "PASEPORT_REFRESH_KEY",
                "PASEPORT_PASSWORD_PEPPER",
                "PASEPORT_API_KEY_PEPPER",
                "PASEPORT_SERVICE_SECRET",
                "BFF_CLIENT_SECRET",
            )
        }
        self.client = a_client()
        self._settings = dict(settings or {})
        self._database_url = ""
        self._vault_settings: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def origin(self) -> str:
        """Where people find it, and the issuer identifier."""
        return self.edge.origin

    @property
    def ca(self) -> Path:
        """The authority that clients have to trust."""
        return self.edge.certificates.ca

    @property
    def admin(self) -> Account:
        """The first administrator."""
        return self.accounts[ADMIN]

    @property
    def service_secret(self) -> str:
        """What the api shows at the issuer's internal port."""
        return self._secrets["PASEPORT_SERVICE_SECRET"]

    @property
    def client_secret(self) -> str:
        """The secret of the app's own client, ``bff``."""
        return self._secrets["BFF_CLIENT_SECRET"]

    @property
    def services(self) -> list[Service]:
        """Every process, in the order in which they start."""
        return [
            *([] if self.toxiproxy is None else [self.toxiproxy]),
            self.mariadb,
            *([] if self.redis.network is None else [self.redis.network]),
            *self.redis.nodes,
            *self.redis.watchers,
            self.vault,
            *self.issuers.values(),
            *self.apis.values(),
            self.edge,
        ]

    def start(self) -> None:
        """Start everything, migrate, seed, and describe it. Whatever fails ends all of it."""
        try:
            self._start_backends()
            self._start_links()
            self._migrate()
            for index in range(len(self._issuer_ports)):
                self.start_issuer(index)
            for index in range(len(self._api_ports)):
                self.start_api(index)
            self.edge.start()
            others = [account for account in self.accounts.values() if account is not self.admin]
            Administrator(self.edge, self.admin).create(others)
            self.describe()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything, whoever is asked before whoever answers. Services end what they were doing."""
        self.edge.stop()
        for service in (*self.apis.values(), *self.issuers.values()):
            service.stop()
        self.vault.stop()
        self.redis.stop()
        self.mariadb.stop()
        if self.toxiproxy is not None:
            self.toxiproxy.stop()
        self.description.unlink(missing_ok=True)

    @property
    def is_disturbed(self) -> bool:
        """True while a part stands still or is not there. Links that a test made slow are for ``restore`` to find."""
        parts = [self.mariadb, self.vault, *self.issuers.values(), *self.apis.values(), self.edge]
        return self.redis.is_disturbed or any(part.is_disturbed for part in parts)

    def restore(self) -> None:
        """Run in full again, whatever a test did to it. A service that runs with a wrong clock is started anew."""
        if self.toxiproxy is not None:
            self.toxiproxy.restore()
        self.mariadb.restore()
        self.redis.restore()
        self.vault.restore()
        for index, issuer in self.issuers.items():
            if issuer.clock_skew is None:
                issuer.restore()
            else:
                self.start_issuer(index)
        for index, api in self.apis.items():
            if api.clock_skew is None:
                api.restore()
            else:
                self.start_api(index)
        self.edge.restore()

    def start_issuer(self, index: int, *, until: Milestone = "ready", clock_skew: timedelta | None = None) -> Issuer:
        """Start one of the issuers, in place of the one of this number that runs, if it does."""
        if index in self.issuers:
            self.issuers[index].stop()
        issuer = Issuer(
            f"issuer-{index}",
            self.logs,
            ports=self._issuer_ports[index],
            settings=self._issuer_settings(),
            clock_skew=clock_skew,
        )
        self.issuers[index] = issuer
        issuer.start(until)
        return issuer

    def start_api(self, index: int, *, until: Milestone = "ready", clock_skew: timedelta | None = None) -> Api:
        """Start one of the apis, in place of the one of this number that runs, if it does."""
        if index in self.apis:
            self.apis[index].stop()
        api = Api(
            f"api-{index}",
            self.logs,
            ports=self._api_ports[index],
            settings=self._api_settings(),
            clock_skew=clock_skew,
        )
        self.apis[index] = api
        api.start(until)
        return api

    def describe(self) -> Path:
        """Write the description as things are now, for people, tests and tools, and return its path."""
        # In one step: whoever reads it meanwhile finds the old one.
        new = self.description.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(self._described(), indent=2) + "\n")
        return new.replace(self.description)

    @property
    def description(self) -> Path:
        """A file beside the folder, only there while everything runs: addresses, process ids, credentials."""
        return self.folder.with_name(f"{self.folder.name}.json")

    def _start_backends(self) -> None:
        starts: list[Callable[[], None]] = [self.mariadb.start, self.redis.start, self._start_vault]
        if self.toxiproxy is not None:
            starts.append(self.toxiproxy.start)
        # Side by side: each mostly waits.
        with ThreadPoolExecutor(max_workers=len(starts)) as threads:
            for started in [threads.submit(start) for start in starts]:
                started.result()

    def _start_vault(self) -> None:
        self.vault.open()
        role = self.vault.app_role()
        self._vault_settings = {
            "PASEPORT_VAULT_ROLE_ID": role.role_id,
            "PASEPORT_VAULT_SECRET_ID": role.secret_id,
        }

    def _start_links(self) -> None:
        if self.toxiproxy is not None:
            self.links = {
                "mariadb": self.toxiproxy.link("mariadb", (self.mariadb.host, self.mariadb.port)),
                "vault": self.toxiproxy.link("vault", (self.vault.host, self.vault.port)),
                "issuer": self.toxiproxy.link("issuer", (HOST, self._issuer_ports[0][1])),
            }

    def _migrate(self) -> None:
        installation = self.mariadb.create_installation()
        self._database_url = installation.url_at(self._address("mariadb", (self.mariadb.host, self.mariadb.port)))
        done = subprocess.run(  # noqa: S603 - the product's own command line
            [str(Path(sys.executable).with_name("paseport")), "migrate"],
            env={**os.environ, "MARIADB_URL": installation.migration_url},
            capture_output=True,
            text=True,
            check=False,
        )
        (self.logs / "migrate.log").write_text(done.stdout + done.stderr)
        if done.returncode != 0:
            raise ServerFailed(f"paseport migrate failed: {done.stdout}{done.stderr}")

    def _address(self, link: str, direct: tuple[str, int]) -> tuple[str, int]:
        return self.links[link].address if link in self.links else direct

    def _issuer_settings(self) -> dict[str, str]:
        host, port = self._address("vault", (self.vault.host, self.vault.port))
        return {
            **self._common_settings(self.redis.users.issuer),
            **self._secrets,
            **self._vault_settings,
            "MARIADB_URL": self._database_url,
            "VAULT_URL": f"http://{host}:{port}",
            "VAULT_ALLOW_HTTP": "true",
            "MOUNT_PATH": self.vault.mount_path,
            "TRANSIT_KEY": ACCESS_KEY,
            "PASEPORT_ID_KEY": ID_KEY,
            "MOBILE_REDIRECT_URIS": ",".join(MOBILE_REDIRECT_URIS),
            **({} if _names_clients(self._settings) else {"OAUTH_CLIENTS_JSON": json.dumps([self.client])}),
            "PASEPORT_ADMIN_EMAIL": self.admin.email,
            "PASEPORT_ADMIN_PASSWORD": self.admin.password,
            **self._settings,
        }

    def _api_settings(self) -> dict[str, str]:
        host, port = self._address("issuer", (HOST, self._issuer_ports[0][1]))
        return {
            **self._common_settings(self.redis.users.api),
            "PASEPORT_SERVICE_SECRET": self.service_secret,
            "PASEPORT_API_KEY_PEPPER": self._secrets["PASEPORT_API_KEY_PEPPER"],
            "PASEPORT_ISSUER_INTERNAL_URL": f"http://{host}:{port}",
            **self._settings,
        }

    def _common_settings(self, redis_user: Credentials) -> dict[str, str]:
        asks = self.redis.sentinel_client
        return {
            "ACCESS_TOKEN_ISSUER": self.origin,
            "PASEPORT_TRUSTED_PROXIES": f"{HOST}/32",
            "REDIS_SENTINELS": ",".join(f"{host}:{port}" for host, port in self.redis.sentinels),
            "REDIS_MASTER_NAME": self.redis.master_name,
            "REDIS_USERNAME": redis_user.username,
            "REDIS_PASSWORD": redis_user.password,
            "REDIS_SENTINEL_USERNAME": asks.username,
            "REDIS_SENTINEL_PASSWORD": asks.password,
            "REDIS_WAIT_REPLICAS": "1",
        }

    def _described(self) -> dict[str, Any]:
        return {
            "url": self.origin,
            "http_url": self.edge.http_origin,
            "ca": str(self.ca),
            "logs": str(self.logs),
            "accounts": {
                name: {
                    "username": account.username,
                    "email": account.email,
                    "password": account.password,
                    "roles": list(account.roles),
                    "disabled": account.disabled,
                }
                for name, account in self.accounts.items()
            },
            "clients": [] if _names_clients(self._settings) else [self.client],
            "issuers": _described(self.issuers.values()),
            "apis": _described(self.apis.values()),
            "secrets": self._secrets,
            "mariadb": {"host": self.mariadb.host, "port": self.mariadb.port, "url": self._database_url},
            "redis": {
                "master_name": self.redis.master_name,
                "nodes": [_server(node, node.address) for node in self.redis.nodes],
                "sentinels": [_server(watcher, watcher.address) for watcher in self.redis.watchers],
                "users": {
                    user.username: user.password
                    for user in (
                        self.redis.users.operator,
                        self.redis.users.issuer,
                        self.redis.users.api,
                        self.redis.users.verifier,
                    )
                },
                "sentinel_users": {self.redis.sentinel_client.username: self.redis.sentinel_client.password},
            },
            "vault": {"url": self.vault.url, "root_token": self.vault.root_token, **self._vault_settings},
            "links": {name: {"host": link.host, "port": link.port} for name, link in self.links.items()},
            "pids": {service.process.name: service.process.pid for service in self.services},
        }


def _names_clients(settings: Mapping[str, str]) -> bool:
    return any(name.startswith("OAUTH_CLIENTS_JSON") for name in settings)


def a_client() -> dict[str, Any]:
    """Return a plain third-party client, as OAUTH_CLIENTS_JSON takes it."""
    return {
        "client_id": "sample",
        "name": "A sample client",
        "grants": ["authorization_code", "refresh_token", "client_credentials"],
        "scopes": ["openid", "profile", "email", "roles", "offline_access"],
        "audiences": [SERVICE],
        "redirect_uris": ["https://localhost:9443/callback"],
        "post_logout_redirect_uris": ["https://localhost:9443/"],
        "secret": secrets.token_urlsafe(48),
    }


def _described(services: Iterable[PaseportService]) -> list[dict[str, Any]]:
    return [
        {**_server(service, service.address), "url": service.url, "internal_url": service.internal_url}
        for service in services
    ]


def _server(service: Service, address: tuple[str, int]) -> dict[str, Any]:
    host, port = address
    return {"name": service.process.name, "host": host, "port": port, "pid": service.process.pid}
