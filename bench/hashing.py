"""The yardstick of signing in: bcrypt alone, on as many threads as the product has.

``python -m bench.hashing COST`` reads how many hashes to check from standard input and writes the seconds that it took.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import bcrypt


def main(cost: int) -> None:
    """Check hashes until standard input ends."""
    # As long as what the product hands to bcrypt: a SHA-256 in base64.
    secret = b"x" * 44
    stored = bcrypt.hashpw(secret, bcrypt.gensalt(cost))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for line in sys.stdin:
            count = int(line)
            began = time.perf_counter()
            checks = list(pool.map(lambda _: bcrypt.checkpw(secret, stored), range(count)))
            seconds = time.perf_counter() - began
            assert all(checks)
            sys.stdout.write(f"{seconds}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
