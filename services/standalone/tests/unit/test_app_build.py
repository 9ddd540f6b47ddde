"""Reading the built app, as whoever starts the process."""

from pathlib import Path

import pytest
from built_app import PAGE, POLICY, write_build
from paseport_standalone.app_build import AppBuild, AppBuildProblem, load_app_build


def test_a_missing_build_is_said_in_one_line_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(AppBuildProblem) as refused:
        load_app_build(tmp_path / "build")

    assert "make setup" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "page",
    [
        PAGE.replace("content-security-policy", "other"),
        PAGE.replace(POLICY, ""),
        PAGE.replace("; object-src 'none'", ", object-src 'none'"),
        PAGE.replace("; object-src 'none'", ";\nobject-src 'none'"),
        "",
    ],
)
def test_a_page_without_a_policy_that_fits_a_header_is_not_served(tmp_path: Path, page: str) -> None:
    """BF-13: a build without its policy would run any script."""
    build = write_build(tmp_path)
    (build / "index.html").write_text(page)

    with pytest.raises(AppBuildProblem, match="content security policy"):
        load_app_build(build)


def test_a_build_that_is_replaced_meanwhile_is_served_as_it_was(tmp_path: Path) -> None:
    build = load_app_build(write_build(tmp_path))
    (tmp_path / "index.html").write_text("another build")

    assert build.fallback.body.decode() == PAGE


def test_the_tag_of_a_file_changes_with_its_content_alone(tmp_path: Path) -> None:
    first, again = load_app_build(write_build(tmp_path / "a")), load_app_build(write_build(tmp_path / "b"))
    (tmp_path / "b" / "robots.txt").write_text("User-agent: somebody")
    changed = load_app_build(tmp_path / "b")

    def tag(build: AppBuild, path: str) -> str:
        file = build.find(path)
        assert file is not None
        return file.etag

    assert tag(first, "/robots.txt") == tag(again, "/robots.txt") != tag(changed, "/robots.txt")
