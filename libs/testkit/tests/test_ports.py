"""Ports of servers that several test runs start at the same time."""

from __future__ import annotations

import socket
import subprocess
import sys

from paseport_testkit.harness.ports import HOST, free_port, free_ports, is_free

OTHER_RUN = """
import sys
from paseport_testkit.harness.ports import free_ports
print(*free_ports(200), flush=True)
sys.stdin.read()
"""


def test_no_port_is_given_to_two_runs_though_nothing_listens_yet() -> None:
    """Between the choice of a port and the start of its server there is time for another run to choose."""
    others = [
        subprocess.Popen([sys.executable, "-c", OTHER_RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    try:
        given = free_ports(200)
        for other in others:
            assert other.stdout is not None
            given += map(int, other.stdout.readline().split())
    finally:
        for other in others:
            other.communicate()

    assert len(given) == 5 * 200
    assert len(set(given)) == len(given)


def test_a_port_that_a_stranger_listens_on_is_passed_over() -> None:
    with socket.socket() as stranger:
        stranger.bind((HOST, 0))
        stranger.listen()
        assert not is_free(stranger.getsockname()[1])

    assert is_free(free_port())


def test_a_port_is_never_given_twice_in_one_run() -> None:
    """A server that is down for a while finds its port free again."""
    assert not set(free_ports(50)) & set(free_ports(50))
