"""MariaDB as tests of failures use it."""

from __future__ import annotations

import asyncmy
import pytest
from paseport_testkit.harness.mariadb import MariaDb


@pytest.mark.parametrize("end", [MariaDb.kill, MariaDb.stop])
def test_it_comes_back_with_its_data_at_the_same_address(mariadb: MariaDb, database_url: str, end: object) -> None:
    assert callable(end)
    name = database_url.rsplit("/", 1)[1]
    mariadb.execute(f"USE {name}", "CREATE TABLE notes (note TEXT)", "INSERT INTO notes VALUES ('kept')")
    port = mariadb.port

    end(mariadb)
    assert not mariadb.process.is_running
    mariadb.start()

    assert mariadb.port == port
    assert mariadb.execute(f"USE {name}", "SELECT note FROM notes") == (("kept",),)


def test_what_a_test_did_to_it_is_undone(mariadb: MariaDb) -> None:
    mariadb.pause()

    mariadb.restore()

    assert mariadb.execute("SELECT 1") == ((1,),)


def test_the_user_of_the_product_has_its_own_databases_only(mariadb: MariaDb, database_url: str) -> None:
    name = database_url.rsplit("/", 1)[1]

    grants = [row[0] for row in mariadb.execute(f"SHOW GRANTS FOR '{mariadb.user}'@'%'")]

    assert any(grant.startswith("GRANT USAGE ON *.*") for grant in grants)
    assert any(f"GRANT ALL PRIVILEGES ON `{name}`.*" in grant for grant in grants)
    assert not any("GRANT OPTION" in grant or "SUPER" in grant for grant in grants)


async def test_a_database_can_be_removed_while_a_transaction_is_open_in_it(mariadb: MariaDb) -> None:
    mariadb.create_database("busy")
    mariadb.execute("CREATE TABLE busy.notes (note TEXT)")
    user = await asyncmy.connect(
        host=mariadb.host, port=mariadb.port, user=mariadb.user, password=mariadb.password, database="busy"
    )
    try:
        async with user.cursor() as cursor:
            await cursor.execute("INSERT INTO notes VALUES ('not committed')")

            mariadb.drop_database("busy")
    finally:
        user.close()

    assert mariadb.execute("SHOW DATABASES LIKE 'busy'") == ()
