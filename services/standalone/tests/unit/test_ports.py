"""Taking a port, as the operator who starts the process."""

import contextlib
import os
import socket
from collections.abc import Iterator

import pytest
from paseport_standalone import ports


@contextlib.contextmanager
def taken_on_ipv6() -> Iterator[int | None]:
    """Another program's port of ``::1``; None on a machine without IPv6."""
    try:
        rival = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        yield None
        return
    with rival:
        yield rival.getsockname()[1]


def test_a_port_that_is_free_listens_on_loopback_alone() -> None:
    with ports.listen(0, "SERVER_PORT") as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        assert not ports.is_free(listener.getsockname()[1])


def test_the_program_that_has_a_port_is_named_where_the_system_tells() -> None:
    with ports.listen(0, "SERVER_PORT") as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ports.PortTaken) as refused:
            ports.listen(port, "SERVER_PORT")

    assert str(refused.value).startswith(f"Port {port} is in use by ")
    assert f"process {os.getpid()} (" in str(refused.value) or "another program" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_program_on_the_other_address_of_localhost_is_a_rival() -> None:
    """Browsers would ask it first, so it would be told the passwords."""
    with taken_on_ipv6() as port:
        if port is not None:
            assert not ports.is_free(port)
            with pytest.raises(ports.PortTaken, match=f"Port {port} is in use"):
                ports.listen(port, "SERVER_PORT")


def test_a_machine_without_ipv6_has_no_rival(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_HOST_6", "2001:db8::1")  # an address that no machine has

    ports.listen(0, "SERVER_PORT").close()
