"""The verifier for code that does not await: Flask, Django, threads."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Callable
from concurrent import futures
from datetime import timedelta
from types import TracebackType
from typing import Final, Self, TypeVar

from paseport.bearer import RunningVerifier, parse_authorization
from paseport.errors import Unavailable
from paseport.principal import Principal

_Result = TypeVar("_Result")

DEFAULT_DEADLINE: Final = timedelta(seconds=5)


class SyncVerifier:
    """Runs one verifier in an event loop of its own, in one daemon thread, for any number of calling threads.

    ``make`` builds the verifier, inside that loop: ``SyncVerifier(lambda: Verifier(issuer=…, …))``. Constructing the
    facade starts nothing; the first ``verify`` does, or ``start``, or ``with``. So it may stand at module level of an
    application that a server loads before it forks its workers.

    A process that was forked off after the start has no such thread: there every call raises ``RuntimeError`` at once
    and says so. ``close`` runs by itself when the interpreter exits.
    """

    def __init__(self, make: Callable[[], RunningVerifier], *, deadline: timedelta = DEFAULT_DEADLINE) -> None:
        """``deadline`` bounds each call, the start of the thread included where the call has to wait for it."""
        if deadline <= timedelta(0):
            raise ValueError("deadline must be positive")
        self._make = make
        self._deadline_seconds = deadline.total_seconds()
        self._lock = threading.Lock()
        self._loop: _VerifierLoop | None = None
        self._closed = False

    def start(self) -> None:
        """Start the thread and the verifier, or wait until they are.

        Raises what ``make`` and the verifier's own start raise, after which the next call tries again, and
        ``Unavailable`` past the deadline.
        """
        self._started(time.monotonic() + self._deadline_seconds)

    def verify(self, token: str | None) -> Principal:
        """Return the caller that a token stands for, as ``Verifier.verify`` does and with its errors.

        ``Unavailable`` as well past the deadline and after ``close``.
        """
        ends_at = time.monotonic() + self._deadline_seconds
        verdict = self._started(ends_at).submit(token)
        try:
            return _wait(verdict, ends_at, "verifying took longer than its deadline")
        except futures.CancelledError:
            raise Unavailable("the verifier was closed meanwhile") from None
        finally:
            # Past the deadline, or interrupted: nobody waits for it any more.
            verdict.cancel()

    def authenticate(self, authorization: str | bytes | None) -> Principal:
        """Return the caller of a request by its ``Authorization`` header, None where it has none; errors of ``verify``.

        A WSGI server joins repeated headers with a comma, which is an ``InvalidToken``.
        """
        return self.verify(parse_authorization(authorization))

    def close(self) -> None:
        """End the thread and close the verifier; verifications under way end ``Unavailable``. Harmless when repeated.

        Does nothing in a process that was forked off: the verifier is its parent's.
        """
        loop = self._loop
        if loop is not None and loop.is_foreign():
            return
        with self._lock:
            self._closed = True
            loop, self._loop = self._loop, None
        if loop is not None:
            atexit.unregister(self.close)
            loop.stop(self._deadline_seconds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _started(self, ends_at: float) -> _VerifierLoop:
        loop = self._loop
        if loop is None:
            loop = self._launch(ends_at)
        if loop.is_foreign():
            raise RuntimeError(
                "this SyncVerifier was started before the process was forked, and its thread stayed behind: "
                "start it in each worker, after the fork"
            )
        try:
            _wait(loop.started, ends_at, "the verifier is still starting")
        except BaseException:
            if loop.has_failed():
                self._forget(loop)
            raise
        return loop

    def _forget(self, loop: _VerifierLoop) -> None:
        with self._lock:
            if self._loop is loop:
                self._loop = None
                atexit.unregister(self.close)

    def _launch(self, ends_at: float) -> _VerifierLoop:
        # A fork may have copied the lock while a thread held it that is not here to release it.
        if not self._lock.acquire(timeout=max(ends_at - time.monotonic(), 0)):
            raise Unavailable("another thread did not finish starting the verifier")
        try:
            if self._closed:
                raise Unavailable("the verifier is closed")
            if self._loop is None:
                self._loop = _VerifierLoop(self._make)
                atexit.register(self.close)
            return self._loop
        finally:
            self._lock.release()


class _VerifierLoop:
    """One thread with one event loop and the verifier that lives in it."""

    def __init__(self, make: Callable[[], RunningVerifier]) -> None:
        self.started: futures.Future[RunningVerifier] = futures.Future()
        self._make = make
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="paseport-verifier", daemon=True)
        self._thread.start()

    def is_foreign(self) -> bool:
        """Tell whether this process was forked off after the thread started, and so has no such thread."""
        return self._pid != os.getpid()

    def has_failed(self) -> bool:
        """Tell whether the start ended in an error, and the thread with it."""
        return self.started.done() and self.started.exception() is not None

    def submit(self, token: str | None) -> futures.Future[Principal]:
        """Begin a verification in the loop, which has started. ``Unavailable`` once it was told to stop."""
        # Excludes `stop`: what is handed over stands before the stop in the loop's queue, so it begins, and is
        # cancelled with the loop at worst.
        with self._lock:
            if self._stopped or self._loop is None or not self._thread.is_alive():
                raise Unavailable("the verifier is closed")
            return asyncio.run_coroutine_threadsafe(self.started.result().verify(token), self._loop)

    def stop(self, seconds: float) -> None:
        """Tell the loop to end, and wait at most so long until the thread has."""
        with self._lock:
            self._stopped = True
            if self._loop is not None and self._serving is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            if not self.started.done():
                self.started.set_exception(Unavailable("the verifier was closed meanwhile"))
        # Whoever waits for the start is told. Later there is nobody, and the thread's own hook reports it.
        except BaseException as error:
            if self.started.done():
                raise
            self.started.set_exception(error)

    async def _serve(self) -> None:
        verifier = self._make()
        try:
            with self._lock:
                if self._stopped:
                    raise asyncio.CancelledError
                self._loop = asyncio.get_running_loop()
                self._serving = asyncio.current_task()
            await verifier.start()
            self.started.set_result(verifier)
            # Until `stop` cancels this task.
            await self._loop.create_future()
        finally:
            await verifier.aclose()


def _wait(future: futures.Future[_Result], ends_at: float, too_late: str) -> _Result:
    """Return the future's result; raise ``Unavailable`` with the reason ``too_late`` where that takes too long."""
    # Not `result(timeout)`: a TimeoutError of the verifier's own would look like one of ours.
    futures.wait((future,), timeout=max(ends_at - time.monotonic(), 0))
    if not future.done():
        raise Unavailable(too_late)
    return future.result()
