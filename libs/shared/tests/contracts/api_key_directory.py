"""What every API key directory promises."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from contracts.api_key_samples import LEGACY_DIGEST, a_full_key, a_key, a_key_id, as_decisions_need_it
from contracts.support import Unreachable, at_once
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKey, DeletedApiKey
from paseport_shared.domain.models.rate_limit import RateLimit
from paseport_shared.domain.ports.api_key_directory import ApiKeyDirectory


class ApiKeyDirectoryContract:
    """The adapter's file supplies the fixtures ``directory``, empty and not complete, and ``unreachable``."""

    @pytest.mark.parametrize("key", [a_key(), a_full_key(), a_key(expires_at=None, secrets=())])
    async def test_a_verifier_finds_of_a_key_what_decisions_need_and_nothing_else(
        self, directory: ApiKeyDirectory, key: ApiKey
    ) -> None:
        """FA-16."""
        await directory.put([key])

        assert await directory.find(key.id) == as_decisions_need_it(key)
        assert await directory.is_complete() is False

    async def test_a_key_without_entry_is_a_miss(self, directory: ApiKeyDirectory) -> None:
        await directory.put([a_key(1), a_full_key(3)])
        await directory.mark_complete()

        for other in (a_key_id(2), "", "complete", ":complete", a_key_id(1)[:-1], f"legacy:{LEGACY_DIGEST}"):
            assert await directory.find(other) is None

    async def test_a_key_of_another_system_is_found_by_its_digest_and_by_its_id(
        self, directory: ApiKeyDirectory
    ) -> None:
        key = a_full_key()
        await directory.put([a_key(1), key])

        assert await directory.find_legacy(LEGACY_DIGEST) == as_decisions_need_it(key)
        assert await directory.find(key.id) == as_decisions_need_it(key)
        assert await directory.find_legacy(LEGACY_DIGEST.upper()) is None
        assert await directory.find_legacy("") is None

    async def test_a_revoked_key_of_another_system_is_a_miss(self, directory: ApiKeyDirectory) -> None:
        """FA-16."""
        key = a_full_key()
        await directory.put([key])

        await directory.put([DeletedApiKey(key.id, key.revision + 1, LEGACY_DIGEST)])

        assert await directory.find_legacy(LEGACY_DIGEST) is None
        assert await directory.find(key.id) is None

    async def test_a_key_that_gave_its_old_name_up_is_not_found_by_it(self, directory: ApiKeyDirectory) -> None:
        key = a_full_key()
        await directory.put([key])

        await directory.put([replace(key, legacy_digest=None, revision=key.revision + 1)])

        assert await directory.find_legacy(LEGACY_DIGEST) is None
        assert await directory.find(key.id) is not None

    async def test_an_old_entry_does_not_take_the_name_of_a_newer_one_away(self, directory: ApiKeyDirectory) -> None:
        key = a_full_key(revision=5)
        await directory.put([key])

        await directory.put([a_key(2, revision=4), DeletedApiKey(key.id, 3)])

        assert await directory.find_legacy(LEGACY_DIGEST) == as_decisions_need_it(key)

    async def test_a_newer_revision_replaces_the_key(self, directory: ApiKeyDirectory) -> None:
        newer = a_full_key(1, revision=2)
        await directory.put([a_key(1)])

        await directory.put([newer])

        assert await directory.find(a_key_id(1)) == as_decisions_need_it(newer)

    @pytest.mark.parametrize("revision", [1, 4, 5])
    async def test_a_late_writer_does_not_enable_a_disabled_key(
        self, directory: ApiKeyDirectory, revision: int
    ) -> None:
        current = a_key(disabled=True, revision=5)
        await directory.put([current])

        await directory.put([a_key(revision=revision)])

        assert await directory.find(current.id) == current

    async def test_revisions_are_compared_as_numbers(self, directory: ApiKeyDirectory) -> None:
        await directory.put([a_key(revision=9)])

        await directory.put([a_key(name="tenth", revision=10)])

        assert await directory.find(a_key_id(1)) == a_key(name="tenth", revision=10)

    async def test_a_revoked_key_is_gone_and_no_late_writer_brings_it_back(self, directory: ApiKeyDirectory) -> None:
        """FA-16."""
        await directory.put([a_key(revision=4)])

        await directory.put([DeletedApiKey(a_key_id(1), 5)])

        assert await directory.find(a_key_id(1)) is None
        await directory.put([a_key(revision=4)])
        await directory.put([a_key(revision=5)])
        assert await directory.find(a_key_id(1)) is None

    async def test_an_old_revocation_does_not_take_a_newer_key_away(self, directory: ApiKeyDirectory) -> None:
        await directory.put([a_key(revision=5)])

        await directory.put([DeletedApiKey(a_key_id(1), 5)])

        assert await directory.find(a_key_id(1)) == a_key(revision=5)

    async def test_many_are_stored_with_one_call_each_by_its_own_revision(self, directory: ApiKeyDirectory) -> None:
        await directory.put([a_key(7, name="newer", revision=2), DeletedApiKey(a_key_id(8), 2)])

        await directory.put([a_key(number) for number in range(350)])

        found = [await directory.find(a_key_id(number)) for number in range(350)]
        expected: list[ApiKey | None] = [a_key(number) for number in range(350)]
        expected[7:9] = [a_key(7, name="newer", revision=2), None]
        assert found == expected

    async def test_nothing_can_be_stored(self, directory: ApiKeyDirectory) -> None:
        await directory.put([])

        assert await directory.is_complete() is False

    async def test_of_a_crowd_of_writers_the_newest_revision_wins_whatever_the_order(
        self, directory: ApiKeyDirectory
    ) -> None:
        writes = [a_key(name=f"r{revision}", revision=revision) for revision in range(1, 51)]
        random.Random(7).shuffle(writes)

        await at_once([directory.put([write, a_key(2)]) for write in writes])

        found = await directory.find(a_key_id(1))
        assert found is not None
        assert (found.revision, found.name) == (50, "r50")

    @pytest.mark.parametrize("seconds", [1, 60, 86_400])
    async def test_a_limit_keeps_its_window(self, directory: ApiKeyDirectory, seconds: int) -> None:
        limit = RateLimit(10, timedelta(seconds=seconds))
        await directory.put([a_key(rate_limit=limit)])

        found = await directory.find(a_key_id(1))

        assert found is not None
        assert found.rate_limit == limit

    async def test_whoever_prints_a_key_does_not_print_a_digest(self, directory: ApiKeyDirectory) -> None:
        """DT-06."""
        await directory.put([a_full_key()])

        found = await directory.find(a_full_key().id)

        assert found is not None
        assert "digest" not in repr(found.secrets)
        assert LEGACY_DIGEST not in repr(found)

    async def test_a_miss_is_final_only_after_the_directory_was_loaded_whole(self, directory: ApiKeyDirectory) -> None:
        await directory.put([a_key()])
        assert await directory.is_complete() is False

        await directory.mark_complete()

        assert await directory.is_complete() is True
        assert await directory.find(":complete") is None

    async def test_a_complete_directory_takes_new_keys(self, directory: ApiKeyDirectory) -> None:
        await directory.mark_complete()

        await directory.put([a_key()])

        assert await directory.find(a_key_id(1)) == a_key()
        assert await directory.is_complete() is True

    async def test_an_unreachable_directory_answers_unavailable_and_never_a_miss(
        self, directory: ApiKeyDirectory, unreachable: Unreachable
    ) -> None:
        key = a_full_key(revision=1)
        await directory.put([key])

        async with unreachable:
            for call in (
                lambda: directory.find(key.id),
                lambda: directory.find_legacy(LEGACY_DIGEST),
                directory.is_complete,
                lambda: directory.put([replace(key, revision=2)]),
                lambda: directory.put([DeletedApiKey(key.id, 2)]),
                directory.mark_complete,
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert await directory.find(key.id) == as_decisions_need_it(key)
        assert await directory.is_complete() is False
