"""Settings are read once and checked whole, and every problem is reported at once (FT-22)."""

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from paseport.secret import Secret
from paseport_shared.settings import (
    Env,
    SettingProblem,
    SettingsProblems,
    host_problems,
    issuer_problems,
    load_settings,
    network_problems,
    origin_problems,
    variables,
)

KEY = "q3Zp8wX1vB6nM0tR5yU2kL9sD4fG7hJc"
CANARY = "canary-5c0ffee"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a service might read."""

    key: Annotated[Secret[bytes], Env("APP_KEY")]
    name: Annotated[str, Env("APP_NAME")] = "app"
    life: Annotated[timedelta, Env("APP_LIFE", 30, 3600)] = timedelta(seconds=300)
    workers: Annotated[int, Env("APP_WORKERS", 1, 64)] = 2
    tls: Annotated[bool, Env("APP_TLS")] = True
    origins: Annotated[tuple[str, ...], Env("APP_ORIGINS")] = ()
    level: Annotated[Literal["debug", "info"], Env("APP_LEVEL")] = "info"
    folder: Annotated[Path | None, Env("APP_FOLDER")] = None
    backend_password: Annotated[Secret[str] | None, Env("APP_BACKEND_PASSWORD", 1)] = None
    data: Path = Path("data")
    """Decided by whoever starts the service, so it has no variable."""

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each relation that does not hold."""
        if self.workers > 8 and not self.tls:
            yield SettingProblem("APP_WORKERS", "must not exceed 8 without APP_TLS")
        if self.name == "forbidden":
            yield SettingProblem("APP_NAME", "must be another one")


def problems_of(environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(SettingsProblems) as caught:
        load_settings(Settings, environ)
    assert CANARY not in str(caught.value)
    return {problem.name: problem.message for problem in caught.value.problems}


# --- values -----------------------------------------------------------------------------------------------------------


def test_variables_become_values_of_their_types() -> None:
    settings = load_settings(
        Settings,
        {
            "APP_KEY": KEY,
            "APP_NAME": "Paseport",
            "APP_LIFE": "60",
            "APP_WORKERS": " 4 ",
            "APP_TLS": "False",
            "APP_ORIGINS": "https://a.example, https://b.example,",
            "APP_LEVEL": "DEBUG",
            "APP_FOLDER": "/var/lib/app",
            "APP_BACKEND_PASSWORD": "short",
        },
    )

    assert settings == Settings(
        key=Secret(KEY.encode()),
        name="Paseport",
        life=timedelta(minutes=1),
        workers=4,
        tls=False,
        origins=("https://a.example", "https://b.example"),
        level="debug",
        folder=Path("/var/lib/app"),
        backend_password=Secret("short"),
    )


def test_what_is_not_set_or_empty_has_its_default() -> None:
    """Compose files pass empty variables for unset ones."""
    empty = dict.fromkeys(("APP_NAME", "APP_LIFE", "APP_ORIGINS", "APP_NAME_FILE", "APP_BACKEND_PASSWORD"), "")

    assert load_settings(Settings, {"APP_KEY": KEY, **empty}) == Settings(key=Secret(KEY.encode()))


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_KEY", KEY)

    assert load_settings(Settings).key == Secret(KEY.encode())


def test_a_field_that_the_caller_decides_is_not_read() -> None:
    settings = load_settings(Settings, {"APP_KEY": "", "APP_NAME": "read"}, key=Secret(b"given"), data=Path("given"))

    assert (settings.key, settings.name, settings.data) == (Secret(b"given"), "read", Path("given"))


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("YES", True), ("on", True), ("0", False), ("no", False)]
)
def test_a_switch_has_the_usual_spellings(text: str, value: bool) -> None:
    assert load_settings(Settings, {"APP_KEY": KEY, "APP_TLS": text}).tls is value


def test_reading_changes_nothing() -> None:
    before = dict(os.environ)
    environ = {"APP_KEY": KEY, "APP_LIFE": "60"}

    load_settings(Settings, environ)

    assert (environ, dict(os.environ)) == ({"APP_KEY": KEY, "APP_LIFE": "60"}, before)


# --- problems ---------------------------------------------------------------------------------------------------------


