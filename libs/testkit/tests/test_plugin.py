"""The plugin as a downstream team has it: installed, in a folder that knows nothing of this repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import entry_points, requires
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

# A stranger's configuration: warnings are errors, async tests run (its plugin wants to be told the scope of loops).
STRICT = ("-W", "error", "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")
README = Path(__file__).parents[1] / "README.md"


def test_installing_it_registers_it() -> None:
    (registered,) = [point for point in entry_points(group="pytest11") if point.value == "paseport_testkit.plugin"]

    assert registered.name == registered.value


def test_installing_it_brings_little_along() -> None:
    needed = [requirement for requirement in requires("paseport-testkit") or () if "extra ==" not in requirement]

    assert sorted(re.split(r"[^a-z-]", requirement)[0] for requirement in needed) == [
        "cryptography",
        "paseport",
        "pytest",
    ]


def test_a_test_run_that_does_not_use_it_imports_nothing_of_it_and_starts_no_thread(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys, threading

        def test_nothing_happens():
            assert "paseport_testkit.plugin" in sys.modules
            heavy = ("paseport", "paseport_testkit.fake_issuer", "paseport_testkit.harness", "httpx", "redis")
            assert [name for name in heavy if name in sys.modules] == []
            assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
        """
    )

    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-p", "no:xdist")

    result.assert_outcomes(passed=1)


def test_a_plain_test_uses_it_without_any_configuration(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def paseport_audience():
            return "https://reports.example.com"
        """
    )
    pytester.makepyfile(
        """
        import asyncio, sys, threading
        from datetime import timedelta
        import pytest
        from paseport.errors import InvalidToken

        def verdict(issuer, token):
            async def ask():
                async with issuer.verifier() as verifier:
                    await verifier.verify(token)
            try:
                asyncio.run(ask())
            except InvalidToken:
                return "refused"
            return "accepted"

        def test_of_a_service(paseport_issuer, mint_token, paseport_clock):
            assert paseport_issuer.audience == "https://reports.example.com"
            token = mint_token(roles=("Admin",))
            assert verdict(paseport_issuer, token) == "accepted"
            assert verdict(paseport_issuer, mint_token(expired=True)) == "refused"
            paseport_issuer.revoke(token)
            assert verdict(paseport_issuer, token) == "refused"
            other = mint_token()
            paseport_clock.travel(timedelta(minutes=10))
            assert verdict(paseport_issuer, other) == "refused"
            assert "paseport_testkit.harness" not in sys.modules

        def test_that_nothing_is_left():
            assert not [thread for thread in threading.enumerate() if "paseport" in thread.name]
        """
    )

    result = pytester.runpytest_subprocess(*STRICT)

    result.assert_outcomes(passed=2)


def test_the_example_of_the_readme_runs(pytester: pytest.Pytester) -> None:
    example = next(_python_blocks(README.read_text()))
    pytester.makepyfile(example)

    result = pytester.runpytest_subprocess(*STRICT)

    result.assert_outcomes(passed=1)


def test_it_may_be_named_although_it_is_registered_already(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["paseport_testkit.plugin"]')
    pytester.makepyfile("def test_of_a_service(mint_token): assert mint_token()")

    result = pytester.runpytest_subprocess("-p", "paseport_testkit.plugin")

    result.assert_outcomes(passed=1)


def _python_blocks(page: str) -> Iterator[str]:
    yield from re.findall(r"^```python\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
