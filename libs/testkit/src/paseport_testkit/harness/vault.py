"""Vault with the Transit keys of the product: in memory, or on disk so that it can be sealed and restarted."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests

from paseport_testkit.harness.containers import server
from paseport_testkit.harness.ports import HOST, free_port, free_ports
from paseport_testkit.harness.process import log_in
from paseport_testkit.harness.programs import VAULT
from paseport_testkit.harness.repository import VAULT_FOLDER
from paseport_testkit.harness.service import Service
from paseport_testkit.harness.waiting import wait_until

MOUNT_PATH: Final = "transit"
ACCESS_KEY: Final = "paseport-access"
ID_KEY: Final = "paseport-id"
DATA_KEY: Final = "paseport-data"
_KEYS: Final = {ACCESS_KEY: "ed25519", ID_KEY: "rsa-2048", DATA_KEY: "aes256-gcm96"}
_POLICY: Final = "paseport-issuer"
_POLICY_FILE: Final = VAULT_FOLDER / "issuer-policy.hcl"
_NO_RIGHTS: Final = "no-rights"
_ROLE: Final = "paseport-issuer"
_TIMEOUT_SECONDS: Final = 10.0
_IN_SERVICE: Final = 200
_SEALED: Final = 503
_NOT_INITIALISED: Final = 501


class VaultRefused(Exception):
    """Vault answered an administrator's request with an error."""


@dataclass(frozen=True, slots=True)
class AppRole:
    """What the issuer signs in with: PASEPORT_VAULT_ROLE_ID and PASEPORT_VAULT_SECRET_ID."""

    role_id: str
    secret_id: str = field(repr=False)


class Vault(Service):
    """A server with Transit, the product's keys, the issuer's policy and its role. The api has no way in."""

    def __init__(self, folder: Path, port: int, arguments: Sequence[str], logs: Path | None) -> None:
        self.host = HOST
        self.port = port
        self.mount_path = MOUNT_PATH
        self.root_token = ""
        # The caller's own Vault is none of this one's business.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VAULT_")}
        log = log_in(logs or folder, "vault")
        super().__init__(
            server("vault", VAULT, arguments, log, self._missing, folders=[folder], environment=environment)
        )

    @property
    def url(self) -> str:
        """Return the address for VAULT_URL."""
        return f"http://{self.host}:{self.port}"

    @property
    def health(self) -> int:
        """Return the status of GET /v1/sys/health: 200 in service, 501 not initialised, 503 sealed."""
        return self._request("GET", "sys/health").status_code

    @property
    def is_sealed(self) -> bool:
        """True while it answers that it is sealed."""
        return self.health == _SEALED

    def seal(self) -> None:
        """Lock the keys away: every request is answered by 503 until ``unseal``."""
        self.call("PUT", "sys/seal")

    def app_role(self, ttl: str = "1h", max_ttl: str = "24h") -> AppRole:
        """Return a new way in for the issuer, whose tokens live as long as given."""
        role = f"{_ROLE}-{secrets.token_hex(4)}"
        self.call(
            "POST",
            f"auth/approle/role/{role}",
            {
                "token_policies": [_POLICY],
                "token_no_default_policy": True,
                "token_ttl": ttl,
                "token_max_ttl": max_ttl,
            },
        )
        role_id = self.call("GET", f"auth/approle/role/{role}/role-id")["data"]["role_id"]
        secret_id = self.call("POST", f"auth/approle/role/{role}/secret-id")["data"]["secret_id"]
        return AppRole(role_id, secret_id)

    def token(self, ttl: str = "1h", *, renewable: bool = True, policies: Sequence[str] = (_POLICY,)) -> str:
        """Return a new token, by default one with the issuer's rights; ``policies=()`` gives one that may nothing."""
        # A token without policies would inherit root's.
        named = list(policies) or [_NO_RIGHTS]
        wanted = {"ttl": ttl, "renewable": renewable, "policies": named, "no_default_policy": True}
        token: str = self.call("POST", "auth/token/create-orphan", wanted)["auth"]["client_token"]
        return token

    def revoke(self, token: str) -> None:
        """End a token before its time."""
        self.call("POST", "auth/token/revoke", {"token": token})

    def revoke_logins(self) -> None:
        """End every token that came from a role, as an operator does after a leak."""
        self.call("PUT", "sys/leases/revoke-prefix/auth/approle")

    def rotate(self, key: str = ACCESS_KEY) -> int:
        """Make a new version of a key and return its number."""
        self.call("POST", f"{MOUNT_PATH}/keys/{key}/rotate")
        version: int = self.call("GET", f"{MOUNT_PATH}/keys/{key}")["data"]["latest_version"]
        return version

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask as root; return the answer's JSON. Raises ``VaultRefused``."""
        answer = self._request(method, path, body)
        if not answer.ok:
            raise VaultRefused(f"{method} {path} was answered {answer.status_code}: {answer.text.strip()}")
        return answer.json() if answer.content else None

    def create_key(self, name: str, kind: str = "ed25519") -> str:
        """Make one more Transit key, which the issuer's policy does not cover."""
        self.call("POST", f"{MOUNT_PATH}/keys/{name}", {"type": kind})
        return name

    def _equip(self) -> None:
        """Do what docker/vault/setup.sh does for operators."""
        self.call("POST", f"sys/mounts/{MOUNT_PATH}", {"type": "transit"})
        for name, kind in _KEYS.items():
            self.create_key(name, kind)
        self.call("PUT", f"sys/policies/acl/{_POLICY}", {"policy": _POLICY_FILE.read_text(encoding="utf-8")})
        self.call("POST", "sys/auth/approle", {"type": "approle"})

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> requests.Response:
        return requests.request(
            method,
            f"{self.url}/v1/{path}",
            json=body,
            headers={"X-Vault-Token": self.root_token} if self.root_token else {},
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        )

    def _missing(self) -> str | None:
        raise NotImplementedError