def test_all_problems_are_reported_together_one_line_each() -> None:
    with pytest.raises(SettingsProblems) as caught:
        load_settings(Settings, {"APP_LIFE": "5", "APP_WORKERS": "many", "APP_TLS": "maybe", "APP_LEVEL": "loud"})

    assert str(caught.value).splitlines() == [
        "APP_KEY: is required and has no default (set APP_KEY or APP_KEY_FILE)",
        "APP_LIFE: must be a whole number of seconds from 30 to 3600 (set APP_LIFE or APP_LIFE_FILE)",
        "APP_WORKERS: must be a whole number from 1 to 64 (set APP_WORKERS or APP_WORKERS_FILE)",
        "APP_TLS: must be true or false (set APP_TLS or APP_TLS_FILE)",
        "APP_LEVEL: must be one of debug, info (set APP_LEVEL or APP_LEVEL_FILE)",
    ]


@pytest.mark.parametrize("name", ["APP_LIFE", "APP_WORKERS", "APP_TLS", "APP_LEVEL", "APP_KEY"])
def test_no_problem_shows_the_value(name: str) -> None:
    assert name in problems_of({"APP_KEY": KEY, name: CANARY})


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", "1_0", "١", "0x10", "5s", "9" * 5000, "65", "0"])
def test_a_number_is_written_in_digits_and_within_its_bounds(text: str) -> None:
    assert "APP_WORKERS" in problems_of({"APP_KEY": KEY, "APP_WORKERS": text})


def test_text_that_is_not_utf_8_is_a_problem() -> None:
    assert "APP_NAME" in problems_of({"APP_KEY": KEY, "APP_NAME": "caf\udce9"})


def test_relations_are_reported_together_once_every_value_is_usable() -> None:
    environ = {"APP_KEY": KEY, "APP_WORKERS": "9", "APP_TLS": "no", "APP_NAME": "forbidden"}

    assert problems_of(environ) == {
        "APP_WORKERS": "must not exceed 8 without APP_TLS",
        "APP_NAME": "must be another one",
    }
    assert set(problems_of({**environ, "APP_LIFE": "5"})) == {"APP_LIFE"}


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("q3Zp8wX1vB6nM0tR5yU2kL9sD4fG7hJ", id="31 bytes"),
        pytest.param("changeme", id="changeme"),
        pytest.param("ChangeMe-ChangeMe-ChangeMe-ChangeMe", id="changeme, long enough"),
        pytest.param("my-secret-my-secret-my-secret-my-secret", id="secret, long enough"),
        pytest.param("correct-password-with-enough-letters", id="password, long enough"),
        pytest.param("a" * 64, id="one character"),
        pytest.param("0123" * 16, id="few characters"),
    ],
)
def test_a_secret_that_protects_nothing_is_refused(secret: str) -> None:
    assert "APP_KEY" in problems_of({"APP_KEY": secret})


def test_a_secret_of_another_system_may_be_short_but_no_placeholder() -> None:
    assert load_settings(Settings, {"APP_KEY": KEY, "APP_BACKEND_PASSWORD": "s3cr"}).backend_password == Secret("s3cr")
    assert "APP_BACKEND_PASSWORD" in problems_of({"APP_KEY": KEY, "APP_BACKEND_PASSWORD": "ChangeMe"})


def test_a_secret_has_no_default() -> None:
    class Careless(msgspec.Struct, frozen=True):
        key: Annotated[Secret[str], Env("APP_KEY")] = Secret("built in")

    with pytest.raises(TypeError, match="is a secret and has a default"):
        load_settings(Careless, {"APP_KEY": KEY})


def test_settings_do_not_show_their_secrets() -> None:
    assert KEY not in repr(load_settings(Settings, {"APP_KEY": KEY}))


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_any_variable_may_come_from_a_file_without_its_line_end(tmp_path: Path, ending: str) -> None:
    key, name = tmp_path / "key", tmp_path / "name"
    key.write_bytes(f"{KEY}{ending}".encode())
    name.write_bytes(f" spaced {ending}".encode())

    settings = load_settings(Settings, {"APP_KEY_FILE": str(key), "APP_NAME_FILE": str(name)})

    assert (settings.key, settings.name) == (Secret(KEY.encode()), " spaced ")


def test_a_variable_that_is_set_twice_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)

    assert "twice" in problems_of({"APP_KEY": KEY, "APP_KEY_FILE": str(tmp_path / "key")})["APP_KEY"]


