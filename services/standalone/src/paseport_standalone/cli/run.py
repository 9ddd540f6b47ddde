"""``paseport run``."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import ExitStack
from typing import Final

import structlog
import uvloop
from paseport_shared.domain.errors import Unavailable
from paseport_shared.settings import SettingsProblems

from paseport_standalone import ports
from paseport_standalone.app_build import AppBuild, AppBuildProblem, load_app_build
from paseport_standalone.cli.errors import CommandFailed, FieldError
from paseport_standalone.cli.options import Json
from paseport_standalone.cli.output import Output
from paseport_standalone.data_folder import AlreadyRunning, DataFolder, DataFolderProblem, Runtime
from paseport_standalone.settings import EmbeddedSettings, load_settings

_WHAT_THIS_IS_NOT: Final = (
    "What this mode is not: production. It speaks plain http on this machine only, keeps its signing key in a file, "
    "and a restart ends all sessions."
)


def run(*, json: Json = False) -> None:
    """Serve Paseport in one process on http://localhost:8080, until Ctrl-C.

    Data lives in PASEPORT_DATA_DIR: where that is not set, in var/embedded of a source checkout, else in
    $XDG_DATA_HOME/paseport (~/.local/share/paseport). Ports: SERVER_PORT (8080) and PASEPORT_INTERNAL_PORT (8081).
    The first administrator: PASEPORT_ADMIN_EMAIL and PASEPORT_ADMIN_PASSWORD; without a password one is generated and
    printed once. Also: LOG_LEVEL, PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS, PASEPORT_PASSWORD_WORK_FACTOR,
    PASEPORT_APP_DIR.
    """
    output = Output(as_json=json)
    try:
        settings = load_settings()
        build = load_app_build(settings.app_dir)
        folder = DataFolder(settings.data_dir)
        folder.create()
        with ExitStack() as stack:
            stack.enter_context(folder.lock())
            # Both ports are taken before anything is made or said: a start that cannot succeed leaves nothing behind.
            public = stack.enter_context(ports.listen(settings.server_port, "SERVER_PORT"))
            internal = stack.enter_context(ports.listen(settings.internal_port, "PASEPORT_INTERNAL_PORT"))
            uvloop.run(_serve(settings, build, folder, public, internal, output))
    except SettingsProblems as error:
        fields = [FieldError(problem.name, "setting", problem.message) for problem in error.problems]
        raise CommandFailed("settings_problem", "Some settings cannot be used.", errors=fields) from error
    except AppBuildProblem as error:
        raise CommandFailed("app_not_built", str(error)) from error
    except AlreadyRunning as error:
        raise CommandFailed("already_running", str(error)) from error
    except DataFolderProblem as error:
        raise CommandFailed("data_folder_problem", str(error)) from error
    except ports.PortTaken as error:
        raise CommandFailed("port_taken", str(error)) from error


async def _serve(
    settings: EmbeddedSettings,
    build: AppBuild,
    folder: DataFolder,
    public: socket.socket,
    internal: socket.socket,
    output: Output,
) -> None:
    # Both services and the SQL toolkit: a second of imports that a mistake in the settings should not cost.
    from paseport_shared.adapters.keyfile.problem import KeyFileProblem
    from paseport_shared.http.logging import configure_logging
    from paseport_shared.http.process import CannotStart
    from paseport_shared.http.server import serve, spare_what_lasts, stop_on_signals

    from paseport_standalone.embedded import open_embedded

    # Standard output belongs to the command: what is printed once must not be collected with the log.
    configure_logging(settings.log_level, sys.stderr.buffer)
    stop = asyncio.Event()
    stop_on_signals(stop)
    port, internal_port = public.getsockname()[1], internal.getsockname()[1]
    runtime = Runtime(os.getpid(), ports.origin_of(port), f"http://{ports.HOST}:{internal_port}")
    try:
        async with open_embedded(settings, folder, build, port, internal_port) as embedded:
            with folder.announce(runtime):
                admin = embedded.first_admin
                document: dict[str, object] = {
                    "url": runtime.public_url,
                    "internal_url": runtime.internal_url,
                }
                first_admin: dict[str, str | None] | None = None
                output.say(f"Paseport serves {runtime.public_url}  (data: {folder.path})")
                if admin is not None:
                    password = admin.generated_password
                    shown = password.reveal() if password else None
                    first_admin = {"username": admin.username, "password": shown}
                    output.say(
                        f"First administrator: {admin.username}, with the password of PASEPORT_ADMIN_PASSWORD."
                        if shown is None
                        else f"First administrator: {admin.username}, password: {shown}  (shown only now)"
                    )
                output.say(_WHAT_THIS_IS_NOT)
                output.document(document | {"first_admin": first_admin})
                structlog.get_logger(__name__).info("started", url=runtime.public_url, note=_WHAT_THIS_IS_NOT)
                spare_what_lasts()
                await serve([(embedded.public, public), (embedded.internal, internal)], stop)
    except CannotStart as error:
        what, *lines = str(error).splitlines()
        errors = [FieldError(where, "line", message) for where, _, message in (line.partition(": ") for line in lines)]
        raise CommandFailed("cannot_start", f"{what[:1].upper()}{what[1:]}.", errors=errors) from error
    except KeyFileProblem as error:
        raise CommandFailed("key_file_problem", str(error)) from error
    except Unavailable as error:
        raise CommandFailed("database_unavailable", f"The database cannot be used: {error.reason}") from error
