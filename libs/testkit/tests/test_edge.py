"""The edge runs on this machine as it does in a container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.nginx import Edge, write_bare_app
from paseport_testkit.harness.ports import HOST, free_ports


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Edge]:
    """An edge with an app of one page, whose services are down."""
    app = write_bare_app(tmp_path_factory.mktemp("app"))
    issuer, api = free_ports(2)
    folder = tmp_path_factory.mktemp("edge")
    with Edge(folder, issuers=[(HOST, issuer)], apis=[(HOST, api)], certificates=certificates, app=app) as edge:
        yield edge


def test_the_app_is_served_over_https_to_whoever_trusts_the_authority(edge: Edge) -> None:
    answer = httpx.get(f"{edge.origin}/", headers={"Accept": "text/html"}, verify=edge.tls())

    assert "<title>Paseport</title>" in answer.text


def test_a_stranger_does_not_trust_the_authority(edge: Edge) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{edge.origin}/")


def test_a_service_that_is_down_is_a_problem_with_its_own_request_id(edge: Edge) -> None:
    answer = httpx.get(f"{edge.origin}/auth/v1/login", verify=edge.tls())

    assert answer.status_code == 502
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_the_private_key_is_the_owners_alone(certificates: Certificates) -> None:
    assert certificates.key.stat().st_mode & 0o077 == 0


def test_two_authorities_have_nothing_in_common(tmp_path: Path, certificates: Certificates) -> None:
    assert Certificates(tmp_path).ca.read_bytes() != certificates.ca.read_bytes()
