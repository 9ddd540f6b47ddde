"""What the tests of all services share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, Final

import pytest
from litestar import Litestar
from litestar._signature import SignatureModel
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.utils.signature import ParsedSignature


@pytest.fixture(scope="session", autouse=True)
def handlers_are_read_once() -> Iterator[None]:
    """A run builds thousands of apps of the same handlers, and Litestar reads their signatures anew for each.

    It also compares each dependency with all others, once for each handler, and prepares every route, of which a test
    uses two or three. The processes that tests start do that.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ParsedSignature, "from_fn", _once_for_each_function(ParsedSignature.from_fn))
        patch.setattr(SignatureModel, "create", _once_for_each_function(SignatureModel.create))
        patch.setattr(BaseRouteHandler, "_validate_dependency_is_unique", staticmethod(lambda **_: None))
        patch.setattr(BaseRouteHandler, "on_registration", _register)
        patch.setattr(BaseRouteHandler, "create_kwargs_model", _on_demand(BaseRouteHandler.create_kwargs_model))
        yield


_VALIDATED: Final[dict[object, tuple[Any, ParsedSignature]]] = {}


def _register(handler: BaseRouteHandler, _: Litestar) -> None:
    """What else Litestar does here it does when it is first asked. A function is validated once."""
    if isinstance(handler, HTTPRouteHandler):
        known = _identity(handler.fn), handler.media_type
        if known not in _VALIDATED:
            handler._validate_handler_function()
            _VALIDATED[known] = handler.media_type, handler.parsed_fn_signature
        # What it finds out on the way.
        handler.media_type, handler._parsed_fn_signature = _VALIDATED[known]
    handler.resolve_opts()


class _OnDemand:
    """Stands for something that is made when it is first used."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        if "_made" not in self.__dict__:
            self._made = self._make()
        return getattr(self._made, name)


def _on_demand(make: Callable[..., Any]) -> Callable[..., _OnDemand]:
    return lambda *args, **kwargs: _OnDemand(lambda: make(*args, **kwargs))


def _once_for_each_function(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``read`` with a memory of what it made of a function and all else that it was given.

    All apps here decode with the same functions, though each has objects of its own for some of them.
    """
    made: dict[object, list[tuple[Any, Any]]] = {}

    def remembered(*args: Any, **kwargs: Any) -> Any:
        fn, *others = args or (kwargs["fn"],)
        given = (others, {name: value for name, value in kwargs.items() if name not in ("fn", "type_decoders")})
        results = made.setdefault(_identity(fn), [])
        for known, result in results:
            if known == given:
                return result
        results.append((given, read(*args, **kwargs)))
        return results[-1][1]

    return remembered


def _identity(fn: Callable[..., Any]) -> object:
    """Return what functions share that are one text: an app makes some of its handlers itself, and each anew."""
    if not isinstance(fn, FunctionType) or fn.__defaults__ or fn.__kwdefaults__ or hasattr(fn, "__wrapped__"):
        return fn
    return fn.__module__, fn.__code__
