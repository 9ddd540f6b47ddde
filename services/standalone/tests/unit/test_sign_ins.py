"""The file of ``paseport login``."""

import stat
from pathlib import Path

import pytest
from paseport_standalone.cli.errors import CommandFailed
from paseport_standalone.cli.sign_ins import SignIn, SignIns

ISSUER = "https://auth.example.com"
ALICE = SignIn("alice", "access-1", 1.0, "refresh-1")
BOB = SignIn("bob", "access-2", 2.0, "refresh-2")


@pytest.fixture
def sign_ins(tmp_path: Path) -> SignIns:
    made = SignIns(tmp_path / "paseport")
    with made.locked():
        return made


def test_a_sign_in_is_kept_for_each_issuer(sign_ins: SignIns) -> None:
    sign_ins.put(ISSUER, ALICE)
    sign_ins.put("https://other.example", BOB)
    sign_ins.put(ISSUER, BOB)
    sign_ins.remove("https://other.example")
    sign_ins.remove("https://never.example")

    assert sign_ins.find(ISSUER) == BOB
    assert sign_ins.find("https://other.example") is None


def test_nobody_else_reads_the_file_and_no_draft_is_left(sign_ins: SignIns, tmp_path: Path) -> None:
    sign_ins.put(ISSUER, ALICE)

    folder = tmp_path / "paseport"
    assert {path.name for path in folder.iterdir()} == {"lock", "sign-ins.json"}
    assert stat.S_IMODE((folder / "sign-ins.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_tokens_are_not_shown_where_a_sign_in_is_printed() -> None:
    """LG-21."""
    assert repr(ALICE) == "SignIn('alice')"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"sign_ins": {"a": {}}}', b"\xff"], ids=str)
def test_a_file_that_cannot_be_read_is_named_and_left_alone(sign_ins: SignIns, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "paseport" / "sign-ins.json"
    path.touch(0o600)
    path.write_bytes(content)

    with pytest.raises(CommandFailed, match=r"sign-ins\.json"):
        sign_ins.put(ISSUER, ALICE)

    assert path.read_bytes() == content


def test_a_link_in_place_of_the_file_is_not_followed(sign_ins: SignIns, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    (tmp_path / "paseport" / "sign-ins.json").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(CommandFailed, match="symbolic link"):
        sign_ins.find(ISSUER)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CommandFailed, match="cannot be used"), SignIns(tmp_path / "file" / "paseport").locked():
        pass
