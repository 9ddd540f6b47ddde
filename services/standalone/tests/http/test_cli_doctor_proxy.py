"""``paseport doctor proxy``, used by an operator on a proxy that is well and on one that is careless."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from guarded_services import Authorizer, GuardedServices, wait_for
from guarding_api import KEYS, LOCAL
from installation import Installation
from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.echo import EchoBackend
from paseport_testkit.harness.nginx import Nginx
from paseport_testkit.harness.ports import free_port
from paseport_testkit.harness.proxies import CaddyProxy, EnvoyProxy, NginxProxy, Proxy, TraefikProxy
from paseport_testkit.services import running_service
from proxy_corpus import Caller

CARELESS = """
daemon off;
pid nginx.pid;
events {}
http {
    access_log off;
    underscores_in_headers on;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:%(port)d;
        location = /admin/panel { return 403; }
        location / { proxy_pass http://%(service)s; }
    }
}
"""


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedServices]:
    services = GuardedServices([LOCAL])
    services.start()
    yield services
    services.stop()


@pytest.fixture(scope="module")
def authorizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorizer]:
    yield from running_service(request, "the api", lambda: Authorizer(tmp_path_factory.mktemp("authorizer")))


@pytest.fixture(params=[NginxProxy, CaddyProxy, TraefikProxy, EnvoyProxy], ids=lambda kind: kind.name)
def proxy(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    authorizer: Authorizer,
    guarded: GuardedServices,
    certificates: Certificates,
) -> Iterator[Proxy]:
    kind: type[Proxy] = request.param

    def begin(made: Proxy) -> None:
        made.start()
        wait_for(made, LOCAL)

    def make() -> Proxy:
        return kind(tmp_path / "proxy", api=authorizer.address, routes=guarded.routes, certificates=certificates)

    yield from running_service(request, kind.name, make, begin)


@pytest.fixture
def careless(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A proxy that somebody put together from memory."""
    port = free_port()
    with EchoBackend() as echo:
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(CARELESS % {"port": port, "service": echo.address})
        for _ in running_service(request, "nginx", lambda: Nginx(tmp_path / "nginx", configuration, port)):
            yield f"http://localhost:{port}"


async def test_nothing_gets_through_the_configurations_that_we_ship(
    tmp_path: Path, proxy: Proxy, certificates: Certificates
) -> None:
    """FA-03, FA-04, FA-06, FA-09."""
    ended = await Installation(tmp_path).run(
        *("doctor", "proxy", f"https://localhost:{proxy.port}", "--json"),
        *("--echo-path", "/public/page", "--denied-path", "/admin/panel", "--key-stdin"),
        stdin=f"{KEYS[Caller.USER]}\n",
        SSL_CERT_FILE=str(certificates.ca),
    )

    assert [probe for probe in ended.json().get("probes", [ended.out]) if probe["status"] != "ok"] == []
    report = ended.json()
    assert report["tight"] is True
    assert len(report["probes"]) > 150
    assert {"ok"} == {probe["status"] for probe in report["probes"]}
    assert KEYS[Caller.USER] not in ended.out


async def test_the_doctor_names_what_a_careless_proxy_lets_through(tmp_path: Path, careless: str) -> None:
    ended = await Installation(tmp_path).run(
        *("doctor", "proxy", careless, "--json", "--echo-path", "/echo", "--denied-path", "/admin/panel")
    )

    assert ended.code == 1
    failed = {probe["name"] for probe in ended.json()["probes"] if probe["status"] == "fail"}
    assert {"header 'X-User'", "header 'X_User'", "header 'x-user_id'", "header Remote-User twice"} <= failed
    assert {"header 'X-Original-Url'", "cookie __Host-paseport-edge", "path '//admin/panel;x=1'"} & failed
    assert "path '/admin/panel;x=1'" in failed


async def test_the_doctor_says_in_words_what_leaked_and_where_to_read(tmp_path: Path, careless: str) -> None:
    ended = await Installation(tmp_path).run("doctor", "proxy", careless, "--echo-path", "/echo")

    assert ended.code == 1
    assert "fail header 'X_User': the service receives it" in ended.out
    assert "docs/proxies.md" in ended.out


async def test_without_an_echo_the_doctor_says_nothing_about_a_proxy(tmp_path: Path, careless: str) -> None:
    """A service that shows nothing would make every proxy look well."""
    silent = await Installation(tmp_path).run("doctor", "proxy", careless, "--echo-path", "/admin/panel")
    nobody = await Installation(tmp_path).run("doctor", "proxy", f"http://localhost:{free_port()}")
    passed = await Installation(tmp_path).run(
        "doctor", "proxy", careless, "--echo-path", "/echo", "--denied-path", "/echo"
    )

    assert (silent.code, "--echo-path" in silent.err) == (2, True)
    assert (nobody.code, "Nobody answers" in nobody.err) == (3, True)
    assert (passed.code, "denied to you" in passed.err) == (2, True)


@pytest.mark.parametrize("url", ["app.example.com", "https://app.example.com/path", "ftp://app.example.com"])
async def test_an_address_that_is_no_origin_is_refused(tmp_path: Path, url: str) -> None:
    assert (await Installation(tmp_path).run("doctor", "proxy", url)).code == 2
