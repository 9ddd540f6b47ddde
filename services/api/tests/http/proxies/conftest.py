"""Real proxies in front of echo services, and who decides about their requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from guarded_services import Authorizer, GuardedServices, wait_for
from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.proxies import Proxy
from paseport_testkit.services import running_service
from proxy_corpus import APP


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedServices]:
    services = GuardedServices()
    services.start()
    yield services
    services.stop()


@pytest.fixture(scope="module")
def authorizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorizer]:
    yield from running_service(request, "the api", lambda: Authorizer(tmp_path_factory.mktemp("authorizer")))


@pytest.fixture(scope="module")
def proxy(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authorizer: Authorizer,
    guarded: GuardedServices,
    certificates: Certificates,
) -> Iterator[Proxy]:
    """The kind of proxy that the test names as its parameter."""
    kind: type[Proxy] = request.param

    def make() -> Proxy:
        folder = tmp_path_factory.mktemp(kind.name)
        return kind(folder, api=authorizer.address, routes=guarded.routes, certificates=certificates)

    def begin(made: Proxy) -> None:
        made.start()
        wait_for(made, APP)

    yield from running_service(request, kind.name, make, begin)
