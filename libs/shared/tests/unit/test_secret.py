import copy
import json
import logging
import pickle
import traceback
from dataclasses import dataclass

import pytest
from paseport.secret import Secret

CANARY = "canary-6f1b"
BRACES = "{0} {0!r} {0!s} {0:>9}"
PERCENT = "%s %r"


@dataclass(frozen=True)
class Holder:
    """Somebody logs the dataclass that holds a secret."""

    token: Secret[str]


@pytest.mark.parametrize("secret", [Secret(CANARY), Secret(CANARY.encode())], ids=["str", "bytes"])
def test_a_secret_is_never_shown(secret: Secret[str] | Secret[bytes]) -> None:
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>40}",
        f"{secret!s}",
        f"{secret:>40}",
        BRACES.format(secret),
        PERCENT % (secret, secret),
        repr([secret]),
        repr({"token": secret}),
        format(secret, "x"),
    ]

    assert [text for text in shown if CANARY in text] == []


def test_a_logged_dataclass_does_not_show_its_secret(caplog: pytest.LogCaptureFixture) -> None:
    holder = Holder(Secret(CANARY))

    logging.getLogger("paseport").warning("refused %s: %r", holder.token, holder)

    assert CANARY not in caplog.text
    assert "refused" in caplog.text


def test_a_traceback_does_not_show_a_secret() -> None:
    try:
        raise RuntimeError(Secret(CANARY))
    except RuntimeError as error:
        text = "".join(traceback.format_exception(error))

    assert CANARY not in text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret(CANARY), protocol)


def test_a_secret_is_neither_copied_nor_serialised_by_accident() -> None:
    with pytest.raises(TypeError):
        copy.deepcopy(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps(Secret(CANARY))


def test_a_secret_has_no_attributes_to_be_listed() -> None:
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


def test_who_uses_a_secret_asks_for_it() -> None:
    assert Secret(CANARY).reveal() == CANARY
    assert Secret(b"\x00").reveal() == b"\x00"


def test_equal_secrets_are_equal_and_others_are_not() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert hash(Secret(CANARY)) == hash(Secret(CANARY))
    assert Secret(CANARY) != Secret("another")
    assert Secret(CANARY) != CANARY
    assert Secret("ü") == Secret("ü")
