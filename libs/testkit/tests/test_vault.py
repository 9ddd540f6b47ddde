"""Vault as tests of failures use it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import requests
from paseport_testkit.harness.vault import ACCESS_KEY, DevVault, SealableVault, Vault


def sign(vault: Vault, token: str, key: str = ACCESS_KEY) -> requests.Response:
    """Ask for a signature as the issuer does."""
    return requests.post(
        f"{vault.url}/v1/{vault.mount_path}/sign/{key}",
        headers={"X-Vault-Token": token},
        json={"input": b64encode(b"message").decode()},
        timeout=5,
    )


def log_in(vault: Vault, **role: str) -> Any:
    answer = requests.post(f"{vault.url}/v1/auth/approle/login", json=role, timeout=5)
    assert answer.ok, answer.text
    return answer.json()["auth"]


def test_the_issuer_signs_in_with_its_role_and_may_sign(vault: DevVault) -> None:
    role = vault.app_role(ttl="20s")

    auth = log_in(vault, role_id=role.role_id, secret_id=role.secret_id)

    assert auth["lease_duration"] == 20
    assert auth["token_policies"] == ["paseport-issuer"]
    answer = sign(vault, auth["client_token"])
    assert answer.json()["data"]["signature"].startswith("vault:v")


def test_nobody_signs_without_the_policy_and_the_issuer_signs_with_no_other_key(vault: DevVault) -> None:
    vault.create_key("somebody-elses")

    assert sign(vault, vault.token(policies=())).status_code == 403
    assert sign(vault, vault.token(), key="somebody-elses").status_code == 403


def test_a_revoked_token_is_refused(vault: DevVault) -> None:
    token = vault.token()
    assert sign(vault, token).ok

    vault.revoke(token)

    assert sign(vault, token).status_code == 403


def test_the_logins_of_a_role_can_be_revoked_all_at_once(vault: DevVault) -> None:
    role = vault.app_role()
    token = log_in(vault, role_id=role.role_id, secret_id=role.secret_id)["client_token"]
    assert sign(vault, token).ok

    vault.revoke_logins()

    assert sign(vault, token).status_code == 403


def test_a_rotation_makes_the_next_version(vault: DevVault) -> None:
    before = vault.call("GET", f"{vault.mount_path}/keys/{ACCESS_KEY}")["data"]["latest_version"]

    assert vault.rotate() == before + 1


def test_a_sealed_vault_says_so_and_signs_nothing(sealable_vault: SealableVault) -> None:
    token = sealable_vault.token()

    sealable_vault.seal()

    assert sealable_vault.is_sealed
    assert sign(sealable_vault, token).status_code == 503
    sealable_vault.unseal()
    assert sign(sealable_vault, token).ok


def test_a_vault_that_was_killed_comes_back_sealed_with_the_same_keys(sealable_vault: SealableVault) -> None:
    token = sealable_vault.token()
    public_keys = sealable_vault.call("GET", f"transit/keys/{ACCESS_KEY}")["data"]["keys"]

    sealable_vault.kill()
    sealable_vault.start()

    assert sealable_vault.is_sealed
    sealable_vault.open()
    assert sealable_vault.call("GET", f"transit/keys/{ACCESS_KEY}")["data"]["keys"] == public_keys
    assert sign(sealable_vault, token).ok


def test_a_vault_in_dev_mode_that_was_sealed_is_in_service_for_the_next_test(vault: DevVault) -> None:
    vault.seal()

    vault.restore()

    assert vault.health == 200
    assert sign(vault, vault.token()).ok
