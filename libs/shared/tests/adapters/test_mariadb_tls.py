"""The line to MariaDB: encrypted and to the right server, or none at all."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from contracts.record_samples import a_user, add_users, an_id, get_user
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord, SqlRecordTransaction
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.mariadb import MariaDb
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

pytestmark = pytest.mark.each_event_loop


class EncryptingMariaDb(MariaDb):
    """A server with a certificate for localhost and 127.0.0.1."""

    certificates: Certificates

    def _arguments(self) -> list[str]:
        mine = self.certificates
        return [
            *super()._arguments(),
            f"--ssl-cert={mine.certificate}",
            f"--ssl-key={mine.key}",
            f"--ssl-ca={mine.ca}",
        ]


@pytest.fixture(scope="module")
def encrypting(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[EncryptingMariaDb]:
    EncryptingMariaDb.certificates = certificates
    with EncryptingMariaDb(tmp_path_factory.mktemp("encrypting-mariadb")) as server:
        url = server.create_database("paseport")
        asyncio.run(migrations.upgrade(url))
        # Whoever does not encrypt is turned away, and some users need a certificate of their own.
        server.execute(
            f"ALTER USER '{server.user}'@'%' REQUIRE SSL",
            "CREATE USER 'certified'@'%' IDENTIFIED BY 'password' REQUIRE X509",
            "GRANT ALL ON paseport.* TO 'certified'@'%'",
        )
        yield server


@pytest.fixture
def url(encrypting: EncryptingMariaDb, certificates: Certificates) -> str:
    encrypting.execute("DELETE FROM paseport.users")
    return f"{encrypting.url('paseport')}?ssl_ca={certificates.ca}"


@pytest.fixture
async def engines() -> AsyncIterator[list[AsyncEngine]]:
    """What is put in here is closed in the end."""
    engines: list[AsyncEngine] = []
    yield engines
    for engine in engines:
        await engine.dispose()


def record_at(engines: list[AsyncEngine], url: str) -> SqlRecord:
    engines.append(create_engine_for(url))
    return SqlRecord(engines[-1])


async def test_with_its_authority_named_the_server_is_spoken_to_in_secret(url: str, engines: list[AsyncEngine]) -> None:
    record = record_at(engines, url)

    await add_users(record, a_user(1))
    cipher, version = await record.transact(what_is_encrypted)

    assert await get_user(record, an_id(1)) == a_user(1)
    assert cipher != ""
    assert version in {"TLSv1.2", "TLSv1.3"}


async def test_the_name_of_the_host_is_checked_as_well_as_its_address(url: str, engines: list[AsyncEngine]) -> None:
    await record_at(engines, with_changes(url, host="localhost")).ping()


async def test_a_server_of_another_name_is_refused(url: str, engines: list[AsyncEngine]) -> None:
    """The certificate is good and is somebody else's: 127.1 is this machine too, but not what it says."""
    await assert_refused(record_at(engines, with_changes(url, host="127.1")))


async def test_a_server_with_a_certificate_of_another_authority_is_refused(
    url: str, engines: list[AsyncEngine], tmp_path: Path
) -> None:
    stranger = Certificates(tmp_path / "stranger")

    await assert_refused(record_at(engines, with_changes(url, ssl_ca=str(stranger.ca))))


async def test_a_server_that_does_not_encrypt_is_refused_and_learns_no_password(
    database_url: str, certificates: Certificates, engines: list[AsyncEngine]
) -> None:
    """No going back to plain text, whoever sits in the line and says that encryption is not to be had."""
    record = record_at(engines, f"{database_url}?ssl_ca={certificates.ca}")

    with pytest.raises(Unavailable):
        await record.ping()


async def test_a_server_that_asks_for_a_certificate_gets_ours(
    url: str, engines: list[AsyncEngine], certificates: Certificates
) -> None:
    without = with_changes(url, username="certified", password="password")
    ours = with_changes(without, ssl_cert=str(certificates.certificate), ssl_key=str(certificates.key))

    await record_at(engines, ours).ping()
    with pytest.raises(Unavailable):
        await record_at(engines, without).ping()


async def test_without_an_authority_nothing_is_encrypted(database_url: str, engines: list[AsyncEngine]) -> None:
    assert await record_at(engines, database_url).transact(what_is_encrypted) == ("", "")


async def test_an_encrypted_line_that_stands_still_costs_the_deadline_and_no_connection(
    encrypting: EncryptingMariaDb, url: str, engines: list[AsyncEngine]
) -> None:
    """FT-09: the end of an encrypted connection is a conversation, and a server that hangs does not answer."""
    record = record_at(engines, url)
    await asyncio.gather(*(record.ping() for _ in range(10)))

    encrypting.pause()
    begun = time.monotonic()
    outcomes = await asyncio.gather(*(record.ping() for _ in range(10)), return_exceptions=True)
    took = time.monotonic() - begun
    encrypting.resume()

    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 10
    assert took < 3.5
    await record.ping()
    assert (record.in_use, checked_out(engines[0])) == (0, 0)


async def test_a_refusal_over_an_encrypted_line_that_stands_still_gives_its_connection_back(
    encrypting: EncryptingMariaDb, url: str, engines: list[AsyncEngine]
) -> None:
    record = record_at(engines, url)

    async def work(transaction: RecordTransaction) -> None:
        await transaction.users.add(a_user(1))
        encrypting.pause()
        raise KeyError

    begun = time.monotonic()
    with pytest.raises(KeyError):
        await record.transact(work)
    took = time.monotonic() - begun
    encrypting.resume()

    assert took < 2.5
    assert (record.in_use, checked_out(engines[0])) == (0, 0)
    assert await record.transact(lambda transaction: transaction.users.find_by_login("user1")) is None


@pytest.mark.parametrize(
    "query",
    [
        "ssl_ca=/no/such/file",
        "ssl_cert=/a/certificate",
        "ssl_ca={ca}&ssl_cert={ca}",
        "ssl_ca={ca}&ssl_cert={ca}&ssl_key={ca}",
        "ssl_ca={ca}&ssl_check_hostname=false",
        "ssl_verify_cert=false",
        "init_command=SET%20sql_mode=''",
        "local_infile=1",
    ],
)
async def test_an_operator_whose_url_would_weaken_the_line_is_told_so(certificates: Certificates, query: str) -> None:
    with pytest.raises(ValueError, match=r"ssl_ca|certificates"):
        create_engine_for(f"mariadb://user:secret@host/database?{query.format(ca=certificates.ca)}")


async def assert_refused(record: SqlRecord) -> None:
    with pytest.raises(Unavailable) as refusal:
        await record.ping()
    assert refusal.value.reason == "the record failed: OperationalError 2003 (SSLCertVerificationError)"


async def what_is_encrypted(transaction: RecordTransaction) -> tuple[str, str]:
    """The cipher and the version of the protocol; empty where there is none."""
    assert isinstance(transaction, SqlRecordTransaction)
    rows = await transaction.session.execute(sa.text("SHOW SESSION STATUS WHERE variable_name LIKE 'Ssl_%'"))
    status: dict[str, str] = {row[0]: row[1] for row in rows}
    return status["Ssl_cipher"], status["Ssl_version"]


def with_changes(url: str, **changes: Any) -> str:
    """The URL with other parts or options."""
    parsed = make_url(url)
    options = {name: changes.pop(name) for name in [*changes] if name.startswith("ssl_")}
    return parsed.set(**changes).update_query_dict(options).render_as_string(hide_password=False)


def checked_out(engine: AsyncEngine) -> int:
    """How many connections are not in the pool."""
    pool = engine.sync_engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()
