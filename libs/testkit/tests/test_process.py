"""A server process is started, watched and ended without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paseport_testkit.harness.ports import free_ports
from paseport_testkit.harness.process import ServerFailed, ServerProcess
from paseport_testkit.harness.waiting import NotInTime, wait_until

# A server that says it is ready by making a file, with a child as nginx has workers.
SERVER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("hello from the server", flush=True)
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


@pytest.fixture
def sign_of_life(tmp_path: Path) -> Path:
    return tmp_path / "child.pid"


@pytest.fixture
def server(tmp_path: Path, sign_of_life: Path) -> ServerProcess:
    return ServerProcess(
        "example",
        [sys.executable, "-c", SERVER, sign_of_life],
        tmp_path / "example.log",
        lambda: None if sign_of_life.exists() and sign_of_life.read_text() else "no file yet",
    )


def is_alive(pid: int) -> bool:
    """True while the process is there and is more than an unreaped entry."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def wait_until_gone(*pids: int) -> None:
    wait_until("they are gone", lambda: ", ".join(str(pid) for pid in pids if is_alive(pid)) or None, 10)


@pytest.mark.parametrize("end", [ServerProcess.stop, ServerProcess.kill])
def test_a_server_ends_with_its_children(server: ServerProcess, sign_of_life: Path, end: object) -> None:
    assert callable(end)
    server.start()
    pid, child = server.pid, int(sign_of_life.read_text())
    assert pid is not None

    end(server)

    assert not server.is_running
    assert server.pid is None
    wait_until_gone(pid, child)


def test_a_paused_server_stands_still_and_can_be_stopped(server: ServerProcess) -> None:
    server.start()
    pid = server.pid
    assert pid is not None

    server.pause()
    wait_until("it is stopped", lambda: None if _state(pid) == "T" else _state(pid), 5)
    server.stop()

    assert not is_alive(pid)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_server_that_never_becomes_ready_is_ended_and_its_log_is_in_the_error(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; print('cannot read its settings', flush=True); time.sleep(600)"]
    server = ServerProcess("example", command, tmp_path / "example.log", lambda: "it does not answer")

    with pytest.raises(ServerFailed, match=r"(?s)not within 0\.5 s: it does not answer.*cannot read its settings"):
        server.start(timeout_seconds=0.5)

    assert not server.is_running


def test_a_server_that_ends_at_once_is_reported_before_the_deadline(tmp_path: Path) -> None:
    server = ServerProcess(
        "example", [sys.executable, "-c", "raise SystemExit('port in use')"], tmp_path / "example.log", lambda: "no"
    )
    begun = time.monotonic()

    with pytest.raises(ServerFailed, match=r"(?s)ended with status 1.*port in use"):
        server.start(timeout_seconds=60)

    assert time.monotonic() - begun < 30


def test_a_server_that_ends_by_itself_gives_its_status(tmp_path: Path) -> None:
    server = ServerProcess("example", ["/bin/sh", "-c", "sleep 0.2; exit 3"], tmp_path / "example.log", lambda: None)
    server.start()

    assert server.wait(10) == 3


def test_waiting_for_a_server_that_does_not_end_is_over_in_time(server: ServerProcess) -> None:
    server.start()

    with pytest.raises(NotInTime):
        server.wait(0.05)

    server.stop()


def test_a_server_does_not_outlive_whoever_started_it_even_when_that_was_killed(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import threading
from paseport_testkit.harness.process import ServerProcess
server = ServerProcess("example", ["/bin/sleep", "600"], Path({str(tmp_path / "log")!r}), lambda: None)
# On a thread that ends: the server stays as long as the process does.
thread = threading.Thread(target=server.start)
thread.start()
thread.join()
print(server.pid, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent:
        pid = int(parent.stdout.readline())
        assert is_alive(pid)

        parent.send_signal(signal.SIGKILL)

    wait_until_gone(pid)


def test_free_ports_differ_and_are_none_that_an_outgoing_connection_could_take() -> None:
    ports = free_ports(50)

    assert len(set(ports)) == 50
    lowest_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(ports) < lowest_ephemeral


def test_the_helper_that_ends_servers_is_no_child_of_a_terminal(server: ServerProcess) -> None:
    server.start()
    pid = server.pid
    assert pid is not None

    assert os.getpgid(pid) == pid != os.getpgid(0)

    server.stop()
