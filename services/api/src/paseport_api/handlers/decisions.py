"""Requests that were denied."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from paseport_api.handlers.schemas.decisions import DecisionListResponse, parse_decision_query
from paseport_api.use_cases.read_decisions import ReadDecisions


# Its guards are those of the router of everything that only admins see.
@get("/decisions", summary="What was denied lately")
async def decisions(
    request: Request[Any, Any, Any],
    read_decisions: NamedDependency[ReadDecisions],
    request_id: Annotated[str | None, QueryParameter(description="The one with this X-Request-Id.")] = None,
    limit: Annotated[str | None, QueryParameter(description="1 to 200; 50 by default.")] = None,
    before: Annotated[str | None, QueryParameter(description="The value of next on the page before.")] = None,
) -> DecisionListResponse:
    """The last denials of forward-auth, newest first: reason, rule, and what would have let each of them pass."""
    # Read from the query itself, which also shows parameters that do not exist; the arguments document it.
    query = parse_decision_query(dict(request.query_params))
    if query.request_id is not None:
        return DecisionListResponse.of(await read_decisions.of_request(query.request_id))
    return DecisionListResponse.of(await read_decisions.latest(query.limit, query.before))
