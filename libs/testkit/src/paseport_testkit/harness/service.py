"""What all services of one process have in common."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from paseport_testkit.harness.process import ServerProcess


class Service:
    """A server that can be started again with the same port and, where it stores any, the same data.

    As a context manager it runs inside the block.
    """

    def __init__(self, process: ServerProcess) -> None:
        self.process = process

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it can be used. Raises ``ServerFailed``."""
        self.process.start()

    def stop(self) -> None:
        """End in order."""
        self.process.stop()

    def kill(self) -> None:
        """End without warning."""
        self.process.kill()

    def pause(self) -> None:
        """Stand still with all connections open."""
        self.process.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self.process.resume()

    @property
    def is_disturbed(self) -> bool:
        """True while it stands still or is not there."""
        return self.process.is_paused or not self.process.is_running

    def restore(self) -> None:
        """Run again, whatever a test did to it."""
        if self.process.is_paused:
            self.resume()
        if not self.process.is_running:
            self.start()
