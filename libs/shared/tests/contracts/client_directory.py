"""What every client directory promises."""

import random
from dataclasses import replace

import pytest
from contracts.client_samples import NOW, a_client, a_full_client, a_verifier
from contracts.support import Unreachable, at_once, crowd
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.client_registry import DeletedClient
from paseport_shared.domain.ports.client_directory import ClientDirectory


class ClientDirectoryContract:
    """The adapter's file supplies the fixtures ``directory``, empty and not complete, and ``unreachable``."""

    @pytest.mark.parametrize("client", [a_client(), a_full_client(), a_client("complete"), a_verifier()])
    async def test_a_client_comes_back_as_it_was_put(self, directory: ClientDirectory, client: Client) -> None:
        assert await directory.put(client) is True

        assert await directory.find(client.client_id) == client
        assert await directory.is_complete() is False

    async def test_a_client_without_entry_is_a_miss(self, directory: ClientDirectory) -> None:
        await directory.put(a_client("shop"))

        for other in ("Shop", "shop2", "sho", "complete"):
            assert await directory.find(other) is None

    async def test_a_newer_revision_replaces_the_client(self, directory: ClientDirectory) -> None:
        newer = a_full_client("shop", revision=2)
        await directory.put(a_client("shop"))

        assert await directory.put(newer) is True

        assert await directory.find("shop") == newer

    @pytest.mark.parametrize("revision", [1, 4, 5])
    async def test_a_late_writer_does_not_enable_a_disabled_client(
        self, directory: ClientDirectory, revision: int
    ) -> None:
        current = a_client(disabled=True, revision=5)
        await directory.put(current)

        assert await directory.put(a_client(revision=revision)) is False

        assert await directory.find("shop") == current

    async def test_revisions_are_compared_as_numbers(self, directory: ClientDirectory) -> None:
        await directory.put(a_client(revision=9))

        assert await directory.put(a_client(revision=10)) is True

    async def test_a_deleted_client_is_gone_and_no_late_writer_brings_it_back(self, directory: ClientDirectory) -> None:
        await directory.put(a_client(revision=4))

        assert await directory.remove(DeletedClient("shop", 5, NOW)) is True

        assert await directory.find("shop") is None
        assert await directory.put(a_client(revision=4)) is False
        assert await directory.put(a_client(revision=5)) is False
        assert await directory.find("shop") is None

    async def test_an_old_deletion_does_not_take_a_newer_client_away(self, directory: ClientDirectory) -> None:
        await directory.put(a_client(revision=5))

        assert await directory.remove(DeletedClient("shop", 5, NOW)) is False

        assert await directory.find("shop") == a_client(revision=5)

    async def test_of_a_crowd_of_writers_the_newest_revision_wins_whatever_the_order(
        self, directory: ClientDirectory
    ) -> None:
        writes = [a_client(name=f"r{revision}", revision=revision) for revision in range(1, 51)]
        random.Random(7).shuffle(writes)

        await at_once([directory.put(write) for write in writes])

        found = await directory.find("shop")
        assert found is not None
        assert (found.revision, found.name) == (50, "r50")

    async def test_of_a_crowd_that_writes_one_revision_one_stores_it(self, directory: ClientDirectory) -> None:
        assert (await crowd(lambda: directory.put(a_client()))).count(True) == 1

    async def test_a_miss_is_final_only_after_the_directory_was_loaded_whole(self, directory: ClientDirectory) -> None:
        await directory.put(a_client())
        assert await directory.is_complete() is False

        await directory.mark_complete()

        assert await directory.is_complete() is True
        assert await directory.find("complete") is None

    async def test_an_unreachable_directory_answers_unavailable_and_never_a_miss(
        self, directory: ClientDirectory, unreachable: Unreachable
    ) -> None:
        client = a_client()
        await directory.put(client)

        async with unreachable:
            for call in (
                lambda: directory.find("shop"),
                directory.is_complete,
                lambda: directory.put(replace(client, revision=2)),
                lambda: directory.remove(DeletedClient("shop", 2, NOW)),
                directory.mark_complete,
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert await directory.find("shop") == client
        assert await directory.is_complete() is False
