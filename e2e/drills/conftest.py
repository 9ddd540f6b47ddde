"""What all drills share: one installation, the browsers that use it, and the lines that the drills print."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
from findings import Findings, Report
from keys import write_policy
from load import Load
from paseport_testkit.harness.nginx import write_bare_app
from paseport_testkit.harness.stack import Stack
from service_logs import ServiceLogs

_LINE: Final = "drill"
_LOGS: Final = pytest.StashKey[ServiceLogs]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is found wrong (``Findings.check``) is wrong on any machine; everything else here is about time."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("deadlines")


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two issuers and two apis, whose links and whose Redis network can be cut. All browsers share one address."""
    folder = tmp_path_factory.mktemp("drills")
    with Stack(
        folder / "stack",
        issuers=2,
        apis=2,
        links=True,
        partitionable=True,
        app=write_bare_app(folder / "app"),
        settings={
            "PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS": "1000000",
            # Who signs in takes no processor time from the failovers.
            "PASEPORT_PASSWORD_WORK_FACTOR": "10",
            "PASEPORT_POLICY_FILE": str(write_policy(folder)),
        },
    ) as stack:
        yield stack


@pytest.fixture
def stack(installation: Stack) -> Iterator[Stack]:
    """The installation, whole again after the drill."""
    yield installation
    installation.restore()


@pytest.fixture(scope="session")
def browsers(installation: Stack) -> Iterator[Load]:
    """Browsers that come to the services directly."""
    with Load(installation) as load:
        yield load


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Print the line of a drill, at the end of the run too, and check that there was nothing wrong."""
    name = request.node.name.removeprefix("test_").replace("_", " ")

    def report(findings: Findings, remark: str = "") -> None:
        line = f"{findings.line(name)} {remark}".rstrip()
        print(line)
        request.node.user_properties.append((_LINE, line))
        findings.check()

    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Know where each log ends before a drill begins."""
    stack = getattr(item, "funcargs", {}).get("stack")
    if isinstance(stack, Stack):
        item.stash[_LOGS] = ServiceLogs(stack.logs)
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a drill that failed what the services and the Sentinels had to say."""
    report = yield
    logs = item.stash.get(_LOGS, None)
    if report.when == "call" and report.failed and logs is not None:
        report.sections.append(("Services and Sentinels", logs.summary()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the drills printed: they are to be read when nothing failed, too."""
    done = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    if lines := [line for report in done for name, line in report.user_properties if name == _LINE]:
        terminalreporter.section("drills")
        for line in lines:
            terminalreporter.write_line(line)
