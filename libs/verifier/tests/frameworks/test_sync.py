"""The facade for code that does not await: many threads, one loop, no caller that waits for ever."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from downstream import Downstream
from paseport.errors import AuthenticationRequired, InvalidToken, Unavailable
from paseport.principal import Principal
from paseport.sync import SyncVerifier

THREAD = "paseport-verifier"


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


@pytest.fixture
def downstream() -> Downstream:
    downstream = Downstream()
    asyncio.run(downstream.alice_holds("User"))
    return downstream


@pytest.fixture
def verifier(downstream: Downstream) -> Iterator[SyncVerifier]:
    with SyncVerifier(lambda: downstream) as verifier:
        yield verifier


class Stuck(Downstream):
    """Its keys do not come until somebody lets them; then it is a good verifier."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = threading.Event()
        self.cancelled = threading.Event()

    async def verify(self, token: str | None) -> Principal:
        self.waiting.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError("nobody ends this future")


def test_a_thread_that_does_not_await_gets_the_caller(downstream: Downstream, verifier: SyncVerifier) -> None:
    alice = verifier.verify(downstream.token())

    assert (alice.username, alice.roles) == ("alice", {"User"})


def test_a_request_is_judged_by_its_header(downstream: Downstream, verifier: SyncVerifier) -> None:
    """TK-01, TK-11. A WSGI server joins two headers into one value."""
    good = f"Bearer {downstream.token()}"

    assert verifier.authenticate(good).username == "alice"
    for nothing in (None, "", "Basic eA=="):
        with pytest.raises(AuthenticationRequired):
            verifier.authenticate(nothing)
    for junk in (f"{good},{good}", "Bearer", "Bearer ä"):
        with pytest.raises(InvalidToken):
            verifier.authenticate(junk)


def test_the_errors_are_those_of_the_verifier(downstream: Downstream, verifier: SyncVerifier) -> None:
    for bad in downstream.bad_tokens().values():
        with pytest.raises(InvalidToken):
            verifier.verify(bad)
    with pytest.raises(AuthenticationRequired):
        verifier.verify(None)
    with downstream.keys_down, pytest.raises(Unavailable):
        verifier.verify(downstream.token())


@pytest.mark.parametrize(
    "fault", [TimeoutError, RuntimeError, asyncio.InvalidStateError], ids=lambda kind: kind.__name__
)
def test_what_is_no_refusal_is_passed_on(
    downstream: Downstream, verifier: SyncVerifier, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    """FA-07. A verifier's own TimeoutError is not taken for the deadline of the call."""

    async def fail(*_: object) -> Any:
        raise fault("rehearsed")

    monkeypatch.setattr(downstream.keys, "get", fail)

    with pytest.raises(fault, match="rehearsed"):
        verifier.verify(downstream.token())


def test_many_threads_share_one_loop(downstream: Downstream, verifier: SyncVerifier) -> None:
    """TK-24, from threads: each gets the verdict about its own token."""
    good, bad = downstream.token(), downstream.token(audience="https://other.example.com")

    def verdict(number: int) -> bool:
        try:
            return verifier.verify(good if number % 2 else bad).username == "alice"
        except InvalidToken:
            return False

    with ThreadPoolExecutor(16) as pool:
        verdicts = list(pool.map(verdict, range(400)))

    assert verdicts == [bool(number % 2) for number in range(400)]
    assert len(threads()) == 1


def test_threads_that_all_come_first_start_one_verifier(downstream: Downstream) -> None:
    verifier = SyncVerifier(lambda: downstream)
    token, together = downstream.token(), threading.Barrier(16)

    def verify(_: int) -> str:
        together.wait()
        return verifier.verify(token).username

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(verify, range(16))) == {"alice"}
    verifier.close()

    assert downstream.events == ["verifier started", "verifier closed"]


def test_constructing_it_starts_nothing(downstream: Downstream) -> None:
    """style §7: it may stand at module level."""
    SyncVerifier(lambda: downstream)

    assert (threads(), downstream.events) == ([], [])


def test_a_verification_that_takes_too_long_is_unavailable_and_ended() -> None:
    """FT-09."""
    stuck = Stuck()
    with SyncVerifier(lambda: stuck, deadline=timedelta(milliseconds=50)) as verifier:
        with pytest.raises(Unavailable) as refused:
            verifier.verify("v4.public.x")

        assert "deadline" in refused.value.reason
        assert stuck.cancelled.wait(5)


def test_closing_it_ends_those_who_wait() -> None:
    stuck = Stuck()
    verifier = SyncVerifier(lambda: stuck, deadline=timedelta(seconds=30))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(verifier.verify, "v4.public.x")
        assert stuck.waiting.wait(5)

        verifier.close()

        assert isinstance(waiting.exception(5), Unavailable)
    assert (threads(), stuck.events) == ([], ["verifier started", "verifier closed"])


