"""Structured logs: one JSON object a line, the request id in each."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any, BinaryIO, Final

import msgspec
import structlog
from structlog.processors import format_exc_info
from structlog.typing import WrappedLogger

from paseport_shared.request_context import current_request_id

_SECRET_KEYS: Final = frozenset(
    {
        "access_token",
        "api_key",
        "authorization",
        "client_secret",
        "code_verifier",
        "cookie",
        "id_token",
        "key",
        "new_password",
        "password",
        "private_key",
        "refresh_token",
        "secret",
        "set_cookie",
        "token",
    }
)
_REDACTED: Final = "…"
_KEYS_KNOWN: Final = 1024
LOGGED_FROM_LEVEL: Final = ("paseport", "paseport_api", "paseport_issuer", "paseport_shared", "uvicorn.error")
"""Loggers of the standard library whose lines are written from the process' own level on: ours, and the server's."""


def configure_logging(level: str = "INFO", stream: BinaryIO | None = None, *, service: str | None = None) -> None:
    """Configure logging for the process; ``level`` is a name of the standard library. Call it once, at start.

    Libraries that log through the standard library are written in the same form, from WARNING on (their INFO lines hold
    addresses with query strings). ``service`` stands in each line, where several processes write to one place.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    output = sys.stdout.buffer if stream is None else stream
    circumstances = _Circumstances(service)
    structlog.configure(
        processors=[circumstances, _render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(file=output),
        cache_logger_on_first_use=True,
    )

    handler = logging.StreamHandler(_Lines(output))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, circumstances],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render_text],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
    for name in LOGGED_FROM_LEVEL:
        logging.getLogger(name).setLevel(number)


class _Circumstances:
    """Structlog processor: level, time, service and request id. One step, since every request writes a line."""

    def __init__(self, service: str | None) -> None:
        self._service = {} if service is None else {"service": service}
        self._second = 0
        self._second_text = ""

    def __call__(self, _: object, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        event["level"] = level
        event["timestamp"] = f"{self._second_text}.{int((now - second) * 1e6):06d}Z"
        request_id = current_request_id()
        if request_id is not None:
            event["request_id"] = request_id
        return {**self._service, **event}


def redact_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor, the last line of defence: what nobody should log does not arrive (LG-21).

    It knows keys, not values; a ``Secret`` needs none, since its text shows nothing.
    """
    if event.keys() <= _harmless and not any(isinstance(value, dict) for value in event.values()):
        return event
    _harmless.update(key for key in event if not _is_secret(key) and len(_harmless) < _KEYS_KNOWN)
    return {key: _redacted(key, value) for key, value in event.items()}


_harmless: Final[set[str]] = set()
"""Keys that were looked at: every request writes a line with the same ones."""


def _redacted(key: str, value: Any) -> Any:
    if _is_secret(key):
        return _REDACTED
    if isinstance(value, dict):
        return {str(inner): _redacted(str(inner), item) for inner, item in value.items()}
    return value


def _is_secret(key: str) -> bool:
    return key.lower().replace("-", "_") in _SECRET_KEYS


def _render(logger: WrappedLogger, level: str, event: MutableMapping[str, Any]) -> bytes:
    """Structlog processor, the last one. One step, too."""
    if "exc_info" in event:
        event = format_exc_info(logger, level, event)
    return msgspec.json.encode(redact_secrets(logger, level, event), enc_hook=repr)


def _render_text(logger: WrappedLogger, level: str, event: MutableMapping[str, Any]) -> str:
    return _render(logger, level, event).decode()


class _Lines:
    """A text stream over the byte stream that structlog writes to, so that both share one output."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        self._stream.flush()
