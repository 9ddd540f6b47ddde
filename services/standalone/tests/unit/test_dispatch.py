"""Who answers which path, and under which name."""

import httpx
import pytest
from built_app import BROWSER, client_of
from paseport_standalone.asgi import ASGIApp, Receive, Scope, Send
from paseport_standalone.dispatch import Dispatch, InternalDispatch
from paseport_standalone.ports import origin_of


def named(name: str) -> ASGIApp:
    """An application that answers its name and the path that it sees."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"{name} {scope['path']}".encode(), "more_body": False})

    return app


PUBLIC = Dispatch(port=8080, api=named("api"), issuer=named("issuer"), spa=named("spa"))
INTERNAL = InternalDispatch(port=8081, api=named("api"), issuer=named("issuer"))


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/", "spa"),
        ("/login", "spa"),
        ("/users", "spa"),
        ("/users/0190-abc", "spa"),
        ("/swagger-ui/", "spa"),
        ("/apis", "spa"),
        ("/auth/v1/login/local", "issuer"),
        ("/users/v1", "issuer"),
        ("/users/v1/0190-abc", "issuer"),
        ("/.well-known/paserk.json", "issuer"),
        ("/health/ready", "issuer"),
        ("/openapi.json", "issuer"),
        ("/metrics", "issuer"),
        ("/internal/v1/feed", "issuer"),
        ("/api/me/tokens", "issuer"),
        ("/api/me/tokens/0190abc", "issuer"),
        ("/api/users/0190-abc/tokens", "issuer"),
        ("/api/me", "api"),
        ("/api/dashboard", "api"),
        ("/api/health/ready", "api"),
        ("/api/openapi.json", "api"),
        ("/forward-auth", "api"),
        ("/auth", "api"),
        ("/auth/", "issuer"),
        ("/healthz", "api"),
        ("/healthz/x", "spa"),
    ],
)
async def test_a_path_is_answered_by_its_owner(path: str, who: str) -> None:
    async with client_of(PUBLIC) as http:
        assert (await http.get(path)).text == f"{who} {path}"


async def test_a_person_who_typed_the_address_is_led_to_the_origin_that_tokens_name() -> None:
    async with client_of(PUBLIC, "127.0.0.1:8080") as http:
        answer = await http.get("/users?search=a%20b&sort=-email", headers=BROWSER)

    assert answer.status_code == 307
    assert answer.headers["location"] == "http://localhost:8080/users?search=a%20b&sort=-email"


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/@evil.example", "/%0d%0aSet-Cookie:%20a=b"])
async def test_the_redirect_leads_nowhere_else(path: str) -> None:
    async with client_of(PUBLIC, "127.0.0.1:8080") as http:
        answer = await http.get(f"http://127.0.0.1:8080{path}", headers=BROWSER)

    assert httpx.URL(answer.headers["location"]).netloc == b"localhost:8080"
    assert "\r" not in answer.headers["location"]


@pytest.mark.parametrize(
    ("host", "method", "path"),
    [
        ("evil.example", "GET", "/"),
        ("evil.example:8080", "GET", "/health/live"),
        ("localhost", "GET", "/"),
        ("localhost:8081", "GET", "/"),
        ("localhost.:8080", "GET", "/"),
        ("127.0.0.1:8080", "POST", "/auth/v1/login/local"),
        ("127.0.0.1:8080", "GET", "/api/dashboard"),
    ],
)
async def test_a_foreign_host_name_gets_nothing(host: str, method: str, path: str) -> None:
    """A name whose DNS leads here would make its pages share our origin (DNS rebinding)."""
    async with client_of(PUBLIC, host) as http:
        answer = await http.request(method, path, headers=BROWSER)

    assert (answer.status_code, answer.json()["code"]) == (400, "unlisted_host")


async def test_a_host_name_is_not_case_sensitive_and_is_sent_once() -> None:
    async with client_of(PUBLIC) as http:
        upper = await http.get("/", headers={"Host": "LOCALHOST:8080"})
        twice = await http.get("/", headers=[("Host", "localhost:8080"), ("Host", "evil.example")])

    assert (upper.text, twice.status_code) == ("spa /", 400)


def test_the_default_port_of_http_is_not_part_of_the_origin() -> None:
    """RFC 6454 §6.2: a browser leaves it out."""
    assert (origin_of(80), origin_of(8080)) == ("http://localhost", "http://localhost:8080")


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/metrics", "issuer /metrics"),
        ("/internal/v1/cli-token", "issuer /internal/v1/cli-token"),
        ("/api/metrics", "api /metrics"),
        ("/api/health/ready", "api /health/ready"),
    ],
)
async def test_the_second_port_shows_the_api_below_its_own_prefix(path: str, answer: str) -> None:
    async with client_of(INTERNAL, "127.0.0.1:8081") as http:
        assert (await http.get(path)).text == answer


async def test_a_browser_led_to_the_second_port_by_a_foreign_name_reads_nothing() -> None:
    async with client_of(INTERNAL, "evil.example:8081") as http:
        assert (await http.get("/metrics")).status_code == 400


@pytest.mark.parametrize("path", ["/forward-auth", "/auth-request", "/ext-authz/any/path", "/.paseport/handover"])
async def test_proxies_and_routed_hosts_ask_under_names_of_their_own(path: str) -> None:
    """The api itself says which of them it answers."""
    async with client_of(PUBLIC, "app.localhost:8080") as http:
        assert (await http.get(path)).text == f"api {path}"
