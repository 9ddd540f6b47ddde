"""The OpenAPI documents, as whoever generates a client from them reads them."""

import json
from pathlib import Path
from typing import Any

import pytest
from paseport_standalone import openapi


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("openapi") / "new"
    assert openapi.main([str(folder)]) == 0
    return folder


def document(folder: Path, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return loaded


def test_both_services_are_described_and_nothing_internal_is(folder: Path) -> None:
    issuer, api = document(folder, "issuer")["paths"], document(folder, "api")["paths"]

    assert issuer.keys() >= {"/auth/v1/login/local", "/auth/v1/refresh", "/users/v1", "/.well-known/paserk.json"}
    assert "/api/dashboard" in api
    assert not [path for path in (*issuer, *api) if "internal" in path or "metrics" in path]


def test_a_document_is_the_same_every_time_so_that_a_change_is_seen(folder: Path, tmp_path: Path) -> None:
    openapi.main([str(tmp_path)])

    for name in ("issuer.json", "api.json"):
        text = (tmp_path / name).read_text()
        assert text == (folder / name).read_text()
        assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_a_missing_folder_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert openapi.main([]) == 2
    assert "usage" in capsys.readouterr().err
