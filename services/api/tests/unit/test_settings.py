"""An operator starts the api with settings that are right, missing or wrong."""

from __future__ import annotations

import pytest
from paseport_api.settings import ProductionSettings
from paseport_shared.settings import SettingsProblems, load_settings

SECRET = "Zb3qk8Wv2sXn7Rt5Yc1Lm4Hd9Jf6Gp0QeUaTiOxK"
ENVIRONMENT = {
    "ACCESS_TOKEN_ISSUER": "https://auth.example.com",
    "PASEPORT_ISSUER_INTERNAL_URL": "http://issuer:3010",
    "PASEPORT_SERVICE_SECRET": SECRET,
    "PASEPORT_API_KEY_PEPPER": f"2:{SECRET}1,1:{SECRET}2",
    "REDIS_SENTINELS": "redis-1:26379,redis-2:26379,redis-3:26379",
}


def problems(**changes: str) -> set[str]:
    """The variables that the api complains about."""
    with pytest.raises(SettingsProblems) as refused:
        load_settings(ProductionSettings, ENVIRONMENT | changes)
    return {problem.name for problem in refused.value.problems}


def test_five_variables_are_enough() -> None:
    settings = load_settings(ProductionSettings, ENVIRONMENT)

    assert (settings.server_port, settings.internal_port) == (3001, 3011)
    assert settings.api.hosts == ("auth.example.com",)
    assert settings.server.server_host == "127.0.0.1"
    assert settings.redis.replicas_to_wait_for == 1


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsProblems) as refused:
        load_settings(ProductionSettings, {})

    assert {problem.name for problem in refused.value.problems} == set(ENVIRONMENT)


@pytest.mark.parametrize("secret", ["short", "changeme" * 8, "a" * 64])
def test_a_service_secret_that_is_none_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(SettingsProblems) as refused:
        load_settings(ProductionSettings, ENVIRONMENT | {"PASEPORT_SERVICE_SECRET": secret})

    assert "PASEPORT_SERVICE_SECRET" in str(refused.value)
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "issuer:3010",
        "ftp://issuer",
        "http://",
        "http://user:word@issuer:3010",
        "http://issuer:3010/internal",
        "http://issuer:3010?x",
    ],
)
def test_the_internal_url_is_an_origin_and_nothing_more(url: str) -> None:
    assert problems(PASEPORT_ISSUER_INTERNAL_URL=url) == {"PASEPORT_ISSUER_INTERNAL_URL"}


@pytest.mark.parametrize("issuer", ["http://localhost:8080", "http://auth.example.com"])
def test_an_issuer_on_plain_http_is_refused(issuer: str) -> None:
    """FT-22: the embedded mode alone has one, on loopback."""
    assert problems(ACCESS_TOKEN_ISSUER=issuer) == {"ACCESS_TOKEN_ISSUER"}


def test_the_internal_port_is_never_the_public_one() -> None:
    assert problems(SERVER_PORT="3011") == {"PASEPORT_INTERNAL_PORT"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://app.example.com/"),
        ("LOG_LEVEL", "LOUD"),
        ("PASEPORT_TRUSTED_PROXIES", "everybody"),
        ("PASEPORT_EDGE_HOSTS", "*"),
        ("PASEPORT_EDGE_HOSTS", "https://app.example.com"),
        ("PASEPORT_API_KEY_CARRIERS", "bearer,query"),
        ("PASEPORT_API_KEY_PEPPER", "short"),
        ("PASEPORT_RATE_LIMIT_SHARES", "0"),
        ("PASEPORT_BAD_CREDENTIALS_PER_MINUTE", "-1"),
    ],
)
def test_a_value_that_would_open_more_than_was_meant_is_refused(name: str, value: str) -> None:
    assert problems(**{name: value}) == {name}


def test_forward_auth_trusts_nobody_and_has_no_rules_until_somebody_says_so() -> None:
    """FA-02, FA-22."""
    api = load_settings(ProductionSettings, ENVIRONMENT).api

    assert (api.trusted_proxies, api.edge_hosts, api.forward_auth.policy_file) == ((), (), None)
    assert api.forward_auth.api_key_carriers == ("bearer", "x-api-key")
    assert api.forward_auth.legacy_token_pepper is None
    assert (api.forward_auth.bad_credentials, api.forward_auth.rate_limit_shares) == (600, 1)
    assert (api.forward_auth.rate_limit_user, api.forward_auth.rate_limit_address) == (0, 0)


def test_no_pepper_is_repeated_in_a_problem() -> None:
    with pytest.raises(SettingsProblems) as refused:
        load_settings(ProductionSettings, ENVIRONMENT | {"PASEPORT_API_KEY_PEPPER": f"1:{SECRET},1:{SECRET}x,short"})

    assert "PASEPORT_API_KEY_PEPPER" in str(refused.value)
    assert SECRET not in str(refused.value)
