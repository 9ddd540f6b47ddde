"""What the two ports serve, and what they do not."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from built_app import BROWSER
from installation import Installation, Running
from paseport_standalone.data_folder import REPOSITORY

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse battery staple"
REAL_BUILD = REPOSITORY / "frontend" / "build"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    settings = {"PASEPORT_ADMIN_PASSWORD": PASSWORD, "PASEPORT_APP_DIR": str(REAL_BUILD)}
    return Installation(tmp_path_factory.mktemp("served"), **settings)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paseport(installation: Installation) -> AsyncIterator[Running]:
    async with installation.started() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def browser(paseport: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with paseport.client() as client:
        yield client


async def test_the_public_port_serves_app_issuer_and_api_and_nothing_internal(browser: httpx.AsyncClient) -> None:
    pages = [(await browser.get(path, headers=BROWSER)).headers["content-type"] for path in ("/", "/login", "/users")]
    documents = [await browser.get(path) for path in ("/openapi.json", "/api/openapi.json", "/.well-known/paserk.json")]
    internal = [
        await browser.request(method, path, headers=BROWSER)
        for method, path in (
            ("GET", "/metrics"),
            ("GET", "/api/metrics"),
            ("GET", "/internal/v1/feed"),
            ("POST", "/internal/v1/principals"),
            ("POST", "/internal/v1/cli-token"),
        )
    ]

    assert set(pages) == {"text/html; charset=utf-8"}
    assert [answer.status_code for answer in documents] == [200, 200, 200]
    assert [(answer.status_code, answer.json()["code"]) for answer in internal] == [(404, "not_found")] * 5


async def test_both_services_are_healthy(browser: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/health/ready", "/api/health/live", "/api/health/ready"):
        assert (await browser.get(path)).status_code == 200, path


async def test_a_person_signs_in_and_reads_the_dashboard_of_both_services(
    paseport: Running, browser: httpx.AsyncClient
) -> None:
    """The api takes the keys, the roles and the issuer's health from the issuer in the same process."""
    token = await paseport.sign_in(browser, "admin", PASSWORD)

    answer = await browser.get("/api/dashboard", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 200
    dashboard = answer.json()
    assert dashboard["me"]["roles"] == ["Admin", "User"]
    assert {service["name"]: service["status"] for service in dashboard["system"]["services"]} == {
        "issuer": "up",
        "api": "up",
    }


async def test_the_internal_port_shows_the_metrics_of_both_services(paseport: Running) -> None:
    async with httpx.AsyncClient(base_url=paseport.internal_url, trust_env=False) as http:
        issuer, api = await http.get("/metrics"), await http.get("/api/metrics")
        page = await http.get("/", headers=BROWSER)

    assert 'service="issuer"' in issuer.text
    assert 'service="api"' in api.text
    assert page.status_code == 404


async def test_the_internal_port_gives_a_token_for_the_secret_of_the_installation_only(
    installation: Installation, paseport: Running
) -> None:
    right = (installation.data / "cli-secret").read_text().strip()
    others = [right[:-1], right.upper(), (installation.data / "service-secret").read_text().strip()]

    async with httpx.AsyncClient(base_url=paseport.internal_url, trust_env=False) as http:

        async def ask(secret: str) -> httpx.Response:
            return await http.post("/internal/v1/cli-token", headers={"Authorization": f"Bearer {secret}"})

        granted, refused = await ask(right), [await ask(secret) for secret in others]

    assert granted.status_code == 200
    assert granted.json()["expires_in"] == 60
    assert {answer.status_code for answer in refused} == {401}


async def test_neither_port_says_what_serves_it(paseport: Running, browser: httpx.AsyncClient) -> None:
    for url in (f"{paseport.url}/", f"{paseport.url}/health/live", f"{paseport.internal_url}/metrics"):
        assert "server" not in (await browser.get(url)).headers


async def test_the_built_app_states_a_policy_without_inline_scripts(browser: httpx.AsyncClient) -> None:
    """BF-13, on the real build: header and page agree, the interface documents alone may set inline styles."""
    page, documents = await browser.get("/login", headers=BROWSER), await browser.get("/swagger-ui/")
    policy, wider = (answer.headers["content-security-policy"] for answer in (page, documents))

    assert "frame-ancestors 'none'" in policy
    assert "frame-ancestors 'none'" in wider
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy
    assert wider.count("'unsafe-inline'") == 1
    assert "style-src 'self' 'unsafe-inline'" in wider
    assert policy.replace("; frame-ancestors 'none'", "") in page.text


async def test_the_built_app_holds_no_source_map(browser: httpx.AsyncClient) -> None:
    """BF-13."""
    page = (await browser.get("/", headers=BROWSER)).text
    scripts = re.findall(r'"(/_app/[^"]+\.js)"', page)

    for path in scripts:
        assert "sourceMappingURL=" not in (await browser.get(path)).text, path
        assert (await browser.get(f"{path}.map")).status_code == 404
    assert scripts


async def test_the_example_of_the_readme_runs_as_written(
    installation: Installation, paseport: Running, browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    """A stranger's service, in a process of its own, and the commands before it: only the address is this test's."""
    (example,) = re.findall(r"^```python\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    program = tmp_path / "whoami.py"
    program.write_text(example.replace("http://localhost:8080", paseport.url))
    (audience,) = re.findall(r'audience="([^"]+)"', example)
    verifier = (await installation.run("verifiers", "create", "Reports", "--audience", audience, "--json")).json()
    client = ["--name", "Nightly", "--grant", "client_credentials", "--audience", audience, "--json"]
    nightly = (await installation.run("clients", "create", "nightly", *client)).json()
    credential = ("nightly", nightly["client_secret"])
    grant = {"grant_type": "client_credentials", "resource": audience}
    token = (await browser.post("/oauth2/token", auth=credential, data=grant)).json()["access_token"]

    async def run(presented: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(program),
            presented,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "ID": verifier["client_id"], "SECRET": verifier["client_secret"]},
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    good = await run(token)
    changed = await run(f"{token}x")
    await browser.post("/oauth2/revoke", auth=credential, data={"token": token})
    revoked = await run(token)

    assert good[:2] == (0, "nightly\n")
    for code, _, said in (changed, revoked):
        assert code != 0
        assert "paseport.errors.InvalidToken: The access token is not valid." in said
