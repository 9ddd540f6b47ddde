"""What the tests of all services share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from litestar._signature import SignatureModel
from litestar.handlers import BaseRouteHandler
from litestar.utils.signature import ParsedSignature


@pytest.fixture(scope="session", autouse=True)
def handlers_are_read_once() -> Iterator[None]:
    """A run builds thousands of apps of the same handlers, and Litestar reads their signatures anew for each.

    It also compares each dependency with all others, once for each handler. The processes that tests start do that.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ParsedSignature, "from_fn", _once_for_each_function(ParsedSignature.from_fn))
        patch.setattr(SignatureModel, "create", _once_for_each_function(SignatureModel.create))
        patch.setattr(BaseRouteHandler, "_validate_dependency_is_unique", staticmethod(lambda **_: None))
        yield


def _once_for_each_function(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``read`` with a memory of what it made of a function and all else that it was given.

    All apps here decode with the same functions, though each has objects of its own for some of them.
    """
    made: WeakKeyDictionary[Callable[..., Any], list[tuple[Any, Any]]] = WeakKeyDictionary()

    def remembered(*args: Any, **kwargs: Any) -> Any:
        fn, *others = args or (kwargs["fn"],)
        given = (others, {name: value for name, value in kwargs.items() if name != "type_decoders"})
        for known, result in made.setdefault(fn, []):
            if known == given:
                return result
        made[fn].append((given, read(*args, **kwargs)))
        return made[fn][-1][1]

    return remembered
