"""What browsers, scripts and intruders get from the built app."""

import string
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from built_app import BROWSER, PAGE, POLICY, SWAGGER_PAGE, SWAGGER_POLICY, client_of, write_build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paseport_standalone.app_build import load_app_build
from paseport_standalone.spa import Spa

SCRIPT = "/_app/immutable/entry/start.abc123.js"
SCRIPT_REQUEST = {"Accept": "*/*", "Sec-Fetch-Dest": "script"}


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """A file beside the build that nobody may be served."""
    (tmp_path / "signing-keys.json").write_text("the private key")
    return "the private key"


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(Spa(load_app_build(write_build(tmp_path / "build")))) as client:
        yield client


# --- pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/index.html", "/login", "/users/0190-abc", "/reset-password", "/a/b.c/d"])
async def test_a_browser_that_opens_an_address_gets_the_page(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers=BROWSER)

    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0", "text/html; q=0.0, */*", ""])
async def test_a_script_that_asks_for_an_unknown_path_gets_no_page(http: httpx.AsyncClient, accept: str) -> None:
    answer = await http.get("/no-such-thing", headers={"Accept": accept})

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_caches_are_told_that_the_answer_depends_on_accept(http: httpx.AsyncClient) -> None:
    page, refusal = await http.get("/login", headers=BROWSER), await http.get("/login")

    assert page.headers["vary"] == refusal.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    "path",
    [
        "/api/dashbord",
        "/auth/v1/logn",
        "/users/v1",
        "/users/v1/x",
        "/clients/v1",
        "/me/v1",
        "/audit/v1",
        "/oauth2/token",
        "/device",
        "/userinfo",
        "/.well-known/openid-configuration",
        "/internal",
        "/internal/v1/cli-token",
        "/metrics",
        "/health/live",
        "/openapi.json",
        "/forward-auth",
        "/auth-request",
        "/ext-authz/x",
        "/verifiers/v1/feed",
        "/%61pi/dashboard",
        "/metrics/",
    ],
)
async def test_the_page_never_stands_in_for_a_path_of_the_back_end(http: httpx.AsyncClient, path: str) -> None:
    """A client that mistyped a path must read 404, not a page with status 200."""
    answer = await http.get(path, headers=BROWSER)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/users", "/users/v12", "/metricsabc", "/devices", "/healthy", "/internals", "/apis"])
async def test_a_page_whose_name_only_begins_like_a_reserved_one_is_a_page(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path, headers=BROWSER)).text == PAGE


async def test_a_page_that_asks_for_a_file_of_an_older_build_is_told_that_it_is_gone(http: httpx.AsyncClient) -> None:
    assert (await http.get("/_app/immutable/entry/start.old.js", headers=BROWSER)).status_code == 404


# --- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        (SCRIPT, "text/javascript; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
        ("/robots.txt", "text/plain; charset=utf-8"),
        ("/_app/version.json", "application/json"),
    ],
)
async def test_files_have_the_type_that_their_name_says(http: httpx.AsyncClient, path: str, media_type: str) -> None:
    answer = await http.get(path, headers=SCRIPT_REQUEST)

    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)


async def test_only_files_with_a_hash_in_their_name_are_kept_without_asking(http: httpx.AsyncClient) -> None:
    assert (await http.get(SCRIPT)).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await http.get("/_app/version.json")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/swagger-ui", "/swagger-ui/", "/swagger-ui/index.html"])
async def test_the_documents_of_the_interface_are_found_with_and_without_a_slash(
    http: httpx.AsyncClient, path: str
) -> None:
    assert (await http.get(path)).text == SWAGGER_PAGE


@pytest.mark.parametrize("path", [f"{SCRIPT}.map", "/.build-done", "/.vite/manifest.json"])
async def test_source_maps_and_hidden_files_are_not_served(http: httpx.AsyncClient, path: str) -> None:
    """BF-13: source maps off."""
    assert (await http.get(path)).status_code == 404


async def test_a_client_that_holds_the_file_is_not_sent_it_again(http: httpx.AsyncClient) -> None:
    """RFC 9110 §15.4.5: the answer repeats what a cache needs, without a body."""
    first = await http.get("/")
    tags = ['"other", ' + first.headers["etag"], f"W/{first.headers['etag']}", "*"]

    for tag in tags:
        again = await http.get("/", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert {again.headers[name] for name in ("etag",)} == {first.headers["etag"]}
        assert again.headers["cache-control"] == "no-cache"
        assert "content-length" not in again.headers


async def test_an_older_copy_is_replaced(http: httpx.AsyncClient) -> None:
    """RFC 9110 §13.2.2: If-None-Match decides where both conditions are sent."""
    first = await http.get("/")
    conditions = {"If-None-Match": '"other"', "If-Modified-Since": first.headers["last-modified"]}

    assert (await http.get("/", headers=conditions)).status_code == 200


async def test_a_client_that_knows_only_the_date_is_understood(http: httpx.AsyncClient) -> None:
    modified = (await http.get("/")).headers["last-modified"]
    old = format_datetime(datetime.now(UTC) - timedelta(days=400), usegmt=True)

    assert (await http.get("/", headers={"If-Modified-Since": modified})).status_code == 304
    assert (await http.get("/", headers={"If-Modified-Since": old})).status_code == 200
    assert (await http.get("/", headers={"If-Modified-Since": "yesterday"})).status_code == 200


async def test_head_answers_like_get_without_a_body(http: httpx.AsyncClient) -> None:
    got, asked = await http.get("/", headers=BROWSER), await http.head("/", headers=BROWSER)

    assert (asked.status_code, asked.content) == (200, b"")
    assert dict(asked.headers) == dict(got.headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_nothing_but_reading_is_possible(http: httpx.AsyncClient, method: str) -> None:
    answer = await http.request(method, "/", headers=BROWSER)

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"


# --- protection ---------------------------------------------------------------------------------------------------


async def test_every_answer_carries_the_headers_that_protect_it(http: httpx.AsyncClient) -> None:
    """BF-13: nosniff, frame-ancestors, a referrer policy, and no script but the build's own."""
    for path in ("/", "/login", SCRIPT, "/favicon.svg", "/swagger-ui/", "/missing.js"):
        headers = (await http.get(path, headers=BROWSER)).headers
        policies = headers.get_list("content-security-policy")

        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert len(policies) == 1, path
        assert "frame-ancestors 'none'" in policies[0], path
        assert "script-src 'unsafe-inline'" not in policies[0], path


async def test_the_header_repeats_the_policy_that_the_page_states(http: httpx.AsyncClient) -> None:
    """Both apply, so another opinion in the header would forbid what the build needs."""
    page, documents = await http.get("/login", headers=BROWSER), await http.get("/swagger-ui/")

    assert page.headers["content-security-policy"] == f"{POLICY}; frame-ancestors 'none'"
    assert documents.headers["content-security-policy"] == f"{SWAGGER_POLICY}; frame-ancestors 'none'"


async def test_only_the_interface_documents_may_set_inline_styles(http: httpx.AsyncClient) -> None:
    assert "unsafe-inline" not in (await http.get("/")).headers["content-security-policy"]
    assert "style-src 'self' 'unsafe-inline'" in (await http.get("/swagger-ui/")).headers["content-security-policy"]


async def test_a_page_shares_its_window_with_no_other_origin_and_uses_no_device(http: httpx.AsyncClient) -> None:
    headers = (await http.get("/")).headers

    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


async def test_an_image_opened_as_a_page_runs_nothing(http: httpx.AsyncClient) -> None:
    """An SVG file can hold scripts."""
    assert "sandbox" in (await http.get("/favicon.svg")).headers["content-security-policy"]


SEGMENTS = st.sampled_from(
    ["..", ".", "", "%2e%2e", "%2f", "%5c", "\\", "signing-keys.json", "build", "index.html", "\0"]
)
PATHS = st.lists(SEGMENTS | st.text(string.printable, max_size=6), max_size=8).map("/".join)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(path=PATHS, is_escaped=st.booleans())
async def test_no_path_leads_out_of_the_build(
    http: httpx.AsyncClient, secret: str, path: str, is_escaped: bool
) -> None:
    """An intruder tries dots, slashes and escapes of them."""
    url = "http://localhost:8080/" + quote(path, safe="" if is_escaped else "/.%\\")

    answer = await http.get(url, headers=BROWSER)

    assert answer.status_code in (200, 404)
    assert secret not in answer.text


async def test_a_link_in_the_build_does_not_lead_out_of_it(tmp_path: Path, secret: str) -> None:
    build = write_build(tmp_path / "build")
    (build / "link.txt").symlink_to(tmp_path / "signing-keys.json")
    (build / "folder").symlink_to(tmp_path)

    async with client_of(Spa(load_app_build(build))) as http:
        answers = [await http.get(path) for path in ("/link.txt", "/folder/signing-keys.json")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert all(secret not in answer.text for answer in answers)
