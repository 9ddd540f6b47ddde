"""``paseport migrate``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from paseport.secret import Secret
from paseport_shared.settings import Env, SettingsProblems, load_settings

from paseport_standalone.cli.errors import CommandFailed
from paseport_standalone.cli.options import Json
from paseport_standalone.cli.output import Output
from paseport_standalone.data_folder import DataFolder, DataFolderProblem
from paseport_standalone.settings import find_data_folder


class _Installation(msgspec.Struct, frozen=True):
    # Of an installation with a database server. Without it the command is for the data folder.
    url: Annotated[Secret[str] | None, Env("MARIADB_URL", 1)] = None


def migrate(*, json: Json = False) -> None:
    """Bring the database to the tables that this version needs.

    With MARIADB_URL (or MARIADB_URL_FILE) the one of an installation: do this before its issuers start, which refuse
    other tables; issuers of the version before go on with the new ones. Else that of the data folder; `run` does it
    too.
    """
    output = Output(as_json=json)
    try:
        url = load_settings(_Installation).url
    except SettingsProblems as error:
        raise CommandFailed("settings_problem", str(error)) from error
    if url is not None:
        before, after = asyncio.run(_migrate_url(url))
    else:
        before, after = asyncio.run(_migrate_folder(find_data_folder()))
    output.document({"before": before, "after": after})
    change = " already" if before == after else f", it was {f'at {before}' if before else 'new'}"
    output.say(f"The database is at revision {after}{change}.")


async def _migrate_folder(folder: DataFolder) -> tuple[str | None, str | None]:
    # Alembic takes its time to load, and no other command needs it.
    from paseport_shared.adapters.system.randomness import SystemRandomness

    try:
        folder.create()
        # Before there is a database: one without a pepper looks like one whose pepper was lost.
        folder.load_secrets(SystemRandomness())
    except DataFolderProblem as error:
        raise CommandFailed("data_folder_problem", str(error)) from error
    return await _migrate_url(Secret(folder.database_url))


async def _migrate_url(url: Secret[str]) -> tuple[str | None, str | None]:
    from paseport_shared.adapters.sql import migrations, revision
    from paseport_shared.domain.errors import Unavailable

    try:
        before = await migrations.current(url.reveal())
        await migrations.upgrade(url.reveal())
        return before, await migrations.current(url.reveal())
    except Unavailable as error:
        raise CommandFailed("database_unavailable", error.reason) from error
    except (ValueError, revision.WrongRevision) as error:
        raise CommandFailed("database_unusable", str(error)) from error
