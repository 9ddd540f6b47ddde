"""The data folder, as the process that serves it, a second one, and the command line see it."""

import os
import stat
from pathlib import Path

import pytest
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_standalone.data_folder import (
    AlreadyRunning,
    DataFolder,
    DataFolderProblem,
    Runtime,
    default_data_folder,
)

RUNTIME = Runtime(os.getpid(), "http://localhost:8080", "http://127.0.0.1:8081")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data" / "paseport")
    folder.create()
    return folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_and_every_secret_in_it_are_for_their_owner_alone(folder: DataFolder) -> None:
    folder.load_secrets(SeededRandomness())

    assert mode_of(folder.path) == 0o700
    assert {mode_of(path) for path in folder.path.iterdir()} == {0o600}


def test_secrets_are_made_once_and_differ_from_each_other(folder: DataFolder) -> None:
    randomness = SeededRandomness()

    first, second = folder.load_secrets(randomness), folder.load_secrets(randomness)

    assert first == second
    values = {first.refresh_key.reveal(), first.password_pepper.reveal()}
    texts = {first.cli_secret.reveal(), first.service_secret.reveal()}
    assert len(values | {bytes.fromhex(text) for text in texts}) == 4
    assert {len(value) for value in values} == {32}


def test_a_file_in_place_of_the_folder_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    for path in (tmp_path / "data", tmp_path / "data" / "below"):
        with pytest.raises(DataFolderProblem, match="PASEPORT_DATA_DIR") as refused:
            DataFolder(path).create()
        assert "\n" not in str(refused.value)


def test_a_folder_that_others_can_change_is_refused(tmp_path: Path) -> None:
    """Who can put a file there can put a key there."""
    tmp_path.chmod(0o770)

    with pytest.raises(DataFolderProblem, match="chmod 700"):
        DataFolder(tmp_path).create()


def test_a_secret_that_others_can_read_is_refused(folder: DataFolder) -> None:
    folder.load_secrets(SeededRandomness())
    folder.refresh_key.chmod(0o644)

    with pytest.raises(DataFolderProblem, match="chmod 600"):
        folder.load_secrets(SeededRandomness())


@pytest.mark.parametrize("content", ["", "abc", "0" * 62, "g" * 64, "\N{FULLWIDTH DIGIT ONE}" * 64])
def test_a_secret_that_is_cut_off_or_foreign_is_refused_without_being_quoted(folder: DataFolder, content: str) -> None:
    folder.load_secrets(SeededRandomness())
    folder.service_secret.write_text(content)

    with pytest.raises(DataFolderProblem, match="32 bytes") as refused:
        folder.load_secrets(SeededRandomness())
    assert not content or content not in str(refused.value)


def test_a_database_without_its_pepper_is_not_given_a_new_one(folder: DataFolder) -> None:
    """All passwords would be wrong from then on, and nobody would know why."""
    folder.load_secrets(SeededRandomness())
    folder.database.touch()
    folder.password_pepper.unlink()

    with pytest.raises(DataFolderProblem, match="backup"):
        folder.load_secrets(SeededRandomness())


def test_one_process_serves_a_folder(folder: DataFolder) -> None:
    other = DataFolder(folder.path)

    with folder.lock(), folder.announce(RUNTIME):
        assert other.is_served()
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}, http://localhost:8080"), other.lock():
            pass

    assert not other.is_served()
    with other.lock():
        assert folder.is_served()


def test_the_command_line_learns_where_the_process_listens_while_it_runs(folder: DataFolder) -> None:
    with folder.lock():
        assert folder.find_runtime() is None
        with folder.announce(RUNTIME):
            assert folder.find_runtime() == RUNTIME
        assert folder.find_runtime() is None


def test_an_address_that_a_killed_process_left_behind_is_not_believed(folder: DataFolder) -> None:
    """Somebody else may listen there by now, and would be sent the command line's secret."""
    with folder.announce(RUNTIME):
        assert folder.find_runtime() is None


def test_looking_whether_a_process_runs_does_not_keep_one_from_starting(folder: DataFolder) -> None:
    with folder.lock():
        pass

    assert not folder.is_served()
    with folder.lock():
        pass


def test_an_installed_package_keeps_its_data_where_the_user_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("paseport_standalone.data_folder.REPOSITORY", tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")

    assert default_data_folder({}) == Path("/home/somebody/.local/share/paseport")
    assert default_data_folder({"XDG_DATA_HOME": "/data"}) == Path("/data/paseport")
    assert default_data_folder({"XDG_DATA_HOME": "relative"}) == Path("/home/somebody/.local/share/paseport")
