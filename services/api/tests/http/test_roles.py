"""Who may see what: roles are live, and no token is worth more than its scope (abuse cases AD)."""

from __future__ import annotations

import pytest
from answers import assert_401n, assert_401t, assert_403
from api_world import ApiWorld
from paseport import base64url
from paseport.v4_public import assemble, footer_for, signing_input

DASHBOARD = "/api/dashboard"
ADMIN_ONLY = "/api/admin/revocations"


@pytest.mark.parametrize(
    ("roles", "dashboard", "admin_only"),
    [
        ((), 403, 403),
        (("User",), 200, 403),
        (("Admin",), 200, 200),
        (("Admin", "User"), 200, 200),
        (("Auditor",), 403, 403),
        (("admin", "user", "ADMIN", "Admins", "Admin.x"), 403, 403),
    ],
)
async def test_a_route_is_open_to_its_roles_and_to_no_others(
    world: ApiWorld, roles: tuple[str, ...], dashboard: int, admin_only: int
) -> None:
    """AD-01. Role names are case-sensitive."""
    await world.user(*roles)
    token = await world.token()

    assert (await world.get(DASHBOARD, token)).status_code == dashboard
    assert (await world.get(ADMIN_ONLY, token)).status_code == admin_only


async def test_a_plain_user_on_an_admin_route_is_known_and_not_allowed(world: ApiWorld) -> None:
    """AD-01."""
    await world.user("User")

    assert_403(await world.get(ADMIN_ONLY, await world.token()))


@pytest.mark.parametrize(
    "path", [ADMIN_ONLY, "/api/admin", "/api/admin/", "/api/admin/nothing", "/api//admin/revocations"]
)
async def test_nobody_gets_nothing_below_admin(world: ApiWorld, path: str) -> None:
    """AD-01: neighbours of the route too."""
    response = await world.get(path)

    assert response.status_code in (401, 404)
    if path == ADMIN_ONLY:
        assert_401n(response)


async def test_a_role_that_only_the_token_claims_is_worth_nothing(world: ApiWorld) -> None:
    """AD-01: even one that the issuer signed. Roles are looked up."""
    await world.user("User")
    token = await world.token()
    payload = base64url.decode(token.split(".")[2])[:-64]
    message = payload[:-1] + b',"roles":["Admin"],"role":"Admin","groups":["Admin"]}'
    key = await world.keys.active()
    footer = footer_for(key.kid)
    signature = await world.keys.sign(signing_input(message, footer), key_version=key.version)
    claiming = assemble(message, signature, footer)

    assert (await world.get(DASHBOARD, claiming)).json()["me"]["roles"] == ["User"]
    assert_403(await world.get(ADMIN_ONLY, claiming))


async def test_a_new_role_is_in_force_with_the_same_token(world: ApiWorld) -> None:
    """AD-06: at the next request, which is within the second of P3."""
    await world.user("User")
    token = await world.token()
    assert_403(await world.get(ADMIN_ONLY, token))

    await world.user("User", "Admin")

    assert (await world.get(ADMIN_ONLY, token)).status_code == 200


async def test_a_role_that_was_taken_away_is_gone_with_the_same_token(world: ApiWorld) -> None:
    """AD-06."""
    await world.user("User", "Admin")
    token = await world.token()
    assert (await world.get(ADMIN_ONLY, token)).status_code == 200

    await world.user("User")

    assert_403(await world.get(ADMIN_ONLY, token))
    assert (await world.get(DASHBOARD, token)).json()["me"]["roles"] == ["User"]


async def test_an_older_state_does_not_bring_a_role_back(world: ApiWorld) -> None:
    """AD-06: two changes may arrive in the wrong order."""
    older = await world.user("User", "Admin")
    await world.user("User")

    await world.roles.put(older)

    assert_403(await world.get(ADMIN_ONLY, await world.token()))


@pytest.mark.parametrize("scope", [(), ("openid",), ("openid", "admin"), ("Roles",), ("roles.read",)])
async def test_an_admin_whose_token_lacks_scope_roles_holds_none(world: ApiWorld, scope: tuple[str, ...]) -> None:
    """A token is never worth more than its scope (design §3)."""
    await world.user("User", "Admin")
    token = await world.token(scope=scope)

    assert_403(await world.get(DASHBOARD, token))
    assert (await world.get(ADMIN_ONLY, token)).status_code == 403


async def test_a_disabled_admin_is_no_caller_at_all(world: ApiWorld) -> None:
    """TK-22: 401 and not 403, the token is dead."""
    await world.user("User", "Admin", enabled=False)

    assert_401t(await world.get(ADMIN_ONLY, await world.token()))
