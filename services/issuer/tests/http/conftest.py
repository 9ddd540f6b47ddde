"""The issuer over HTTP, beside real identity providers."""

from __future__ import annotations

import pytest
from paseport_testkit.harness.upstream import Upstream, UpstreamClient
from upstream_sign_in import register_issuer


@pytest.fixture(scope="session")
def client(upstream: Upstream) -> UpstreamClient:
    """What the issuer is at the providers. It outlives tests, as clients there do."""
    return register_issuer(upstream)
