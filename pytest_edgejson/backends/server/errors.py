"""Errors: what a server says, or does, in the place of an answer, and what follows from it."""

from __future__ import annotations

import json
import math
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_edgejson.values.text import clean, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal["unreachable", "cut", "busy", "silent", "denied", "absent", "rejected", "strange"]

# Timeouts, conflicts, rate limits, and what servers say while they load a model or are overloaded.
_BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_CROWDED = frozenset({429, 503, 529})
# The same as words: the code or type of an error that comes in the place of an answer, behind HTTP 200.
_OVERLOADED = ("overloaded", "overloaded_error", "engine_overloaded", "service_unavailable", "unavailable")
_LIMITED = ("too_many_requests", "rate_limit", "rate_limit_error", "rate_limit_exceeded", "resource_exhausted")
_FAILED = ("server_error", "internal_server_error", "internal_error", "api_error", "bad_gateway", "timeout_error")
_CROWDED_CODES = frozenset((*_OVERLOADED, *_LIMITED))
_BUSY_CODES = _CROWDED_CODES | frozenset(_FAILED)
_STATUS = re.compile(r"[45][0-9]{2}")
# No waiting helps.
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_SHOWN = 300
_TITLE = re.compile(r"<title[^>]{0,100}>([^<]{1,200})", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|not permitted|not allowed|extra (?:inputs|fields)",
    re.IGNORECASE,
)


class ServerError(Exception):
    """A request that was not answered.

    Attributes:
        kind: `unreachable`: nothing listens there; `cut`: the connection ended in the middle; `busy`: it may work
            later; `silent`: nothing came for a long time; `denied`: who asks may not; `absent`: no such model or
            address; `rejected`: this request cannot be answered; `strange`: what came is no answer.
        status: of HTTP, None where there was none.
        code: the server's word for it.
        retry_after_s: seconds after which it wants to be asked again.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def is_crowded(self) -> bool:
        """Whether fewer requests at once are asked for."""
        return self.status in _CROWDED or self.code in _CROWDED_CODES

    @property
    def is_spent(self) -> bool:
        """Whether an account is used up: no case will be answered."""
        return self.code in _SPENT

    def refuses(self, field: str) -> bool:
        """Tell whether a request was rejected as the server does not know one of its fields."""
        return self.kind == "rejected" and field in str(self) and _UNKNOWN.search(str(self)) is not None


def of_status(status: int, body: object, headers: Mapping[str, str]) -> ServerError:
    """Return the error that a status of HTTP and a body are.

    Args:
        status: not of success.
        body: the `error` of a JSON document, the whole of another one, or a text.
        headers: their names in any case.
    """
    code = body.get("code") or body.get("type") if isinstance(body, dict) else None
    kind: Kind = "rejected"
    if status in _BUSY:
        kind = "busy"
    elif status in (401, 403, 407):
        kind = "denied"
    elif status in (404, 405, 410) or 300 <= status < 400:
        kind = "absent"
    elif status >= 500:
        kind = "strange"
    what = f"redirects to {headers.get('location')}" if 300 <= status < 400 else said(body)
    message = f"HTTP {status}: {clean(what)}" if what else f"HTTP {status}"
    retry_after_s = retry_after(headers) if kind == "busy" else None
    return ServerError(
        kind, message, status=status, code=None if code is None else str(code), retry_after_s=retry_after_s
    )


def of_event(body: object) -> ServerError:
    """Return the error that a server tells in the place of an answer, or in the midst of one, behind HTTP 200.

    Args:
        body: the `error` of a JSON document. Its `code` is a status, also as a text, or a word, as its `type` is.
    """
    fields = (body.get("code"), body.get("type")) if isinstance(body, dict) else ()
    told = [str(field).lower() for field in fields if field]
    status = next(filter(_STATUS.fullmatch, told), None)
    if status is not None:
        return of_status(int(status), body, {})
    code = next(filter(_BUSY_CODES.__contains__, told), None)
    message = clean(said(body)) or "an error without a word"
    return ServerError("busy" if code else "rejected", message, code=code or next(iter(told), None))


def said(body: object) -> str:
    """Return what the body of an error says, on one line; empty for nothing."""
    if isinstance(body, dict):
        for key in ("message", "error", "detail", "error_description"):
            if body.get(key):
                return said(body[key])
        return _short(json.dumps(body)) if body else ""
    if isinstance(body, list):
        # As FastAPI has it: where, and what.
        return _short(
            "; ".join(_place(each) + said(each.get("msg") or each) for each in body if isinstance(each, dict))
        )
    text = "" if body is None else str(body)
    if text.lstrip().startswith("<"):
        title = _TITLE.search(text)
        return f"a web page, {_short(title[1])!r}" if title else "a web page"
    return _short(text)


def _place(detail: Mapping[str, Any]) -> str:
    place = detail.get("loc")
    return f"{'.'.join(map(str, place))}: " if isinstance(place, list) else ""


def _short(text: str) -> str:
    return shorten(" ".join(text.split()), _SHOWN)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server wants to be left alone for, None where it does not say (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
