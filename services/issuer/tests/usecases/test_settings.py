"""The issuer's settings: an operator who makes mistakes, all at once."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from paseport.secret import Secret
from paseport_issuer.settings import ProductionSettings, Settings
from paseport_shared.domain.models.api_key import new_api_key, parse_api_key
from paseport_shared.domain.models.client import ClientAuthMethod, ClientSource, GrantType
from paseport_shared.settings import SettingsProblems, load_settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = {
    "ACCESS_TOKEN_ISSUER": "https://auth.example.com",
    "PASEPORT_REFRESH_KEY": secrets.token_urlsafe(48),
    "PASEPORT_SERVICE_SECRET": secrets.token_urlsafe(48),
    "PASEPORT_API_KEY_PEPPER": secrets.token_urlsafe(48),
    "BFF_CLIENT_SECRET": secrets.token_urlsafe(48),
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


def test_five_variables_are_enough() -> None:
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
        "PASEPORT_API_KEY_PEPPER",
        "BFF_CLIENT_SECRET",
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


@pytest.mark.parametrize(
    "name", ["PASEPORT_REFRESH_KEY", "PASEPORT_SERVICE_SECRET", "PASEPORT_API_KEY_PEPPER", "BFF_CLIENT_SECRET"]
)
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


# --- API keys and routed hosts ----------------------------------------------------------------------------------------

OLD, NEW = secrets.token_urlsafe(32), secrets.token_urlsafe(32)


def test_one_secret_is_the_first_pepper_and_of_several_the_highest_version_is_for_new_keys() -> None:
    one = load_settings(Settings, GOOD | {"PASEPORT_API_KEY_PEPPER": OLD}).api_key_peppers
    two = load_settings(Settings, GOOD | {"PASEPORT_API_KEY_PEPPER": f"12:{NEW}, 1:{OLD}"}).api_key_peppers
    presented = parse_api_key(new_api_key("0" * 16, bytes(32)).reveal())

    assert presented is not None
    assert (one.current, two.current) == (1, 12)
    assert one.digest(presented, 1) == two.digest(presented, 1) != two.digest(presented, 12)
    assert one.digest(presented, 12) is None


@pytest.mark.parametrize(
    "peppers",
    [
        f"1:{OLD},1:{NEW}", f"1:{OLD},{NEW}", f"1:{OLD},2:short", f"1:{OLD},2:{'a' * 40}", f"0:{OLD},1:{NEW}",
        f"one:{OLD},2:{NEW}", f"1:{OLD},", f"{OLD}{OLD}", f"1:{'password' * 6},2:{NEW}", f"1:short,2:{NEW}",
    ],
    ids=lambda peppers: peppers.replace(OLD, "old").replace(NEW, "new"),
)  # fmt: skip
def test_peppers_that_cannot_be_told_apart_or_protect_nothing_are_refused(peppers: str) -> None:
    """FT-22."""
    assert set(problems_of(PASEPORT_API_KEY_PEPPER=peppers)) == {"PASEPORT_API_KEY_PEPPER"}


@pytest.mark.parametrize(
    "hosts", ["*", "*.com", "https://app.example.com", "app.example.com:8443", "App.example.com", "app.example.com/x"]
)
def test_sign_ins_are_handed_over_to_hosts_that_are_named(hosts: str) -> None:
    """FA-24."""
    fine = load_settings(Settings, GOOD | {"PASEPORT_EDGE_HOSTS": "app.example.com, *.apps.example.com"})

    assert fine.edge_hosts == ("app.example.com", "*.apps.example.com")
    assert set(problems_of(PASEPORT_EDGE_HOSTS=hosts)) == {"PASEPORT_EDGE_HOSTS"}


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
    assert settings.id_key == "paseport-id"
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
        "PASEPORT_API_KEY_PEPPER",
        "BFF_CLIENT_SECRET",
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
        ({"PASEPORT_PASSWORD_WORK_FACTOR": "9"}, "PASEPORT_PASSWORD_WORK_FACTOR"),
        ({"PASEPORT_PASSWORD_WORK_FACTOR": "16"}, "PASEPORT_PASSWORD_WORK_FACTOR"),
        ({"VAULT_URL": "https://vault:8200/v1"}, "VAULT_URL"),
        ({"VAULT_TOKEN": "a-token-besides"}, "VAULT_TOKEN"),
        ({"PASEPORT_VAULT_SECRET_ID": ""}, "VAULT_TOKEN"),
        ({"PASEPORT_VAULT_CA": "/no/such/file"}, "PASEPORT_VAULT_CA"),
        ({"PASEPORT_INTERNAL_PORT": "3000"}, "PASEPORT_INTERNAL_PORT"),
        ({"PASEPORT_ID_KEY": "paseport-access"}, "PASEPORT_ID_KEY"),
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


# --- clients ----------------------------------------------------------------------------------------------------------


def test_an_installation_has_the_app_and_the_command_line_as_clients() -> None:
    clients = load_settings(Settings, GOOD).defined_clients()

    assert set(clients) == {"bff", "cli"}
    bff = clients["bff"]
    assert bff.redirect_uris == ("https://auth.example.com/auth/v1/callback",)
    assert bff.auth_method is ClientAuthMethod.BASIC
    assert bff.is_authentic(Secret(GOOD["BFF_CLIENT_SECRET"]), NOW)
    assert not bff.is_authentic(Secret(""), NOW)


def test_an_installation_with_an_app_on_phones_has_a_public_client_that_may_stay_signed_in() -> None:
    uris = "com.example.app:/callback, https://app.example.com/callback,http://127.0.0.1/callback"

    mobile = load_settings(Settings, GOOD | {"MOBILE_REDIRECT_URIS": uris}).defined_clients()["mobile"]

    assert mobile.is_public
    assert mobile.require_pkce
    assert "offline_access" in mobile.scope
    assert "admin" not in mobile.scope
    assert mobile.redirect_uris == tuple(uri.strip() for uri in uris.split(","))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"BFF_CLIENT_SECRET": "short"}, "BFF_CLIENT_SECRET"),
        ({"BFF_REDIRECT_URI": "http://auth.example.com/auth/v1/callback"}, "BFF_REDIRECT_URI"),
        ({"BFF_REDIRECT_URI": "https://elsewhere.example.com/auth/v1/callback"}, "BFF_REDIRECT_URI"),
        ({"BFF_REDIRECT_URI": "https://auth.example.com.evil.example/callback"}, "BFF_REDIRECT_URI"),
        ({"BFF_REDIRECT_URI": "https://auth.example.com/*"}, "BFF_REDIRECT_URI"),
        ({"MOBILE_REDIRECT_URIS": "com.example.app:/callback,http://phone.example.com/"}, "MOBILE_REDIRECT_URIS"),
        ({"MOBILE_REDIRECT_URIS": "myapp:/callback"}, "MOBILE_REDIRECT_URIS"),
        ({"OAUTH_CLIENTS_JSON": "{"}, "OAUTH_CLIENTS_JSON"),
        ({"OAUTH_CLIENTS_JSON": "[" * 60_000}, "OAUTH_CLIENTS_JSON"),
        ({"OAUTH_CLIENTS_JSON": "{}"}, "OAUTH_CLIENTS_JSON"),
        ({"OAUTH_CLIENTS_JSON": "[1]"}, "OAUTH_CLIENTS_JSON"),
    ],
)
def test_what_no_client_can_be_made_of_is_named(changes: dict[str, str], name: str) -> None:
    """FT-22, AZ-05."""
    assert set(problems_of(**changes)) == {name}


SHOP = {
    "client_id": "shop",
    "name": "Shop",
    "redirect_uris": ["https://shop.example.com/callback"],
    "secret": "Yb3kq0Wz7uXs9dLr2fTn5vHc8mPa4gEj",
}


def with_clients(*clients: object) -> dict[str, str]:
    return GOOD | {"OAUTH_CLIENTS_JSON": json.dumps(clients)}


def test_more_clients_come_from_the_settings() -> None:
    digest = hashlib.sha256(b"of the machine").hexdigest()
    machine = {
        "client_id": "stock-job",
        "name": "Stock",
        "grants": ["client_credentials"],
        "scopes": [],
        "audiences": ["https://stock.example.com"],
        "auth_method": "client_secret_post",
        "secret_sha256": digest,
        "access_token_lifetime": 60,
    }

    settings = load_settings(Settings, with_clients(SHOP, machine))
    clients = settings.defined_clients()

    shop, job = clients["shop"], clients["stock-job"]
    assert set(clients) == {"bff", "cli", "shop", "stock-job"}
    assert shop.source is job.source is ClientSource.SETTINGS
    assert shop.audience == "https://auth.example.com/userinfo"
    assert shop.is_authentic(Secret(str(SHOP["secret"])), NOW)
    assert job.is_authentic(Secret("of the machine"), NOW)
    assert job.grants == {GrantType.CLIENT_CREDENTIALS}
    assert job.access_token_lifetime == timedelta(seconds=60)
    assert str(SHOP["secret"]) not in repr(settings)


def test_clients_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "clients.json"
    file.write_text(json.dumps([SHOP]))

    assert "shop" in load_settings(Settings, GOOD | {"OAUTH_CLIENTS_JSON_FILE": str(file)}).defined_clients()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"client_id": None}, "client_id must be text"),
        ({"client_id": "s"}, "client_id: Use 3 to 64"),
        ({"client_id": "0190b5a2-7c3e-7a11-8f00-0123456789ab"}, "client_id: Use 3 to 64"),
        ({"client_id": "mobile"}, "client_id: bff, cli, mobile are built in"),
        ({"name": "\u202e"}, "name: Leave out control characters"),
        ({"colour": "green"}, "has a field that is unknown"),
        ({"redirect_uris": "https://shop.example.com/"}, "redirect_uris must be a list of texts"),
        ({"redirect_uris": ["https://*.example.com/"]}, "redirect_uris: Number 1 must not have a wildcard"),
        (
            {"post_logout_redirect_uris": ["http://shop.example.com"]},
            "post_logout_redirect_uris: Number 1 must be https",
        ),
        ({"redirect_uris": []}, "redirect_uris: authorization_code needs"),
        ({"grants": ["password"]}, "grants must be a list of authorization_code, refresh_token, client_credentials"),
        (
            {"auth_method": "private_key_jwt"},
            "auth_method must be one of none, client_secret_basic, client_secret_post",
        ),
        ({"scopes": ["openid", "root"]}, "scopes: Use some of openid"),
        ({"scopes": ["openid", "admin"]}, "scopes: account and admin are for first-party clients only"),
        ({"audiences": ["https://auth.example.com/api"]}, "audiences: Number 1 is for first-party clients only"),
        ({"audiences": ["https://auth.example.com"]}, "audiences: Number 1 is a name of the issuer itself"),
        ({"audiences": ["orders"]}, "audiences: Number 1 must be an absolute URI"),
        ({"access_token_lifetime": 301}, "access_token_lifetime: Use 30 to 300 seconds"),
        ({"refresh_lifetime": 1.5}, "refresh_lifetime must be a whole number of seconds"),
        ({"first_party": "yes"}, "first_party must be true or false"),
        ({"secret": None}, "secret: This client authenticates with a secret"),
        ({"secret": "short-secret"}, "secret must have at least 32 bytes"),
        ({"secret": "change-me-change-me-change-me-change-me"}, "secret looks like a placeholder"),
        ({"secret_sha256": "ab" * 32}, "secret: give secret or secret_sha256, not both"),
        ({"secret": None, "secret_sha256": "AB" * 32}, "secret_sha256 must be 64 hexadecimal digits"),
        ({"auth_method": "none"}, "secret: A client that authenticates with none has no secret"),
        ({"auth_method": "none", "secret": None, "require_pkce": False}, "require_pkce: A client without a secret"),
        (
            {"auth_method": "none", "secret": None, "grants": ["client_credentials"]},
            "grants: client_credentials needs a client with a secret",
        ),
    ],
)
def test_a_client_that_cannot_be_is_refused_with_the_reason(changes: dict[str, object], sentence: str) -> None:
    """FT-22, AZ-05, AZ-10."""
    with pytest.raises(SettingsProblems) as refusal:
        load_settings(Settings, with_clients(SHOP | changes))

    assert [problem.name for problem in refusal.value.problems] == ["OAUTH_CLIENTS_JSON"]
    assert sentence in refusal.value.problems[0].message
    assert str(SHOP["secret"]) not in str(refusal.value)


def test_all_mistakes_of_all_clients_are_named_in_one_start() -> None:
    """FT-22."""
    bad = {"client_id": 7, "redirect_uris": [8], "grants": ["implicit"]}

    with pytest.raises(SettingsProblems) as refusal:
        load_settings(
            Settings,
            with_clients(SHOP, SHOP | {"scopes": ["x"], "redirect_uris": ["http://a", "b"]}, bad)
            | {"ACCESS_TOKEN_ISSUER": "http://auth.example.com"},
        )

    found = [str(problem) for problem in refusal.value.problems]
    assert found[0].startswith("ACCESS_TOKEN_ISSUER")
    assert [line.removeprefix("OAUTH_CLIENTS_JSON: ").split(" must")[0] for line in found[1:]] == [
        "client 2 (shop): scopes: Use some of openid, profile, email, roles, offline_access, account, admin.",
        "client 2 (shop): redirect_uris: Number 1",
        "client 2 (shop): redirect_uris: Number 2",
        "client 3: client_id",
        "client 3: name is required",
        "client 3: grants",
        "client 3: redirect_uris",
        "defines a client_id twice",
    ]
