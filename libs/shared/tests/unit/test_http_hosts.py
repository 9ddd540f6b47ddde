"""Which host names are served (AZ-25, FA-14)."""

from typing import Any

import pytest
from http_support import client, problem, service
from litestar import get


@get("/")
async def show() -> str:
    return "served"


async def status_for(hosts: list[bytes], *, listed: tuple[str, ...] = ("auth.example.com",), path: str = "/") -> int:
    """Send exactly these Host headers: a client library would mend them."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", host) for host in hosts],
        "client": ("192.0.2.7", 1),
        "server": ("auth.example.com", 443),
        "scheme": "https",
        "http_version": "1.1",
        "root_path": "",
    }
    await service(show, allowed_hosts=listed)(scope, receive, send)
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize("host", [b"auth.example.com", b"AUTH.example.COM", b"auth.example.com:443"])
async def test_a_listed_host_is_served(host: bytes) -> None:
    assert await status_for([host]) == 200


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param([], id="absent"),
        pytest.param([b""], id="empty"),
        pytest.param([b"auth.example.com", b"auth.example.com"], id="twice"),
        pytest.param([b"evil.example"], id="another"),
        pytest.param([b"auth.example.com.evil.example"], id="a longer one"),
        pytest.param([b"evil-auth.example.com"], id="one that ends alike"),
        pytest.param([b"auth.example.com:8443"], id="another port"),
        pytest.param([b"auth.example.com."], id="trailing dot"),
        pytest.param([b"auth.example.com/"], id="slash"),
        pytest.param([b"auth.example.com?x"], id="query"),
        pytest.param([b"auth.example.com#x"], id="fragment"),
        pytest.param([b"user@auth.example.com"], id="credentials"),
        pytest.param([b" auth.example.com"], id="space"),
        pytest.param([b"auth.example.com\xff"], id="no ASCII"),
    ],
)
async def test_any_other_host_header_is_refused(hosts: list[bytes]) -> None:
    assert await status_for(hosts) == 400


async def test_the_refusal_is_a_problem() -> None:
    async with client(service(show)) as anybody:
        answer = await anybody.get("/", headers={"Host": "evil.example"})

    assert problem(answer)["code"] == "unlisted_host"
    assert "evil.example" not in answer.text


async def test_forwarded_host_changes_nothing() -> None:
    async with client(service(show)) as anybody:
        answer = await anybody.get("/", headers={"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"})

    assert answer.text == "served"


async def test_a_port_of_its_own_has_to_be_listed_and_covers_no_other() -> None:
    listed = ("localhost:8080", "[::1]:8080", "[::1]")

    assert await status_for([b"localhost:8080"], listed=listed) == 200
    assert await status_for([b"[::1]:8080"], listed=listed) == 200
    assert await status_for([b"[::1]:80"], listed=listed) == 200
    assert await status_for([b"localhost"], listed=listed) == 400


@pytest.mark.parametrize("target", ["https://auth.example.com/", "*", ""])
async def test_a_request_target_that_is_no_path_is_refused(target: str) -> None:
    """FA-14: the absolute form names a host of its own."""
    assert await status_for([b"auth.example.com"], path=target) == 400


async def test_without_a_list_any_host_is_served() -> None:
    async with client(service(show, allowed_hosts=None)) as anybody:
        answer = await anybody.get("/", headers={"Host": "10.1.2.3:3010"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", [b"", b"x:y", b"x:99999", b"x:", b"a b", b"[", b"[::1", b"a@b", b"a/b", b"\xff", b"a,b"]
)
async def test_without_a_list_what_is_no_host_is_still_refused(host: bytes) -> None:
    """AD-16, FA-14: a port of nobody's business must not become an error of ours."""
    async with client(service(show, allowed_hosts=None)) as anybody:
        answer = await anybody.get("/", headers=[(b"Host", host)])

    assert (answer.status_code, answer.json()["code"]) == (400, "unlisted_host")


async def test_an_empty_list_serves_nobody() -> None:
    async with client(service(show, allowed_hosts=())) as anybody:
        answer = await anybody.get("/")

    assert answer.status_code == 400
