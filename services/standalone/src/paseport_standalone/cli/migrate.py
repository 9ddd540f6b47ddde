"""``paseport migrate``."""

from __future__ import annotations

import asyncio

from paseport_standalone.cli.errors import CommandFailed
from paseport_standalone.cli.options import Json
from paseport_standalone.cli.output import Output
from paseport_standalone.data_folder import DataFolder, DataFolderProblem
from paseport_standalone.settings import find_data_folder


def migrate(*, json: Json = False) -> None:
    """Bring the database of the data folder to the tables that this version needs. `run` does it too."""
    output = Output(as_json=json)
    before, after = asyncio.run(_migrate(find_data_folder()))
    output.document({"before": before, "after": after})
    change = " already" if before == after else f", it was {f'at {before}' if before else 'new'}"
    output.say(f"The database is at revision {after}{change}.")


async def _migrate(folder: DataFolder) -> tuple[str | None, str | None]:
    # Alembic takes its time to load, and no other command needs it.
    from paseport_shared.adapters.sql import migrations
    from paseport_shared.adapters.system.randomness import SystemRandomness
    from paseport_shared.domain.errors import Unavailable

    try:
        folder.create()
        # Before there is a database: one without a pepper looks like one whose pepper was lost.
        folder.load_secrets(SystemRandomness())
        before = await migrations.current(folder.database_url)
        await migrations.upgrade(folder.database_url)
        return before, await migrations.current(folder.database_url)
    except DataFolderProblem as error:
        raise CommandFailed("data_folder_problem", str(error)) from error
    except Unavailable as error:
        raise CommandFailed("database_unavailable", error.reason) from error
