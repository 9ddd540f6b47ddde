"""What a service loads takes its place in the memory of each worker."""

import subprocess
import sys

import pytest

SAY_WHAT_IS_LOADED = """
import sys
import {service}.__main__
import httpx
import litestar
import structlog
litestar.Litestar()
print(*(name for name in ("httpx", "litestar", "structlog", "attr", "pydantic", "pygments", "rich", "typer")
        if sys.modules.get(name)))
"""


@pytest.mark.parametrize("service", ["paseport_api", "paseport_issuer"])
def test_a_service_loads_none_of_what_others_would_like(service: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SAY_WHAT_IS_LOADED.format(service=service)], capture_output=True, text=True, check=True
    )

    assert run.stdout.split() == ["httpx", "litestar", "structlog"]
