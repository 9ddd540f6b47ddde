"""``make stack``: the production topology on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import fcntl
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from paseport_testkit.harness.accounts import Refused
from paseport_testkit.harness.ports import HOST, is_free
from paseport_testkit.harness.process import ServerFailed
from paseport_testkit.harness.programs import MissingPrograms
from paseport_testkit.harness.redis import RedisNode
from paseport_testkit.harness.repository import APP_BUILD, ROOT
from paseport_testkit.harness.service import Service
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.waiting import NotInTime

_PORT: Final = 8443
_FOLDER: Final = ROOT / "var" / "stack"
_LOCK: Final = "lock"
_LOOK_EVERY_SECONDS: Final = 0.5


class _Ended(Exception):
    """Ctrl-C or SIGTERM."""


class _CannotStart(Exception):
    """Why, in a sentence that says what to do."""


def main() -> int:
    """Run until Ctrl-C or SIGTERM. Returns 1, after one message, where it cannot start."""
    options = _options()
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        with _folder_of_ours(options.folder) as folder:
            _check(options.port, options.app)
            print("Starting MariaDB, Redis with Sentinel, Vault, issuer, api and nginx …", flush=True)
            settings = dict(setting.split("=", 1) for setting in options.set)
            with Stack(
                folder,
                port=options.port,
                issuers=options.issuers,
                apis=options.apis,
                app=options.app,
                settings=settings,
            ) as stack:
                print(_summary(stack), flush=True)
                _supervise(stack)
    except _Ended:
        print("\nEverything has ended.", flush=True)
        return 0
    except (_CannotStart, MissingPrograms, NotInTime, Refused, ServerFailed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make stack", description=__doc__)
    parser.add_argument("--port", type=int, default=_PORT, help="the port of https://localhost (%(default)s)")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="data and logs (%(default)s)")
    parser.add_argument("--issuers", type=int, default=1, help="how many issuers (%(default)s)")
    parser.add_argument("--apis", type=int, default=1, help="how many apis (%(default)s)")
    parser.add_argument("--app", type=Path, default=APP_BUILD, help="the built app (%(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of issuer and api")
    return parser.parse_args()


def _end(number: int, frame: FrameType | None) -> None:
    # A second Ctrl-C must not interrupt what ends the servers.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise _Ended


@contextmanager
def _folder_of_ours(folder: Path) -> Iterator[Path]:
    """Give an empty folder to one stack at a time. The logs of the last one are kept until the next one starts."""
    lock = folder / _LOCK
    if folder.exists() and any(folder.iterdir()) and not lock.exists():
        raise _CannotStart(f"{folder} holds something else. Name another folder: --folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _CannotStart(f"a stack runs in {folder} already. Name another folder: --folder") from None
        for entry in folder.iterdir():
            if entry.name == _LOCK:
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        yield folder.resolve()


def _check(port: int, app: Path) -> None:
    if not is_free(port):
        raise _CannotStart(f"port {port} of {HOST} is taken. Name another one: --port")
    if not (app / "index.html").exists():
        raise _CannotStart(f"there is no app in {app}. Build it: make setup")


def _summary(stack: Stack) -> str:
    accounts = "\n".join(f"  {account.username:<10} {account.password}" for account in stack.accounts.values())
    return f"""
Paseport runs at {stack.origin}

{accounts}

  certificate   {stack.ca} signs it; your browser warns until it trusts this authority
  try it        curl --cacert {stack.ca} {stack.origin}/.well-known/paserk.json
  everything    {stack.description}: addresses, process ids, credentials
  logs          {stack.logs}
  kill what you like: what has ended is started again

Ctrl-C ends everything."""


def _supervise(stack: Stack) -> None:
    """Start again what has ended, as a container engine would. A Redis node comes back as a replica."""
    while True:
        time.sleep(_LOOK_EVERY_SECONDS)
        for service in stack.services:
            if not service.process.is_running:
                _start_again(stack, service)


def _start_again(stack: Stack, service: Service) -> None:
    name = service.process.name
    print(f"{name} has ended", flush=True)
    try:
        if isinstance(service, RedisNode):
            stack.redis.wait_for_new_primary(service)
            stack.redis.rejoin(service)
        else:
            service.restore()
    except (ServerFailed, NotInTime, LookupError) as error:
        print(f"{name} cannot be started again: {error}", flush=True)
        return
    stack.describe()
    print(f"{name} runs again", flush=True)


if __name__ == "__main__":
    sys.exit(main())
