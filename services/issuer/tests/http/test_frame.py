"""What every request to the issuer gets, whichever route answers it, or none."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest
from issuer_http import HttpWorld, problem, running_issuer
from issuer_world import ISSUER, issuer_settings

ANSWERS = [
    ("GET", "/health/live", 200), ("GET", "/.well-known/paserk.json", 200), ("GET", "/openapi.json", 200),
    ("GET", "/nothing", 404), ("GET", "/", 404), ("GET", "/auth/v1/refresh", 405), ("DELETE", "/users/v1", 405),
    ("GET", "/users/v1", 401), ("GET", "/auth/v1/providers", 401), ("POST", "/auth/v1/oauth/link", 403),
    ("GET", "/auth/v1/sign-in-options", 200), ("GET", "/auth/v1/oauth/pending-links/x", 400),
    ("POST", "/auth/v1/refresh", 403), ("POST", "/auth/v1/password/reset", 400),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_every_answer_is_protected_and_can_be_traced(
    http: HttpWorld, method: str, path: str, status: int
) -> None:
    """BF-13: for answers that a browser might show as a page, errors included."""
    async with http.bearer(None) as client:
        answer = await client.request(method, path)

    assert answer.status_code == status
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert UUID(answer.headers["x-request-id"]).version == 7
    assert "server" not in answer.headers
    if status >= 400:
        problem(answer)
        assert answer.headers["cache-control"] == "no-store"


async def test_a_request_id_of_the_client_is_ignored(http: HttpWorld) -> None:
    """LG-21: it could be somebody else's, or a text that spoils a log."""
    async with http.bearer(None) as client:
        answer = await client.get("/health/live", headers={"X-Request-Id": "chosen\\x0a", "Request-Id": "chosen"})

    assert "chosen" not in str(answer.headers)


@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "evil.example")], [("Host", "auth.example.com.")], [("Host", "auth.example.com:8443")],
        [("Host", "auth.example.com@evil.example")], [("Host", "")],
        [("Host", "auth.example.com"), ("Host", "evil.example")],
    ],
)  # fmt: skip
async def test_an_unlisted_host_gets_nothing(http: HttpWorld, headers: list[tuple[str, str]]) -> None:
    """AZ-25, FA-14."""
    async with http.bearer(None) as client:
        answer = await client.get("/.well-known/paserk.json", headers=headers)

    assert (answer.status_code, problem(answer)["code"]) == (400, "unlisted_host")
    assert "evil" not in answer.text


async def test_no_header_changes_a_url_that_the_issuer_writes(http: HttpWorld) -> None:
    """AZ-25, LG-22, BF-10: the link of a reset comes from the settings."""
    user = await http.world.add_user("alice")
    await http.world.add_user("root", roles=("Admin",))
    spoofed = {
        "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Original-Host": "evil.example",
        "Forwarded": "host=evil.example;proto=http", "X-Forwarded-Prefix": "/evil", "X-Host": "evil.example",
        "Referer": "https://evil.example/", "Origin": "https://evil.example",
    }  # fmt: skip
    async with http.bearer(await http.token("root")) as client:
        made = await client.post(f"/users/v1/{user.id}/password-reset", headers=spoofed)
        created = await client.post(
            "/users/v1", json={"username": "bob", "email": "bob@example.com", "roles": []}, headers=spoofed
        )

    assert made.json()["url"].startswith(f"{ISSUER}/reset-password#token=")
    assert created.headers["location"].startswith("/users/v1/")
    for answer in (made, created):
        assert "evil" not in answer.text + str(answer.headers)


async def test_no_header_makes_another_method_of_a_request(http: HttpWorld) -> None:
    """BF-02, FA-15."""
    async with http.browser() as browser:
        answer = await browser.get("/auth/v1/logout?_method=POST", headers={"X-HTTP-Method-Override": "POST"})

    assert answer.status_code == 405


