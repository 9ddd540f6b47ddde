"""The issuer's settings: an operator who makes mistakes, all at once."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from paseport_issuer.settings import ProductionSettings, Settings
from paseport_shared.settings import SettingsProblems, load_settings

GOOD = {
    "ACCESS_TOKEN_ISSUER": "https://auth.example.com",
    "PASEPORT_REFRESH_KEY": secrets.token_urlsafe(48),
    "PASEPORT_SERVICE_SECRET": secrets.token_urlsafe(48),
}


def problems_of(**changes: str) -> dict[str, str]:
    """Load the good settings with changes and return what is wrong, by variable."""
    with pytest.raises(SettingsProblems) as refusal:
        load_settings(Settings, {**GOOD, **changes})
    for value in {**GOOD, **changes}.values():
        # A short value such as a number may stand in a sentence by chance; anything that could be a secret must not.
        assert len(value) < 12 or value not in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == len(refusal.value.problems)
    return {problem.name: problem.message for problem in refusal.value.problems}


def test_three_variables_are_enough() -> None:
    settings = load_settings(Settings, GOOD)

    assert settings.cookie_secure
    assert settings.cli_secret is None
    assert settings.access_token_ttl == timedelta(seconds=300)
    assert settings.refresh_policy.grace == timedelta(seconds=10)
    assert settings.hosts == ("auth.example.com",)
    assert settings.cors_origins == settings.trusted_proxies == ()


def test_everything_that_is_missing_is_named_at_once() -> None:
    """FT-22."""
    with pytest.raises(SettingsProblems) as refusal:
        load_settings(Settings, {})

    assert [problem.name for problem in refusal.value.problems] == [
        "ACCESS_TOKEN_ISSUER",
        "PASEPORT_REFRESH_KEY",
        "PASEPORT_SERVICE_SECRET",
    ]
    assert all("required" in problem.message for problem in refusal.value.problems)


def test_every_mistake_is_reported_in_one_start_and_no_value_is_shown() -> None:
    """FT-22."""
    found = problems_of(
        PASEPORT_REFRESH_KEY="hunter2hunter2",
        PASEPORT_SERVICE_SECRET="change-me-change-me-change-me-change-me",
        ACCESS_TOKEN_TTL="five minutes",
        PASEPORT_REFRESH_GRACE="61",
        COOKIE_SECURE="perhaps",
        PASEPORT_KEY_DOCUMENT_MAX_AGE="0",
    )

    assert set(found) == {
        "PASEPORT_REFRESH_KEY", "PASEPORT_SERVICE_SECRET", "ACCESS_TOKEN_TTL", "PASEPORT_REFRESH_GRACE",
        "COOKIE_SECURE", "PASEPORT_KEY_DOCUMENT_MAX_AGE",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["PASEPORT_REFRESH_KEY", "PASEPORT_SERVICE_SECRET"])
@pytest.mark.parametrize("secret", ["", "short", "a" * 64, "password" * 8, "this-is-an-example-of-a-secret-to-replace"])
def test_a_secret_that_protects_nothing_is_refused(name: str, secret: str) -> None:
    """FT-22: missing, short, repeated, a placeholder."""
    assert set(problems_of(**{name: secret})) == {name}


@pytest.mark.parametrize(
    "issuer",
    [
        "http://auth.example.com", "http://localhost:8080", "https://auth.example.com/", "https://AUTH.example.com",
        "https://user:pw@auth.example.com", "https://auth.example.com?x=1", "id.corp.test", "ftp://auth.example.com",
        "https://auth.example.com#x", "https://", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_an_issuer_is_an_https_url_of_one_spelling(issuer: str) -> None:
    """FT-22, AZ-25: every URL that Paseport writes comes from this one."""
    assert set(problems_of(ACCESS_TOKEN_ISSUER=issuer)) == {"ACCESS_TOKEN_ISSUER"}


def test_insecure_cookies_are_refused_with_https_and_http_is_refused_off_loopback() -> None:
    """FT-22, BF-01."""
    assert set(problems_of(COOKIE_SECURE="false")) == {"COOKIE_SECURE"}
    assert "ACCESS_TOKEN_ISSUER" in problems_of(COOKIE_SECURE="false", ACCESS_TOKEN_ISSUER="http://auth.example.com")
    loopback = load_settings(
        Settings, {**GOOD, "COOKIE_SECURE": "false", "ACCESS_TOKEN_ISSUER": "http://localhost:8080"}
    )
    assert not loopback.is_https


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"PASEPORT_SESSION_IDLE": "7200", "PASEPORT_SESSION_MAX": "3600"}, "PASEPORT_SESSION_IDLE"),
        ({"REDIS_REFRESH_TOKEN_TTL": "7200", "PASEPORT_REFRESH_MAX_LIFETIME": "3600"}, "REDIS_REFRESH_TOKEN_TTL"),
        ({"ACCESS_TOKEN_TTL": "3600", "REDIS_REFRESH_TOKEN_TTL": "3600"}, "ACCESS_TOKEN_TTL"),
        ({"PASEPORT_TRUSTED_PROXIES": "10.0.0.0/8, everybody"}, "PASEPORT_TRUSTED_PROXIES"),
        ({"PASEPORT_TRUSTED_PROXIES": "10.0.0.1/8"}, "PASEPORT_TRUSTED_PROXIES"),
        ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "null"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "http://app.example.com"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "https://*.example.com"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "https://app.example.com/path"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "https://app.example.com/"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "https://App.example.com"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "https://"}, "CORS_ORIGINS"),
        ({"PASEPORT_ALLOWED_HOSTS": "*"}, "PASEPORT_ALLOWED_HOSTS"),
        ({"PASEPORT_ALLOWED_HOSTS": "https://auth.example.com"}, "PASEPORT_ALLOWED_HOSTS"),
        ({"PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS": "0"}, "PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS"),
    ],
)
def test_a_relation_or_a_form_that_does_not_hold_is_named(changes: dict[str, str], name: str) -> None:
    """FT-22, BF-07, LG-12."""
    assert set(problems_of(**changes)) == {name}


def test_secrets_may_come_from_files_and_never_from_both(tmp_path: Path) -> None:
    """FT-22."""
    file = tmp_path / "refresh-key"
    file.write_text(GOOD["PASEPORT_REFRESH_KEY"] + "\n")
    rest = {name: value for name, value in GOOD.items() if name != "PASEPORT_REFRESH_KEY"}

    settings = load_settings(Settings, {**rest, "PASEPORT_REFRESH_KEY_FILE": str(file)})

    assert settings.refresh_key.reveal() == GOOD["PASEPORT_REFRESH_KEY"].encode()
    assert set(problems_of(PASEPORT_REFRESH_KEY_FILE=str(file))) == {"PASEPORT_REFRESH_KEY"}


def test_no_secret_stands_in_the_settings_own_text() -> None:
    """LG-21."""
    settings = load_settings(Settings, GOOD)

    for name in ("PASEPORT_REFRESH_KEY", "PASEPORT_SERVICE_SECRET"):
        assert GOOD[name] not in repr(settings) + str(settings)


def test_the_command_line_has_no_secret_in_production() -> None:
    """AD-05: no variable sets one."""
    settings = load_settings(Settings, {**GOOD, "PASEPORT_CLI_SECRET": "x" * 40, "CLI_SECRET": "x" * 40})

    assert settings.cli_secret is None


# --- an issuer as a process of its own --------------------------------------------------------------------------------

PRODUCTION = GOOD | {
    "MARIADB_URL": "mariadb://paseport:a-word-of-mariadb@mariadb/paseport",
    "REDIS_SENTINELS": "redis-1,redis-2,redis-3",
    "VAULT_URL": "https://vault:8200",
    "PASEPORT_VAULT_ROLE_ID": "a-role-id",
    "PASEPORT_VAULT_SECRET_ID": "a-secret-id-of-vault",
    "PASEPORT_PASSWORD_PEPPER": secrets.token_urlsafe(48),
}


def production_problems(**changes: str) -> set[str]:
    with pytest.raises(SettingsProblems) as refusal:
        load_settings(ProductionSettings, PRODUCTION | changes)
    assert "a-word-of-mariadb" not in str(refusal.value)
    return {problem.name for problem in refusal.value.problems}


def test_an_installation_needs_its_parts_and_its_secrets_and_nothing_else() -> None:
    settings = load_settings(ProductionSettings, PRODUCTION)

    assert (settings.server_port, settings.internal_port, settings.server.server_host) == (3000, 3010, "127.0.0.1")
    assert (settings.mount_path, settings.transit_key) == ("transit", "paseport-access")
    assert settings.admin_password is None
    for secret in ("a-word-of-mariadb", "a-secret-id-of-vault", PRODUCTION["PASEPORT_PASSWORD_PEPPER"]):
        assert secret not in repr(settings)


def test_everything_that_an_installation_lacks_is_named_at_once() -> None:
    """FT-22: those of every group."""
    with pytest.raises(SettingsProblems) as refusal:
        load_settings(ProductionSettings, {"REDIS_TLS": "perhaps", "LOG_LEVEL": "LOUD"})

    assert {problem.name for problem in refusal.value.problems} == {
        "ACCESS_TOKEN_ISSUER",
        "PASEPORT_REFRESH_KEY",
        "PASEPORT_SERVICE_SECRET",
        "MARIADB_URL",
        "PASEPORT_PASSWORD_PEPPER",
        "VAULT_URL",
        "REDIS_TLS",
        "LOG_LEVEL",
    }


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"ACCESS_TOKEN_ISSUER": "http://localhost:8080", "COOKIE_SECURE": "false"}, "COOKIE_SECURE"),
        ({"MARIADB_URL": "sqlite:///paseport.db"}, "MARIADB_URL"),
        ({"VAULT_URL": "http://vault:8200"}, "VAULT_URL"),
        ({"VAULT_URL": "https://vault:8200/v1"}, "VAULT_URL"),
        ({"VAULT_TOKEN": "a-token-besides"}, "VAULT_TOKEN"),
        ({"PASEPORT_VAULT_SECRET_ID": ""}, "VAULT_TOKEN"),
        ({"PASEPORT_VAULT_CA": "/no/such/file"}, "PASEPORT_VAULT_CA"),
        ({"PASEPORT_INTERNAL_PORT": "3000"}, "PASEPORT_INTERNAL_PORT"),
        ({"PASEPORT_PASSWORD_PEPPER": "short"}, "PASEPORT_PASSWORD_PEPPER"),
        ({"PASEPORT_ADMIN_PASSWORD": "too short"}, "PASEPORT_ADMIN_PASSWORD"),
        ({"PASEPORT_ADMIN_PASSWORD": "four words nobody guesses", "PASEPORT_ADMIN_EMAIL": "x"}, "PASEPORT_ADMIN_EMAIL"),
    ],
)
def test_what_no_installation_should_run_with_is_refused(changes: dict[str, str], name: str) -> None:
    """FT-22."""
    assert production_problems(**changes) == {name}


def test_plain_http_to_vault_has_to_be_asked_for() -> None:
    settings = load_settings(
        ProductionSettings, PRODUCTION | {"VAULT_URL": "http://vault:8200", "VAULT_ALLOW_HTTP": "true"}
    )

    assert settings.vault_url == "http://vault:8200"
