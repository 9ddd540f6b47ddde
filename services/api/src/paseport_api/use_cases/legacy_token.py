"""API keys that another system handed out, by their text."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from paseport.clock import Clock
from paseport_shared.domain.models.api_key import ApiKey
from paseport_shared.domain.models.legacy_token import LegacyDigest
from paseport_shared.domain.ports.api_key_directory import ApiKeyFinder

from paseport_api.use_cases.api_key_copies import MISS_SECONDS, MISSES_KEPT, ApiKeyCopies

REMEMBERED: Final = 20_000


class FindLegacyToken:
    """From text that the grammar of our keys refused to the key that it is.

    A digest is one key's for ever, so which one it is stays remembered, for up to ``remembered`` keys; what the key is
    today says its copy, as for keys of ours. Text is neither kept nor compared: whoever finds a digest cannot go back.
    What nobody knows is noted for a second in a short list of its own, so that guesses drive out no key.
    """

    def __init__(
        self,
        digests: Sequence[LegacyDigest],
        keys: ApiKeyFinder,
        copies: ApiKeyCopies,
        clock: Clock,
        *,
        remembered: int = REMEMBERED,
    ) -> None:
        """``digests``: one for each system whose keys moved in. Raises ``ValueError`` without any."""
        if not digests:
            raise ValueError("at least one digest")
        self._digests = tuple(digests)
        self._keys = keys
        self._copies = copies
        self._clock = clock
        self._remembered = remembered
        self._ids: OrderedDict[str, str] = OrderedDict()
        self._misses: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ids)

    async def find(self, text: str) -> ApiKey | None:
        """Return the key, or None where there is none (any more). Raises ``Unavailable`` where nobody can say."""
        digests = [digest(text) for digest in self._digests]
        for digest in digests:
            key_id = self._ids.get(digest)
            if key_id is not None:
                self._ids.move_to_end(digest)
                return self._copies.recall(key_id) or await self._copies(key_id)
        if self._clock.monotonic() < self._misses.get(digests[0], 0.0):
            return None
        for digest in digests:
            key = await self._keys.find_legacy(digest)
            if key is not None:
                self._remember(digest, key.id)
                return key
        self._note_miss(digests[0])
        return None

    def _remember(self, digest: str, key_id: str) -> None:
        self._ids[digest] = key_id
        if len(self._ids) > self._remembered:
            self._ids.popitem(last=False)

    def _note_miss(self, digest: str) -> None:
        self._misses[digest] = self._clock.monotonic() + MISS_SECONDS
        self._misses.move_to_end(digest)
        if len(self._misses) > MISSES_KEPT:
            self._misses.popitem(last=False)