@pytest.mark.parametrize("path", ["/auth/v1/login/local", "/users/v1", "/auth/v1/password/reset"])
@pytest.mark.parametrize("stated", [True, False])
async def test_a_body_over_the_cap_is_refused(http: HttpWorld, path: str, stated: bool) -> None:
    """AD-15, LG-05, TE-19: 256 KiB, whether or not the client says how much it will send."""
    await http.world.add_user("root", roles=("Admin",))

    async def pieces() -> Any:
        for _ in range(5):
            yield b" " * 65_536

    body: Any = b" " * (256 * 1024 + 1) if stated else pieces()
    async with http.browser(Authorization=f"Bearer {await http.token('root')}") as client:
        answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, problem(answer)["code"]) == (413, "payload_too_large")


async def test_a_thousand_parameters_cost_nothing(http: HttpWorld) -> None:
    """TE-19, AD-08: no endpoint takes a scope yet; what takes parameters refuses those it does not know."""
    await http.world.add_user("root", roles=("Admin",))
    query = "&".join(f"p{number}=1" for number in range(1_000))
    async with http.bearer(await http.token("root")) as client:
        answer = await client.get(f"/users/v1?{query}")

    assert answer.status_code == 422
    assert len(problem(answer)["errors"]) == 1


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{ISSUER}.evil.example", "https://app.example.com"]
)
async def test_without_configured_origins_nobody_reads_across_origins(http: HttpWorld, origin: str) -> None:
    """BF-07, TE-20: neither the answer nor the preflight names an origin, a wildcard least of all."""
    async with http.bearer(None) as client:
        read = await client.get("/health/live", headers={"Origin": origin})
        preflight = await client.options(
            "/auth/v1/login/local", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
        )

    for answer in (read, preflight):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("name", ["paserk.json", "jwks.json", "openid-configuration", "oauth-authorization-server"])
async def test_everybody_reads_the_public_documents_and_nobody_with_credentials(http: HttpWorld, name: str) -> None:
    """BF-07, TE-24: clients in browsers of other origins read them; no cookie goes along."""
    async with http.bearer(None) as client:
        read = await client.get(f"/.well-known/{name}", headers={"Origin": "https://spa.example"})
        head = await client.head(f"/.well-known/{name}")
        refused = await client.post(f"/.well-known/{name}")

    assert read.status_code == head.status_code == 200
    assert (head.content, head.headers["content-length"]) == (b"", read.headers["content-length"])
    assert read.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in read.headers
    assert read.headers["cache-control"] == "public, max-age=60"
    assert refused.status_code == 405


async def test_only_a_configured_origin_reads_across_origins(tmp_path: Any) -> None:
    """BF-07: compared whole, never reflected."""
    settings = issuer_settings(cors_origins=("https://app.example.com",))
    async with running_issuer(tmp_path, settings) as http, http.bearer(None) as client:
        granted = await client.get("/health/live", headers={"Origin": "https://app.example.com"})
        refused: list[httpx.Response] = []
        for origin in (
            "https://app.example.com.evil.example",
            "http://app.example.com",
            "https://APP.example.com",
            "null",
        ):
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            refused += [
                await client.get("/health/live", headers={"Origin": origin}),
                await client.options("/auth/v1/login/local", headers=headers),
            ]

    assert granted.headers["access-control-allow-origin"] == "https://app.example.com"
    for answer in refused:
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-credentials" not in answer.headers


async def test_the_openapi_document_describes_the_public_routes_and_no_other(http: HttpWorld) -> None:
    async with http.bearer(None) as client:
        document = (await client.get("/openapi.json")).json()

    pages = {"/oauth2/authorize", "/oauth2/authorize/continue", "/oauth2/logout"}
    pages |= {"/auth/v1/login", "/auth/v1/callback", "/auth/v1/handover"}
    pages |= {"/auth/v1/oauth/init", "/auth/v1/oauth/callback", "/auth/v1/oauth/callback/{provider}"}
    in_oauth_form = {"/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"}
    in_oauth_form |= {"/auth/v1/oauth/backchannel-logout/{provider}"}
    routes = {route.path_format for route in http.public.routes} - {"/openapi.json"} - pages
    assert set(document["paths"]) == routes | set(http.public.documents)
    assert not [path for path in document["paths"] if "internal" in path or "metrics" in path]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            refusal = "400" if path in in_oauth_form else "default"
            assert refusal in operation["responses"], (method, path)
