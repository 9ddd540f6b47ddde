"""``python -m paseport_api``: the api as a process of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import paseport_shared.lean  # noqa: F401 - before all that it is about
from paseport_shared.http.process import Listening, ServiceApps, cannot_start, run_service
from paseport_shared.settings import SettingsProblems, load_settings

from paseport_api.production import open_api
from paseport_api.settings import ProductionSettings


def main() -> int:
    """Serve until SIGTERM or SIGINT. Returns 1, after a line for each problem, where it cannot start."""
    try:
        settings = load_settings(ProductionSettings)
    except SettingsProblems as error:
        return cannot_start("api", *(str(problem) for problem in error.problems))
    listening = Listening(
        settings.server.server_host, settings.server_port, settings.internal_port, settings.server.log_level
    )
    return run_service("api", listening, lambda: _open(settings))


@asynccontextmanager
async def _open(settings: ProductionSettings) -> AsyncIterator[ServiceApps]:
    async with open_api(settings) as api:
        yield ServiceApps(api.public_app(), api.internal_app())


if __name__ == "__main__":
    sys.exit(main())