def test_a_closed_one_lets_nobody_through(downstream: Downstream) -> None:
    with SyncVerifier(lambda: downstream) as verifier:
        token = downstream.token()
        verifier.verify(token)
    verifier.close()

    with pytest.raises(Unavailable):
        verifier.verify(token)
    assert (threads(), downstream.events) == ([], ["verifier started", "verifier closed"])


def test_callers_during_the_close_get_a_verdict_or_none(downstream: Downstream) -> None:
    """No caller is lost between the last verification and the end of the loop."""
    for _ in range(20):
        verifier = SyncVerifier(lambda: downstream, deadline=timedelta(seconds=30))
        token, together = downstream.token(), threading.Barrier(5)

        def verify(verifier: SyncVerifier = verifier, token: str = token, together: Any = together) -> str:
            together.wait()
            try:
                return verifier.verify(token).username
            except Unavailable:
                return "unavailable"

        verifier.start()
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(verify) for _ in range(4)]
            together.wait()
            verifier.close()

            assert {answer.result(5) for answer in answers} <= {"alice", "unavailable"}


@pytest.mark.parametrize("fails", ["make", "start"])
def test_a_verifier_that_cannot_start_says_so_and_is_tried_again(
    downstream: Downstream, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    attempts = 0
    start = downstream.start

    def attempt() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise Unavailable("rehearsed")

    async def fail_once() -> None:
        if fails == "start":
            attempt()
        await start()

    def make() -> Downstream:
        if fails == "make":
            attempt()
        return downstream

    monkeypatch.setattr(downstream, "start", fail_once)
    verifier = SyncVerifier(make)

    with pytest.raises(Unavailable, match="unavailable"):
        verifier.verify(downstream.token())
    assert verifier.verify(downstream.token()).username == "alice"
    verifier.close()


def test_a_start_that_hangs_is_bounded_and_can_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = Stuck()

    async def hang() -> None:
        stuck.events.append("verifier started")
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(stuck, "start", hang)
    verifier = SyncVerifier(lambda: stuck, deadline=timedelta(milliseconds=50))

    with pytest.raises(Unavailable):
        verifier.verify("v4.public.x")
    verifier.close()

    assert (threads(), stuck.events) == ([], ["verifier started", "verifier closed"])


def test_a_deadline_that_nobody_can_meet_is_refused(downstream: Downstream) -> None:
    with pytest.raises(ValueError, match="deadline"):
        SyncVerifier(lambda: downstream, deadline=timedelta(0))


# --- processes --------------------------------------------------------------------------------------------------------


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own, since it forks or exits; whatever is wrong in the background is in its stderr."""
    prelude = """
        import asyncio, os, sys
        from downstream import Downstream
        from paseport.sync import SyncVerifier

        class Telling(Downstream):
            async def aclose(self):
                await super().aclose()
                print("closed in", "parent" if os.getpid() == parent else "child", flush=True)

        parent = os.getpid()
        downstream = Telling()
        asyncio.run(downstream.alice_holds("User"))
        verifier = SyncVerifier(lambda: downstream)

        def in_child(work):
            pid = os.fork()
            if pid == 0:
                work()
                sys.exit(0)
            os.waitpid(pid, 0)
    """
    code = textwrap.dedent(prelude) + textwrap.dedent(program)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_process_forked_off_after_the_start_is_told_so() -> None:
    """Its thread stayed behind: waiting for it would never end. The parent's verifier is not touched."""
    finished = run("""
        token = downstream.token()
        verifier.start()

        def work():
            for attempt in (verifier.start, lambda: verifier.verify(token)):
                try:
                    attempt()
                except RuntimeError as error:
                    print("fork" in str(error), flush=True)
            verifier.close()

        in_child(work)
        print(verifier.verify(token).username, flush=True)
    """)

    assert (finished.stdout.split("\n")[:-1], finished.stderr) == (
        ["True", "True", "alice", "closed in parent"],
        "",
    )


def test_a_process_forked_off_before_the_start_has_a_verifier_of_its_own() -> None:
    """A server that loads the application and then forks its workers."""
    finished = run("""
        token = downstream.token()
        in_child(lambda: print(verifier.verify(token).username, flush=True))
        print(verifier.verify(token).username, flush=True)
    """)

    assert (finished.stdout.split("\n")[:-1], finished.stderr) == (
        ["alice", "closed in child", "alice", "closed in parent"],
        "",
    )


@pytest.mark.parametrize("ending", ["pass", "sys.exit(3)", "raise SystemExit(4)"], ids=["end", "exit", "raise"])
def test_a_program_that_ends_closes_its_verifier(ending: str) -> None:
    finished = run(f"verifier.start()\n{ending}\n")

    assert (finished.stdout, finished.stderr) == ("closed in parent\n", "")
