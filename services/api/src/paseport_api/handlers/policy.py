"""Asking the rules, without making the request."""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.http.bearer import require_role, require_scope
from paseport_shared.http.router import Router

from paseport_api.handlers.schemas.policy import ExplainRequest, ExplainResponse
from paseport_api.use_cases.explain_policy import ExplainPolicy


@post("/explain", status_code=200, summary="Why is this denied, or would it pass")
async def explain(data: JSONBody[ExplainRequest], explain_policy: NamedDependency[ExplainPolicy]) -> ExplainResponse:
    """Decide about a request that nobody makes, or explain one that was denied.

    The engine, the rules and what callers hold are those of live decisions. Not looked at is what only a real request
    shows: whether a secret is right, whom a token is for, which page a browser was on, and limits.
    """
    question = data.question()
    if isinstance(question, str):
        return ExplainResponse.of(await explain_policy.of_request(question))
    return ExplainResponse.of(await explain_policy(*question))


# What callers are told of a denial is one word; the rules themselves are for administrators alone.
policy_router = Router(
    "/api/policy", guards=[require_scope("admin"), require_role(ADMIN)], tags=["policy"], route_handlers=[explain]
)
