"""The pytest plugin: real services as fixtures. Each starts at its first use and ends with the run, or says when.

What a test does to a service (kill, pause, seal) is undone after the test, before the next one begins.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NoReturn, Protocol, TypeVar

import pytest

from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.mariadb import MariaDb
from paseport_testkit.harness.nginx import write_bare_app
from paseport_testkit.harness.programs import MissingPrograms
from paseport_testkit.harness.redis import RedisCluster, RedisNode
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.toxiproxy import Toxiproxy
from paseport_testkit.harness.upstream import Upstream
from paseport_testkit.harness.vault import DevVault, SealableVault

_RUNNING: Final = pytest.StashKey[list[tuple[str | None, "_Restorable"]]]()
"""Each with the fixture that gives it, unless a test itself does."""
_LEFT_OUT: Final = pytest.StashKey[set[str]]()


class _Restorable(Protocol):
    @property
    def is_disturbed(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def restore(self) -> None: ...


_Service = TypeVar("_Service", bound=_Restorable)


def _start(service: _Restorable) -> None:
    service.start()


@pytest.fixture(scope="session")
def mariadb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    """A MariaDB server. Most tests want ``database_url`` instead."""
    yield from running_service(request, "mariadb", lambda: MariaDb(tmp_path_factory.mktemp("mariadb")))


@pytest.fixture(scope="session")
def redis_node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisNode]:
    """A single Redis node, as REDIS_URL names one."""
    yield from running_service(request, "redis", lambda: RedisNode(tmp_path_factory.mktemp("redis")))


@pytest.fixture(scope="session")
def redis_cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A Redis primary with two replicas and three Sentinels."""
    yield from running_service(request, "redis-cluster", lambda: RedisCluster(tmp_path_factory.mktemp("redis-cluster")))


@pytest.fixture(scope="session")
def partitionable_redis(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisCluster]:
    """The same with a network between its parts that can be cut; each command takes a little longer."""
    folder = tmp_path_factory.mktemp("partitionable-redis")
    yield from running_service(request, "redis-cluster", lambda: RedisCluster(folder, partitionable=True))


@pytest.fixture(scope="session")
def vault(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevVault]:
    """A Vault in dev mode with the product's keys."""
    yield from running_service(request, "vault", lambda: DevVault(tmp_path_factory.mktemp("vault")))


@pytest.fixture(scope="session")
def sealable_vault(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealableVault]:
    """A Vault on disk with the product's keys, unsealed."""
    folder = tmp_path_factory.mktemp("sealable-vault")
    yield from running_service(request, "vault", lambda: SealableVault(folder), begin=SealableVault.open)


@pytest.fixture(scope="session")
def toxiproxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toxiproxy]:
    """A proxy for bad links. Links are a test's own: they are gone after it."""
    yield from running_service(request, "toxiproxy", lambda: Toxiproxy(tmp_path_factory.mktemp("toxiproxy")))


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation with two issuers and two apis, whose links and whose Redis network can be cut.

    It ends with the tests of the file: it takes an eighth of a processor while nobody asks it anything.
    """
    folder = tmp_path_factory.mktemp("installation")
    app = write_bare_app(folder / "app")
    yield from running_service(
        request,
        "the whole installation",
        lambda: Stack(
            folder / "stack",
            issuers=2,
            apis=2,
            links=True,
            partitionable=True,
            app=app,
            settings={"PASEPORT_PASSWORD_WORK_FACTOR": "10"},
        ),
    )


@pytest.fixture(scope="session")
def upstream(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[Upstream]:
    """Identity providers to sign in with. They do right again, and know nobody any more, after the test."""
    yield from running_service(request, "upstream", lambda: Upstream(tmp_path_factory.mktemp("upstream"), certificates))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate authority and its certificate for localhost."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def database_url(mariadb: MariaDb) -> Iterator[str]:
    """The address of an empty database of this test's own, as MARIADB_URL takes it."""
    name = f"test_{secrets.token_hex(6)}"
    yield mariadb.create_database(name)
    mariadb.restore()
    mariadb.drop_database(name)


@pytest.fixture
def redis_namespace() -> str:
    """A prefix that no other test uses."""
    return f"test-{secrets.token_hex(6)}:"


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing running."""
    config.stash[_RUNNING] = []
    config.stash[_LEFT_OUT] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Undo what the test did to a service. After a test that did not ask for it, only what is visibly down counts."""
    yield
    asked_for = {None, *getattr(item, "fixturenames", ())}
    for fixture, service in item.config.stash[_RUNNING]:
        if fixture in asked_for or service.is_disturbed:
            service.restore()


def running_service(
    request: pytest.FixtureRequest,
    name: str,
    make: Callable[[], _Service],
    begin: Callable[[_Service], None] = _start,
) -> Iterator[_Service]:
    """Begin a service, give it to a fixture, and stop it; between tests it is restored.

    Where programs that it needs are missing, the tests on it fail, or are left out if the caller allowed that.
    """
    try:
        service = make()
    except MissingPrograms as missing:
        _leave_out(request.config, f"every test on {name} (missing: {', '.join(missing.names)})", missing)
    running = request.config.stash[_RUNNING]
    entry = (request.fixturename, service)
    try:
        begin(service)
        running.append(entry)
        yield service
    finally:
        if entry in running:
            running.remove(entry)
        service.stop()


def _leave_out(config: pytest.Config, what: str, missing: MissingPrograms) -> NoReturn:
    """Skip where the caller allowed it, and write down what did not run; fail otherwise (tools/lib.sh has the rule)."""
    if os.environ.get("ALLOW_MISSING_SERVICES") != "1":
        raise missing
    if os.environ.get("CI") == "true":
        raise pytest.UsageError("ALLOW_MISSING_SERVICES is refused in CI: a test that was left out proves nothing")
    log = os.environ.get("SKIPPED_LOG")
    if log and what not in config.stash[_LEFT_OUT]:
        config.stash[_LEFT_OUT].add(what)
        with Path(log).open("a", encoding="utf-8") as lines:
            lines.write(f"{what}\n")
    pytest.skip(what)
