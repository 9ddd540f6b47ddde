"""What every client directory promises."""

import pytest
from contracts.support import Unreachable
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.client import Client, built_in_clients
from paseport_shared.domain.ports.client_directory import ClientDirectory

CLIENTS = (
    *built_in_clients("https://auth.example.com"),
    Client("reports", first_party=False, scope=("openid", "email"), audience="https://reports.example.com"),
)


class ClientDirectoryContract:
    """The adapter's file supplies the fixtures ``directory``, holding ``CLIENTS``, and ``unreachable``."""

    @pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.client_id)
    async def test_a_registered_client_is_found_as_it_was_registered(
        self, directory: ClientDirectory, client: Client
    ) -> None:
        assert await directory.find(client.client_id) == client

    @pytest.mark.parametrize("client_id", ["", "nobody", "BFF", "bff ", " bff", "bff\x00", "bff*", "b" * 100_000])
    async def test_any_other_spelling_of_a_client_id_is_an_unknown_client(
        self, directory: ClientDirectory, client_id: str
    ) -> None:
        assert await directory.find(client_id) is None

    async def test_an_unreachable_directory_never_says_that_a_client_is_unknown(
        self, directory: ClientDirectory, unreachable: Unreachable
    ) -> None:
        async with unreachable:
            for client_id in ("bff", "nobody"):
                with pytest.raises(Unavailable):
                    await directory.find(client_id)

        assert await directory.find("bff") is not None