def test_a_file_that_cannot_be_read_is_a_problem_that_does_not_show_its_name(tmp_path: Path) -> None:
    """Somebody may have put the secret itself there."""
    assert "FileNotFoundError" in problems_of({"APP_KEY_FILE": f"/nowhere/{CANARY}"})["APP_KEY"]
    assert "IsADirectoryError" in problems_of({"APP_KEY_FILE": str(tmp_path)})["APP_KEY"]
    assert "cannot be read" in problems_of({"APP_KEY_FILE": f"{CANARY}\0"})["APP_KEY"]


def test_a_file_that_is_no_text_or_too_large_is_a_problem(tmp_path: Path) -> None:
    binary, large = tmp_path / "binary", tmp_path / "large"
    binary.write_bytes(b"\xff" * 40)
    large.write_bytes(b"a" * 70_000)

    assert "UTF-8" in problems_of({"APP_KEY_FILE": str(binary)})["APP_KEY"]
    assert "larger" in problems_of({"APP_KEY_FILE": str(large)})["APP_KEY"]


def test_an_empty_file_is_an_unset_variable(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n")

    assert "required" in problems_of({"APP_KEY_FILE": str(tmp_path / "key")})["APP_KEY"]


# --- relations that several services check ----------------------------------------------------------------------------


@pytest.mark.parametrize("issuer", ["https://auth.example.com", "https://auth.example.com:8443/realm"])
def test_an_issuer_is_an_https_url(issuer: str) -> None:
    assert list(issuer_problems("ISSUER", issuer)) == []


@pytest.mark.parametrize(
    "issuer",
    [
        "http://auth.example.com",
        "http://localhost:8080",
        "https://auth.example.com/",
        "https://Auth.example.com",
        "https://auth.example.com?x",
        "https://auth.example.com?",
        "https://auth.example.com#x",
        "https://user@auth.example.com",
        "https://auth.example.com:99999",
        "https://[::1",
        "https://",
        "auth.example.com",
        "https://äuth.example.com",
        "",
    ],
)
def test_any_other_issuer_is_refused(issuer: str) -> None:
    assert {problem.name for problem in issuer_problems("ISSUER", issuer)} == {"ISSUER"}


def test_plain_http_is_for_loopback_and_only_where_it_is_asked_for() -> None:
    allowed = ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"]

    assert [list(issuer_problems("ISSUER", issuer, allow_loopback_http=True)) for issuer in allowed] == [[], [], []]
    assert list(issuer_problems("ISSUER", "http://auth.example.com", allow_loopback_http=True))
    assert list(issuer_problems("ISSUER", "http://localhost.evil.example", allow_loopback_http=True))


@pytest.mark.parametrize(
    ("origin", "fine"),
    [
        ("https://app.example.com", True),
        ("https://app.example.com:8443", True),
        ("https://app.example.com/", False),
        ("https://app.example.com/path", False),
        ("https://App.example.com", False),
        ("https://app.example.com:443", False),
        ("https://user@app.example.com", False),
        ("https://*.example.com", False),
        ("http://app.example.com", False),
        ("http://localhost:5173", False),
        ("app.example.com", False),
        ("null", False),
        ("*", False),
    ],
)
def test_an_origin_is_what_a_browser_sends(origin: str, fine: bool) -> None:
    assert (list(origin_problems("ORIGINS", [origin])) == []) is fine


def test_a_developers_origin_may_be_plain_http_on_loopback() -> None:
    assert list(origin_problems("ORIGINS", ["http://localhost:5173"], allow_loopback_http=True)) == []


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("auth.example.com", True),
        ("localhost:8080", True),
        ("[::1]:8080", True),
        ("https://auth.example.com", False),
        ("auth.example.com/", False),
        ("user@auth.example.com", False),
        ("*.example.com", False),
        ("auth.example.com:0", False),
        ("auth.example.com:99999", False),
    ],
)
def test_a_host_is_what_stands_in_a_host_header(host: str, fine: bool) -> None:
    assert (list(host_problems("HOSTS", [host])) == []) is fine


def test_networks_are_in_cidr_notation() -> None:
    assert list(network_problems("PROXIES", ["10.0.0.0/8", "fd00::/8", "192.0.2.7"])) == []
    assert list(network_problems("PROXIES", ["10.0.0.1/8", "everything"])) == [
        SettingProblem("PROXIES", "must be networks such as 10.0.0.0/8, separated by commas")
    ]


def test_the_variables_of_a_service_can_be_listed_for_its_documentation() -> None:
    found = variables(Settings)

    assert found["life"] == Env("APP_LIFE", 30, 3600)
    assert "data" not in found
