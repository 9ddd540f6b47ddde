"""What people see and end of their own: sessions, devices, consents."""

from __future__ import annotations

from uuid import UUID

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from paseport.principal import Principal
from paseport_shared.http.bearer import require_scope
from paseport_shared.http.router import Router

from paseport_issuer.handlers.schemas.external_sign_in import OwnIdentitiesResponse
from paseport_issuer.handlers.schemas.me import AccessResponse, ConsentListResponse
from paseport_issuer.use_cases.account_holder import AccountHolder
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.end_own_access import EndOwnAccess
from paseport_issuer.use_cases.read_consents import ReadConsents
from paseport_issuer.use_cases.read_own_access import ReadOwnAccess
from paseport_issuer.use_cases.read_own_identities import ReadOwnIdentities
from paseport_issuer.use_cases.unlink_identity import UnlinkIdentity
from paseport_issuer.use_cases.withdraw_consent import WithdrawConsent


@get("/sessions")
async def list_own_access(
    own_access: NamedDependency[ReadOwnAccess], holder: NamedDependency[AccountHolder]
) -> AccessResponse:
    """List the browsers in which you are signed in, and the devices that stay signed in without one."""
    return AccessResponse.of(await own_access(holder))


@delete("/sessions/{session_id:str}")
async def end_own_session(
    session_id: FromPath[str], end_access: NamedDependency[EndOwnAccess], holder: NamedDependency[AccountHolder]
) -> None:
    """Sign one browser out, with every client that is signed in in it."""
    await end_access.session(session_id, holder)


@post("/sessions/end-all", status_code=204)
async def end_all_own_access(end_access: NamedDependency[EndOwnAccess], holder: NamedDependency[AccountHolder]) -> None:
    """Sign out everywhere: all browsers and devices, this one included."""
    await end_access.everything(holder)


@delete("/devices/{device_id:str}")
async def end_own_device(
    device_id: FromPath[str], end_access: NamedDependency[EndOwnAccess], holder: NamedDependency[AccountHolder]
) -> None:
    """Sign one device out."""
    await end_access.device(device_id, holder)


@get("/consents")
async def list_own_consents(
    consents: NamedDependency[ReadConsents], holder: NamedDependency[AccountHolder]
) -> ConsentListResponse:
    """List what you allowed which clients."""
    return ConsentListResponse.of(await consents(holder.user_id))


@delete("/consents/{client_id:str}")
async def withdraw_own_consent(
    client_id: FromPath[str], withdraw: NamedDependency[WithdrawConsent], holder: NamedDependency[AccountHolder]
) -> None:
    """Take back what you allowed a client: it is signed out everywhere, and has to ask again."""
    await withdraw(client_id, holder)


@get("/identities")
async def list_own_identities(
    own_identities: NamedDependency[ReadOwnIdentities], holder: NamedDependency[AccountHolder]
) -> OwnIdentitiesResponse:
    """List the accounts at identity providers with which you can sign in."""
    return OwnIdentitiesResponse.of(await own_identities(holder.user_id))


@delete("/identities/{identity_id:uuid}")
async def unlink_own_identity(
    identity_id: FromPath[UUID], unlink: NamedDependency[UnlinkIdentity], holder: NamedDependency[AccountHolder]
) -> None:
    """Unlink one of them. Only a fresh sign-in may, and never the last thing that you can sign in with."""
    await unlink.own(identity_id, holder)


def provide_holder(principal: NamedDependency[Principal], caller: NamedDependency[Caller]) -> AccountHolder:
    """Dependency ``holder``: the person behind the token. A machine's token never covers scope ``account``."""
    claims = principal.claims
    return AccountHolder(
        UUID(claims.subject),
        claims.session_id,
        claims.family_id,
        caller.acting_as(claims.subject, claims.client_id),
        claims.auth_time,
    )


own_account_router = Router(
    "/me/v1",
    guards=[require_scope("account")],
    route_handlers=[
        list_own_access,
        end_own_session,
        end_all_own_access,
        end_own_device,
        list_own_consents,
        withdraw_own_consent,
        list_own_identities,
        unlink_own_identity,
    ],
)
