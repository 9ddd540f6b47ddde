"""Settings of the embedded mode, as whoever starts it gives them."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from paseport_shared.settings import SettingsProblems
from paseport_standalone.data_folder import REPOSITORY
from paseport_standalone.settings import load_settings


def problems(**environment: str) -> dict[str, str]:
    with pytest.raises(SettingsProblems) as refused:
        load_settings(environment)
    return {problem.name: problem.message for problem in refused.value.problems}


def test_nothing_has_to_be_set() -> None:
    settings = load_settings({})

    assert (settings.server_port, settings.internal_port) == (8080, 8081)
    assert settings.data_dir == REPOSITORY / "var" / "embedded"
    assert settings.admin_email == "admin@example.com"
    assert settings.admin_password is None


def test_all_problems_are_reported_together_and_none_repeats_a_password() -> None:
    """FT-22."""
    found = problems(
        SERVER_PORT="eighty",
        PASEPORT_ADMIN_PASSWORD="short one",
        MARIADB_URL="mariadb://root:hunter2@db/paseport",
        COOKIE_SECURE="perhaps",
    )

    assert found.keys() >= {"SERVER_PORT", "COOKIE_SECURE", "MARIADB_URL"}
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("host", [str(IPv4Address(0)), "::", "192.0.2.1", "auth.example.com"])
def test_another_address_than_loopback_is_refused(host: str) -> None:
    """Passwords would cross a network in clear."""
    assert "SERVER_HOST" in problems(SERVER_HOST=host)


@pytest.mark.parametrize("name", ["ACCESS_TOKEN_ISSUER", "MARIADB_URL", "REDIS_URL", "REDIS_SENTINELS", "VAULT_URL"])
def test_a_setting_that_promises_what_this_mode_lacks_is_refused(name: str) -> None:
    """ADR 0008: nobody believes that the record is in MariaDB while it is in a file."""
    assert name in problems(**{name: "https://somewhere.example"})


def test_cookies_that_must_be_secure_are_refused() -> None:
    assert "COOKIE_SECURE" in problems(COOKIE_SECURE="true")
    assert load_settings({"COOKIE_SECURE": "false"}).cookie_secure is False


@pytest.mark.parametrize("port", ["-1", "65536", "8080.0", "http", "１"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    assert "SERVER_PORT" in problems(SERVER_PORT=port)


@pytest.mark.parametrize("factor", ["9", "16"])
def test_a_work_factor_that_protects_nothing_or_that_nobody_waits_for_is_refused(factor: str) -> None:
    assert "PASEPORT_PASSWORD_WORK_FACTOR" in problems(PASEPORT_PASSWORD_WORK_FACTOR=factor)


def test_the_two_ports_differ() -> None:
    assert "PASEPORT_INTERNAL_PORT" in problems(SERVER_PORT="9000", PASEPORT_INTERNAL_PORT="9000")


def test_the_first_administrators_address_and_password_follow_the_rules_for_all_users() -> None:
    assert "PASEPORT_ADMIN_EMAIL" in problems(PASEPORT_ADMIN_EMAIL="admin@localhost")
    assert "PASEPORT_ADMIN_PASSWORD" in problems(PASEPORT_ADMIN_PASSWORD="fourteen chars")
    assert load_settings({"PASEPORT_ADMIN_PASSWORD": "fifteen letters"}).admin_password is not None


def test_the_password_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse battery staple\n")

    password = load_settings({"PASEPORT_ADMIN_PASSWORD_FILE": str(file)}).admin_password

    assert password is not None
    assert password.reveal() == "correct horse battery staple"


def test_an_unknown_log_level_is_refused() -> None:
    assert "LOG_LEVEL" in problems(LOG_LEVEL="LOUD")
