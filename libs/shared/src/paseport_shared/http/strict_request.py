"""Reading JSON bodies as their schema says, and nothing else.

Litestar 2.25 decodes a body to plain values and converts those with ``strict=False``: the text ``"true"`` becomes a
boolean, ``"5"`` a number. It also answers 500 for a body that is not UTF-8 or nested too deeply. This request decodes
once, strictly and straight into the handler's type.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import InternalServerException

from paseport_shared.domain.errors import InvalidRequest
from paseport_shared.http.field_problems import InvalidBody, explain_violation

_ANYTHING: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder()


@cache
def _decoder(annotation: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(annotation)


class StrictRequest(Request[Any, Any, State]):
    """The ``request_class`` of every app; what handlers take as ``data`` is decoded by ``json``."""

    async def json(self) -> Any:
        """Return the body as the type of the handler's ``data``, or as plain values where it has none.

        Raises ``InvalidBody`` or ``InvalidRequest``.
        """
        field = self.route_handler.parsed_data_field
        decoder = _ANYTHING if field is None else _decoder(field.raw)
        body = await self.body()
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            raise InvalidBody([explain_violation(str(error))]) from error
        except msgspec.DecodeError as error:
            raise InvalidRequest("the body is not JSON") from error
        except UnicodeDecodeError as error:
            raise InvalidRequest("the body is not UTF-8") from error
        except RecursionError as error:
            raise InvalidRequest("the body is nested too deeply") from error

    async def body(self) -> bytes:
        """Return the whole body. Raises ``InvalidRequest`` when the client went away before it was sent."""
        try:
            return await super().body()
        except InternalServerException as error:
            # Not an error of the server, and not to be counted as one.
            raise InvalidRequest("the body did not arrive") from error