class DevVault(Vault):
    """A server in dev mode: in service 0.3 s after its start, and empty again after the next one.

    ``start`` sets it up each time; the keys are new ones then.
    """

    def __init__(self, folder: Path, port: int | None = None, *, logs: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = port or free_port()
        token = secrets.token_urlsafe(18)
        super().__init__(
            folder,
            port,
            [
                "server",
                "-dev",
                "-dev-no-store-token",
                f"-dev-root-token-id={token}",
                f"-dev-listen-address={HOST}:{port}",
            ],
            logs,
        )
        self.root_token = token

    def start(self) -> None:
        """Start, mount Transit, make the keys."""
        super().start()
        self._equip()

    def restore(self) -> None:
        """Run and be unsealed. A sealed dev server is started anew: it told its unseal key to nobody."""
        super().restore()
        if self.is_sealed:
            self.stop()
            self.start()

    def _missing(self) -> str | None:
        return _unless_answered(self, (_IN_SERVICE,))


class SealableVault(Vault):
    """A server on disk. It is sealed after each start, as in production; ``open`` makes it usable."""

    def __init__(self, folder: Path, port: int | None = None, *, logs: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        own_port, cluster_port = free_ports(2)
        port = port or own_port
        data = folder / "data"
        data.mkdir(exist_ok=True)
        configuration = folder / "vault.hcl"
        # Integrated storage: the "file" backend is not in the build without cloud backends (tools/vault).
        configuration.write_text(
            f'storage "raft" {{\n  path = "{data}"\n  node_id = "one"\n  performance_multiplier = 1\n}}\n'
            f'listener "tcp" {{\n  address = "{HOST}:{port}"\n'
            f'  cluster_address = "{HOST}:{cluster_port}"\n  tls_disable = true\n}}\n'
            f'api_addr = "http://{HOST}:{port}"\n'
            f'cluster_addr = "https://{HOST}:{cluster_port}"\n'
            "disable_mlock = true\n"
        )
        self._unseal_key = ""
        super().__init__(folder, port, ["server", f"-config={configuration}"], logs)

    def open(self) -> None:
        """Start where it does not run, initialise at the first time, unseal."""
        if not self.process.is_running:
            self.start()
        if self.health == _NOT_INITIALISED:
            self.initialise()
        if self.is_sealed:
            self.unseal()

    def initialise(self) -> None:
        """Make the master key and the root token, then unseal and set up."""
        answer = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self._unseal_key, self.root_token = answer["keys_base64"][0], answer["root_token"]
        self.unseal()
        self._equip()

    def unseal(self) -> None:
        """Unlock the keys; in service when this returns."""
        self.call("PUT", "sys/unseal", {"key": self._unseal_key})
        wait_until("vault is unsealed", lambda: _unless_answered(self, (_IN_SERVICE,)), _TIMEOUT_SECONDS)

    def restore(self) -> None:
        """Run and be unsealed, whatever a test did to it."""
        super().restore()
        self.open()

    def _missing(self) -> str | None:
        return _unless_answered(self, (_IN_SERVICE, _NOT_INITIALISED, _SEALED))


def _unless_answered(vault: Vault, statuses: Sequence[int]) -> str | None:
    try:
        health = vault.health
    except requests.RequestException as refused:
        return str(refused)
    return None if health in statuses else f"/v1/sys/health answers {health}"
