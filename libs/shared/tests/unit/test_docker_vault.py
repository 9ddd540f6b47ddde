"""docker/vault: keys that nobody can take away, and what the issuer may do with them."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
from paseport_testkit.harness.programs import VAULT, find_program
from paseport_testkit.harness.vault import DevVault

SETUP = Path(__file__).resolve().parents[4] / "docker" / "vault" / "setup.sh"


@pytest.fixture
def bare_vault(tmp_path: Path) -> Iterator[DevVault]:
    """A Vault that nobody has set up for Paseport yet."""
    with DevVault(tmp_path / "vault") as vault:
        vault.call("DELETE", "sys/mounts/transit")
        vault.call("DELETE", "sys/auth/approle")
        yield vault


def set_up(vault: DevVault, out: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    programs.mkdir(exist_ok=True)
    command = programs / "vault"
    if not command.exists():
        command.symlink_to(find_program(VAULT))
    return subprocess.run(
        ["sh", SETUP, out],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(programs),
            "VAULT_ADDR": vault.url,
            "VAULT_TOKEN": vault.root_token,
        },
        capture_output=True,
        text=True,
        check=True,
    )


def test_setting_up_vault_makes_keys_that_nobody_can_take_away(bare_vault: DevVault, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()

    said = set_up(bare_vault, out, tmp_path / "bin")
    again = set_up(bare_vault, out, tmp_path / "bin")

    for name, kind in {
        "paseport-access": "ed25519",
        "paseport-id": "rsa-2048",
        "paseport-data": "aes256-gcm96",
    }.items():
        key = bare_vault.call("GET", f"transit/keys/{name}")["data"]
        assert key["type"] == kind
        assert not key["exportable"]
        assert not key["allow_plaintext_backup"]
        assert not key["deletion_allowed"]
        assert key["auto_rotate_period"] == 0
        assert key["latest_version"] == 1
    for name in ("vault_role_id", "vault_secret_id"):
        assert stat.S_IMODE((out / name).stat().st_mode) == 0o600
        assert (out / name).read_text() not in said.stdout + again.stdout + said.stderr + again.stderr


def test_the_issuer_may_sign_and_encrypt_and_nothing_else(bare_vault: DevVault, tmp_path: Path) -> None:
    set_up(bare_vault, tmp_path, tmp_path / "bin")
    vault = IssuersVault(bare_vault, tmp_path)

    assert vault.may("PUT", "transit/sign/paseport-access", {"input": "YWJj", "key_version": 1})
    assert vault.may("PUT", "transit/sign/paseport-id/sha2-256", {"input": "YWJj", "signature_algorithm": "pkcs1v15"})
    assert vault.may("GET", "transit/keys/paseport-access")
    assert vault.may("GET", "transit/keys/paseport-id")
    assert vault.may("PUT", "transit/encrypt/paseport-data", {"plaintext": "YWJj"})
    assert vault.may("GET", "auth/token/lookup-self")
    assert vault.may("PUT", "auth/token/renew-self")

    assert not vault.may("PUT", "transit/keys/paseport-access/rotate")
    assert not vault.may("PUT", "transit/keys/paseport-access/config", {"deletion_allowed": True})
    assert not vault.may("DELETE", "transit/keys/paseport-access")
    assert not vault.may("GET", "transit/export/signing-key/paseport-access")
    assert not vault.may("GET", "transit/backup/paseport-access")
    assert not vault.may("PUT", "transit/keys/another", {"type": "ed25519"})
    assert not vault.may("PUT", "transit/sign/another", {"input": "YWJj"})
    assert not vault.may("GET", "transit/keys/paseport-data")
    assert not vault.may("GET", "sys/policies/acl/paseport-issuer")
    assert not vault.may("PUT", "auth/token/create")


class IssuersVault:
    """Vault as the issuer meets it."""

    def __init__(self, vault: DevVault, out: Path) -> None:
        self._url = vault.url
        role = {name: (out / f"vault_{name}").read_text() for name in ("role_id", "secret_id")}
        answer = requests.post(f"{vault.url}/v1/auth/approle/login", json=role, timeout=10)
        self._token = answer.json()["auth"]["client_token"]

    def may(self, method: str, path: str, body: Mapping[str, str | int | bool] | None = None) -> bool:
        answer = requests.request(
            method, f"{self._url}/v1/{path}", json=dict(body or {}), headers={"X-Vault-Token": self._token}, timeout=10
        )
        assert answer.status_code in (200, 204, 403), answer.text
        return answer.status_code != 403
