"""What is installed with ``paseport`` alone, and what needs an extra."""

import os
import subprocess
import sys

import pytest

FRAMEWORKS = ("fastapi", "flask", "litestar", "pydantic", "redis", "starlette")
WITHOUT_ANY = ("paseport", "paseport.asgi", "paseport.bearer", "paseport.requirements", "paseport.sync")


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, where nothing was imported yet and no framework can be."""
    absent = f"import sys\nfor name in {FRAMEWORKS}: sys.modules[name] = None\n"
    return subprocess.run(
        [sys.executable, "-c", absent + program],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("module", WITHOUT_ANY)
def test_it_works_where_no_framework_is_installed(module: str) -> None:
    finished = run(f"import {module}")

    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.parametrize("module", ["fastapi", "litestar", "starlette"])
def test_the_glue_for_a_framework_needs_that_framework(module: str) -> None:
    finished = run(f"import paseport.{module}")

    assert "ModuleNotFoundError" in finished.stderr
    assert f"paseport/{module}.py" in finished.stderr
