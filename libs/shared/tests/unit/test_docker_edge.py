"""docker/nginx: the edge in front of two issuers and an api that say what reached them."""

from __future__ import annotations

import json
import resource
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from paseport_shared.http.app import MAX_BODY_BYTES
from paseport_shared.http.problem import ProblemResponse
from paseport_standalone import reserved
from paseport_standalone.app_build import load_app_build
from paseport_standalone.spa import Spa
from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.nginx import Edge

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGE = """<!doctype html><html><head>
<meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'self' 'sha256-abc='">
</head><body>the app</body></html>
"""
FILES = {
    "index.html": PAGE,
    "swagger-ui/index.html": PAGE.replace("abc", "def").replace("the app", "the reference"),
    "swagger-ui/init.js": "SwaggerUIBundle();",
    "_app/immutable/entry/start.ABC.js": "export {};",
    "_app/version.json": "{}",
    "favicon.svg": "<svg/>",
    "robots.txt": "User-agent: *",
    "theme.js": "1;",
    "theme.js.map": "{}",
    ".build-done": "",
}
OWN_HEADERS = ("Content-Length", "Date", "ETag", "Last-Modified", "Server", "Connection", "Accept-Ranges")
IDLE_CONNECTIONS = 5000


class Service:
    """An issuer or an api that answers what reached it, or dies while it is asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                service.asked.append(f"{self.command} {self.path}")
                if "/die" in self.path:
                    self.close_connection = True
                    return
                body = json.dumps(
                    {
                        "who": service.name,
                        "target": self.path,
                        "headers": [[key.lower(), value] for key, value in self.headers.items()],
                        "port": self.client_address[1],
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Request-Id", "of-the-service")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_request(self, code: object = "-", size: object = "-") -> None:
                """Say nothing."""

        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            setattr(Handler, f"do_{method}", Handler.answer)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._server.server_address[1]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def running(name: str) -> Iterator[Service]:
    service = Service(name)
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def edge(app: Path, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with (
        running("issuer") as issuer,
        running("api") as api,
        Edge(
            tmp_path_factory.mktemp("edge"),
            issuers=[issuer.address],
            apis=[api.address],
            certificates=certificates,
            app=app,
        ) as edge,
    ):
        yield edge


@pytest.fixture(scope="module")
def client(edge: Edge) -> Iterator[httpx.Client]:
    with client_of(edge) as client:
        yield client


def client_of(edge: Edge) -> httpx.Client:
    return httpx.Client(base_url=edge.origin, verify=edge.tls(), trust_env=False, headers={"Accept": "*/*"})


def get_raw(client: httpx.Client, target: str, **options: Any) -> httpx.Response:
    """Ask for a target as it is, not as the client would tidy it up."""
    return client.get("/", extensions={"target": target.encode()}, **options)


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the body of a refusal, which has the form that the services' refusals have."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    problem: dict[str, Any] = answer.json()
    assert set(problem) == set(ProblemResponse.__struct_fields__) - {"errors", "not_before"}
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    return problem


# --- who answers what -------------------------------------------------------------------------------------------------


def paths_below(prefixes: tuple[str, ...]) -> list[str]:
    paths = [f"{prefix}v1/x" if prefix.endswith("/") else prefix for prefix in prefixes]
    return [*paths, *(f"{path}/below" for path in paths)]


NOT_SERVED = ("/internal", "/metrics")


@pytest.mark.parametrize("path", [path for path in paths_below(reserved.ISSUER) if not path.startswith(NOT_SERVED)])
def test_what_is_reserved_for_the_issuer_reaches_the_issuer(client: httpx.Client, path: str) -> None:
    assert client.get(path, headers=HTML).json()["who"] == "issuer"


@pytest.mark.parametrize("path", [*paths_below(reserved.API), "/.well-known/oauth-protected-resource/api"])
def test_what_is_reserved_for_the_api_reaches_the_api(client: httpx.Client, path: str) -> None:
    assert client.get(path, headers=HTML).json()["who"] == "api"


@pytest.mark.parametrize(
    "path", ["/api/me/tokens", "/api/me/tokens/1", "/api/users/ab-c/tokens", "/api/users/a/tokens/1"]
)
def test_api_keys_belong_to_the_issuer_whatever_their_prefix(client: httpx.Client, path: str) -> None:
    assert client.get(path).json()["who"] == "issuer"


@pytest.mark.parametrize("path", ["/api/me/tokensx", "/api/me", "/api/users"])
def test_what_only_looks_like_api_keys_belongs_to_the_api(client: httpx.Client, path: str) -> None:
    assert client.get(path).json()["who"] == "api"


@pytest.mark.parametrize(
    "target",
    [
        "/internal",
        "/internal/v1/feed",
        "/metrics",
        "//internal/v1/feed",
        "/auth/../internal/v1/feed",
        "/auth/%2e%2e/internal/v1/feed",
        "/auth/..%2finternal/v1/feed",
        "/%69nternal/v1/feed",
        "/metrics?x=/api/",
    ],
)
def test_internal_paths_do_not_exist_at_the_edge_however_they_are_spelled(client: httpx.Client, target: str) -> None:
    answer = get_raw(client, target, headers=HTML)

    assert answer.status_code == 404
    assert problem_of(answer)["code"] == "not_found"


@pytest.mark.parametrize(
    "path", ["/", "/login", "/users", "/authx", "/api", "/healthy", "/me", "/clients", "/device-x"]
)
def test_every_other_path_is_a_page_of_the_app(client: httpx.Client, path: str) -> None:
    assert not reserved.is_reserved(path)

    answer = client.get(path, headers=HTML)

    assert answer.status_code == 200
    assert "the app" in answer.text


def test_a_target_is_handed_on_as_it_was_sent(client: httpx.Client) -> None:
    target = "/api/a%2Fb//c/%7e;x=1?q=%2F..&empty="

    assert get_raw(client, target).json()["target"] == target


# --- the app ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/index.html",
        "/users/somebody",
        "/swagger-ui",
        "/swagger-ui/",
        "/swagger-ui/init.js",
        "/swagger-ui/missing",
        "/_app/immutable/entry/start.ABC.js",
        "/_app/immutable/missing.js",
        "/_app/version.json",
        "/favicon.svg",
        "/robots.txt",
        "/theme.js",
        "/theme.js.map",
        "/.build-done",
        "/internal/x",
    ],
)
@pytest.mark.parametrize("accept", ["*/*", "text/html", "text/html;q=0", "image/*, application/xhtml+xml;q=0.5"])
async def test_the_edge_and_the_embedded_mode_serve_the_app_alike(
    edge: Edge, app: Path, path: str, accept: str
) -> None:
    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    transport = httpx.ASGITransport(Spa(load_app_build(app)))

    async with httpx.AsyncClient(transport=transport, base_url=edge.origin) as embedded:
        expected = await embedded.get(path, headers=headers)
    with client_of(edge) as client:
        answer = client.get(path, headers=headers)

    assert answer.status_code == expected.status_code
    assert shown(answer) == shown(expected) | {"strict-transport-security": "max-age=63072000"}
    if answer.status_code == 200:
        assert answer.content == expected.content


def shown(answer: httpx.Response) -> dict[str, str]:
    left_out = {name.lower() for name in (*OWN_HEADERS, "X-Request-Id")}
    return {name: value for name, value in answer.headers.items() if name not in left_out}


def test_a_page_that_the_browser_holds_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/", headers=HTML)

    again = client.get("/", headers={**HTML, "If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304
    assert again.headers["Content-Security-Policy"] == first.headers["Content-Security-Policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/theme.js", "/users/somebody"])
def test_the_app_is_only_read(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path, headers=HTML)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"
    assert problem_of(answer)["code"] == "method_not_allowed"


def test_answers_of_the_services_are_not_compressed(client: httpx.Client) -> None:
    assert "Content-Encoding" not in client.get("/api/dashboard", headers={"Accept-Encoding": "gzip"}).headers


# --- what a service is told -------------------------------------------------------------------------------------------


def test_only_the_peer_says_where_a_request_comes_from(client: httpx.Client) -> None:
    """LG-12."""
    claims = {
        "X-Forwarded-For": "203.0.113.9",
        "X_Forwarded_For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Port": "80",
        "X-Forwarded-Prefix": "/x",
        "X-Forwarded-Uri": "/x",
        "X-Forwarded-User": "admin",
        "X-Real-IP": "203.0.113.9",
        "X-Original-URL": "/internal",
        "X-Rewrite-URL": "/internal",
        "X-Request-Id": "chosen-by-the-client",
        "Forwarded": "for=203.0.113.9",
        "Proxy": "http://evil.example",
    }

    answer = client.get("/auth/v1/login", headers=claims)

    told = {name: value for name, value in answer.json()["headers"] if name not in ("user-agent", "accept-encoding")}
    assert told == {"host": httpx.URL(str(answer.url)).netloc.decode(), "accept": "*/*", "x-forwarded-for": "127.0.0.1"}


def test_the_request_id_is_the_service_s(client: httpx.Client) -> None:
    assert client.get("/health/live").headers.get_list("X-Request-Id") == ["of-the-service"]


def test_connections_to_a_service_are_used_again(client: httpx.Client) -> None:
    ports = {client.get("/api/dashboard").json()["port"] for _ in range(5)}

    # Each worker of nginx has connections of its own.
    assert len(ports) < 5


def test_no_query_is_written_down(edge: Edge, client: httpx.Client) -> None:
    """DT-06."""
    client.get("/auth/v1/callback", params={"code": "a-secret-code"}, headers={"Cookie": "a-secret-cookie=1"})
    client.get("/missing.js", params={"code": "a-secret-code"}, headers={"Referer": "https://x/?a-secret-referer"})

    log = edge.process.log.read_text()
    assert "/auth/v1/callback" in log
    assert "a-secret" not in log


# --- what is refused --------------------------------------------------------------------------------------------------


def test_http_leads_to_https_and_to_the_host_that_is_configured(edge: Edge) -> None:
    answer = httpx.get(f"{edge.http_origin}//evil.example/a%2Fb?c=d", trust_env=False)

    assert answer.status_code == 308
    assert answer.headers["Location"] == f"{edge.origin}//evil.example/a%2Fb?c=d"


def test_what_is_posted_over_http_is_refused_and_not_led_on(edge: Edge) -> None:
    answer = httpx.post(f"{edge.http_origin}/auth/v1/login/local", json={}, trust_env=False)

    assert answer.status_code == 403
    assert problem_of(answer)["code"] == "https_required"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:8443", "localhost.evil.example"])
def test_a_host_that_is_not_ours_gets_nothing(edge: Edge, client: httpx.Client, host: str) -> None:
    over_https = client.get("/api/dashboard", headers={"Host": host})
    over_http = httpx.get(edge.http_origin, headers={"Host": host}, trust_env=False)

    assert [over_https.status_code, over_http.status_code] == [400, 400]
    assert problem_of(over_https)["code"] == problem_of(over_http)["code"] == "unlisted_host"


def test_a_header_of_64_kib_is_refused(edge: Edge) -> None:
    with client_of(edge) as client:
        answer = client.get("/api/dashboard", headers={"X-Large": "a" * 65_536})

    assert answer.status_code == 431
    assert problem_of(answer)["code"] == "header_too_large"


def test_the_largest_access_token_fits_into_a_header(client: httpx.Client) -> None:
    assert client.get("/api/dashboard", headers={"Authorization": f"Bearer {'a' * 4096}"}).status_code == 200


def test_a_body_may_be_as_large_as_the_services_take(edge: Edge) -> None:
    with client_of(edge) as client:
        assert client.post("/users/v1", content=b"a" * MAX_BODY_BYTES).status_code == 200

        answer = client.post("/users/v1", content=b"a" * (MAX_BODY_BYTES + 1))

    assert answer.status_code == 413
    assert problem_of(answer)["code"] == "payload_too_large"


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "nonsense\r\n\r\n",
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(edge: Edge, request_text: str) -> None:
    with ExitStack() as stack:
        connection = stack.enter_context(tls_connection(edge))
        connection.sendall(request_text.encode())

        assert connection.recv(64).startswith(b"HTTP/1.1 400 ")


def test_old_tls_is_refused(edge: Edge) -> None:
    context = edge.tls()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    # The library itself would not offer it otherwise.
    context.set_ciphers("ALL:@SECLEVEL=0")

    with (
        socket.create_connection((edge.host, edge.port), 5) as plain,
        pytest.raises(ssl.SSLError),
        context.wrap_socket(plain, server_hostname="localhost"),
    ):
        pass


@contextmanager
def tls_connection(edge: Edge) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((edge.host, edge.port), 10) as plain,
        edge.tls().wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        yield connection


def test_connections_that_never_finish_their_header_are_cut_off_and_hinder_nobody(edge: Edge) -> None:
    """FT-21."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, soft + IDLE_CONNECTIONS + 1024), hard))
    try:
        with ExitStack() as stack, client_of(edge) as client:
            idle: list[socket.socket] = [
                stack.enter_context(socket.create_connection((edge.host, edge.port), 10))
                for _ in range(IDLE_CONNECTIONS)
            ]
            slow = stack.enter_context(tls_connection(edge))
            slow.sendall(b"GET /api/dashboard HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")

            assert all(client.get("/api/dashboard").status_code == 200 for _ in range(50))

            # Each waits for 10 s at most.
            assert all(ends(connection) for connection in (slow, *idle))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def ends(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except (ConnectionResetError, ssl.SSLEOFError):
        return True


# --- services that fail -----------------------------------------------------------------------------------------------


@contextmanager
def edge_in_front_of(
    issuers: list[tuple[str, int]], certificates: Certificates, app: Path, folder: Path
) -> Iterator[httpx.Client]:
    with (
        Edge(folder, issuers=issuers, apis=issuers, certificates=certificates, app=app) as edge,
        client_of(edge) as client,
    ):
        yield client


@pytest.fixture
def closed_address() -> tuple[str, int]:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address: tuple[str, int] = listener.getsockname()
    return address


def test_a_refresh_that_a_service_took_is_never_presented_again(
    certificates: Certificates, app: Path, tmp_path: Path
) -> None:
    """FT-07."""
    with (
        running("one") as one,
        running("two") as two,
        edge_in_front_of([one.address, two.address], certificates, app, tmp_path) as client,
    ):
        answer = client.post("/auth/v1/refresh/die", json={})

        assert answer.status_code == 502
        assert answer.headers["Retry-After"] == "1"
        assert problem_of(answer)["code"] == "unavailable"
        assert len(one.asked + two.asked) == 1


def test_where_one_service_is_gone_the_other_is_asked(
    certificates: Certificates, app: Path, tmp_path: Path, closed_address: tuple[str, int]
) -> None:
    with (
        running("alive") as alive,
        edge_in_front_of([closed_address, alive.address], certificates, app, tmp_path) as client,
    ):
        answers = [client.post("/auth/v1/refresh", json={}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 6


def test_with_every_service_gone_the_edge_says_so_and_still_serves_the_app(
    certificates: Certificates, app: Path, tmp_path: Path, closed_address: tuple[str, int]
) -> None:
    with edge_in_front_of([closed_address], certificates, app, tmp_path) as client:
        answer = client.post("/auth/v1/refresh", json={})
        page = client.get("/login", headers=HTML)

    assert answer.status_code == 502
    assert answer.headers["Retry-After"] == "1"
    assert problem_of(answer)["code"] == "unavailable"
    assert page.status_code == 200
