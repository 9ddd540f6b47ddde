"""Which client a request names, whatever part is away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from paseport_issuer.use_cases.find_client import FindClient
from paseport_shared.adapters.memory.client_directory import MemoryClientDirectory
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.record import MemoryRecord
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.client import Client, built_in_clients
from paseport_shared.domain.models.client_registry import is_client_id

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BFF, CLI = built_in_clients("https://auth.example.com")
SHOP = replace(BFF, client_id="shop", first_party=False)


class World:
    """The use case on stores that can be cut off."""

    def __init__(self) -> None:
        self.mariadb, self.redis = MemoryOutage(), MemoryOutage()
        self.record, self.directory = MemoryRecord(self.mariadb), MemoryClientDirectory(self.redis)
        self.find = FindClient({"bff": BFF}, self.directory, self.record)

    async def add(self, client: Client) -> None:
        await self.record.transact(lambda transaction: transaction.clients.add(client))


@pytest.fixture
def world() -> World:
    return World()


async def test_what_the_installation_defines_is_found_while_everything_is_away(world: World) -> None:
    with world.mariadb, world.redis:
        assert await world.find("bff") is BFF


@pytest.mark.parametrize(
    "text", ["", "ab", "a" * 65, "shop\0", "shöp", "shop ", "-shop", "\ud800", "a:b", "a/b" * 9_999]
)
async def test_text_that_is_no_client_id_costs_no_look(world: World, text: str) -> None:
    """AZ-01."""
    with world.mariadb, world.redis:
        assert await world.find(text) is None


async def test_the_directory_answers_while_the_record_is_away(world: World) -> None:
    await world.directory.put(SHOP)

    with world.mariadb:
        assert await world.find("shop") == SHOP


async def test_a_miss_of_a_complete_directory_is_final(world: World) -> None:
    await world.directory.mark_complete()

    with world.mariadb:
        assert await world.find("shop") is None


async def test_a_miss_that_is_not_final_is_looked_up_in_the_record_and_put_back(world: World) -> None:
    await world.add(SHOP)

    assert await world.find("shop") == SHOP

    with world.mariadb:
        assert await world.find("shop") == SHOP


async def test_a_miss_that_is_not_final_is_no_answer_while_the_record_is_away(world: World) -> None:
    with world.mariadb, pytest.raises(Unavailable):
        await world.find("shop")


async def test_the_record_answers_while_the_directory_is_away(world: World) -> None:
    await world.add(SHOP)

    with world.redis:
        assert await world.find("shop") == SHOP
        assert await world.find("nobody") is None


async def test_with_both_away_nothing_is_guessed(world: World) -> None:
    await world.add(SHOP)

    with world.mariadb, world.redis, pytest.raises(Unavailable):
        await world.find("shop")


async def test_a_disabled_client_is_found_and_says_so(world: World) -> None:
    await world.directory.put(replace(SHOP, disabled=True))

    found = await world.find("shop")

    assert found is not None
    assert found.disabled


async def test_a_deleted_client_is_not_found_and_not_brought_back_by_who_read_it_before(world: World) -> None:
    await world.add(SHOP)
    await world.record.transact(lambda transaction: transaction.clients.delete("shop", expected_revision=1, at=NOW))

    assert await world.find("shop") is None

    assert await world.directory.put(SHOP) is False


@pytest.mark.parametrize(
    "text",
    [
        "0190b5a2-7c3e-7a11-8f00-0123456789ab",
        "0190B5A2-7C3E-7A11-8F00-0123456789AB",
        "0190b5a27c3e7a118f000123456789ab",
        "0190b5a2-7c3e7a118f00-0123456789ab",
        "0190b5a27c3e7a11_8f0012345678abc",
    ],
)
def test_no_client_id_reads_as_the_id_of_a_person(text: str) -> None:
    """Design §3: the subject of a machine's token is its client id."""
    UUID(text)

    assert not is_client_id(text)


@pytest.mark.parametrize("text", ["abc", "A.b-c_9", "a" * 64, "complete", "0190b5a2-7c3e-7a11-8f00-0123456789ag"])
def test_other_names_are_client_ids(text: str) -> None:
    assert is_client_id(text)
