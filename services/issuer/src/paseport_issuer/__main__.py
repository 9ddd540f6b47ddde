"""``python -m paseport_issuer``: the issuer as a process of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import paseport_shared.lean  # noqa: F401 - before all that it is about
import structlog
from paseport.secret import Secret
from paseport_shared.adapters.sql.revision import WrongRevision
from paseport_shared.http.process import CannotStart, Listening, ServiceApps, cannot_start, run_service
from paseport_shared.settings import SettingsProblems, load_settings

from paseport_issuer.app import Issuer
from paseport_issuer.production import open_issuer
from paseport_issuer.settings import ProductionSettings

_log = structlog.get_logger(__name__)


def main() -> int:
    """Serve until SIGTERM or SIGINT. Returns 1, after a line for each problem, where it cannot start."""
    try:
        settings = load_settings(ProductionSettings)
    except SettingsProblems as error:
        return cannot_start("issuer", *(str(problem) for problem in error.problems))
    listening = Listening(
        settings.server.server_host, settings.server_port, settings.internal_port, settings.server.log_level
    )
    return run_service("issuer", listening, lambda: _open(settings))


@asynccontextmanager
async def _open(settings: ProductionSettings) -> AsyncIterator[ServiceApps]:
    try:
        async with open_issuer(settings) as issuer:
            if settings.admin_password is not None:
                await _ensure_admin(issuer, settings.admin_email, settings.admin_password)
            yield ServiceApps(issuer.public_app(), issuer.internal_app())
    except WrongRevision as error:
        raise CannotStart(str(error)) from error


async def _ensure_admin(issuer: Issuer, email: str, password: Secret[str]) -> None:
    admin = await issuer.use.ensure_accounts(email=email, password=password)
    if admin is not None:
        _log.info("made the first administrator", username=admin.username)


if __name__ == "__main__":
    sys.exit(main())
