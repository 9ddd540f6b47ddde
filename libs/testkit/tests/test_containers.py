"""Whether a server runs as a process or in a container. No container is started here: it takes an engine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paseport_testkit.harness import containers
from paseport_testkit.harness.containers import IMAGES, engine_answers, run_in_container
from paseport_testkit.harness.process import ServerFailed
from paseport_testkit.harness.programs import VAULT
from paseport_testkit.harness.repository import ROOT


@pytest.fixture(autouse=True)
def no_choice_made_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("PASEPORT_TEST_CONTAINERS", raising=False)
    engine_answers.cache_clear()
    yield
    engine_answers.cache_clear()


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nobody.sock'}")


@pytest.fixture
def silent_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A socket that accepts every connection and never says a word."""
    path = tmp_path / "docker.sock"
    held: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def accept() -> None:
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield
        listener.shutdown(socket.SHUT_RDWR)
    for connection in held:
        connection.close()


@pytest.fixture
def an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the choice sees where an engine answers; this machine may have none."""
    monkeypatch.setattr(containers, "engine_answers", lambda: True)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PASEPORT_CACHE", str(tmp_path))
    monkeypatch.setattr("paseport_testkit.harness.programs._SERVER_FOLDERS", ())


@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_nothing_runs_in_a_container() -> None:
    assert not engine_answers()
    assert not run_in_container("redis-server")


@pytest.mark.usefixtures("silent_engine")
def test_an_engine_that_does_not_answer_is_given_up_within_seconds() -> None:
    begun = time.monotonic()

    assert not engine_answers()

    assert time.monotonic() - begun < 10


@pytest.mark.usefixtures("an_engine")
def test_a_program_that_is_installed_runs_as_a_process_even_where_an_engine_answers() -> None:
    assert not run_in_container("redis-server")


@pytest.mark.usefixtures("an_engine", "nothing_installed")
@pytest.mark.parametrize("program", IMAGES)
def test_what_is_not_installed_runs_in_a_container_where_an_engine_answers(program: str) -> None:
    assert run_in_container(program)


@pytest.mark.usefixtures("an_engine", "nothing_installed")
@pytest.mark.parametrize("program", ["nginx", "faketime"])
def test_a_program_without_an_image_has_to_be_installed(program: str) -> None:
    assert not run_in_container(program)


@pytest.mark.usefixtures("an_engine")
def test_containers_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASEPORT_TEST_CONTAINERS", "1")

    assert run_in_container(VAULT)


@pytest.mark.usefixtures("no_engine")
def test_asking_for_containers_without_an_engine_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASEPORT_TEST_CONTAINERS", "1")

    with pytest.raises(ServerFailed, match="no Docker engine answers"):
        run_in_container("redis-server")


def test_the_images_are_those_of_the_compose_file() -> None:
    compose = (ROOT / "docker" / "docker-compose.yml").read_text()

    for program in ("mariadbd", "mariadb-install-db", "redis-server", VAULT):
        image, _ = IMAGES[program]
        assert f"image: {image}\n" in compose
