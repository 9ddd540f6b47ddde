"""A process that nobody serves for a while."""

import time


def stand_still(seconds: float) -> None:
    """Let nothing of this process run."""
    time.sleep(seconds)
