"""What entries of models.toml say of servers: where a model is asked, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_edgejson.backends.choices import CONSTRAIN_FIELDS, ENDPOINTS
from pytest_edgejson.backends.spec import Prices, Server
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

OPENAI_URL = "https://api.openai.com/v1"

SERVER_KEYS: Mapping[str, tuple[type, str]] = {
    "base_url": (str, "a string"),
    "api_key_env": (str, "a string"),
    "endpoint": (str, "a string"),
    "concurrency": (int, "a whole number"),
    "extra_body": (dict, "a table, such as {top_k = 20}"),
    "headers": (dict, 'a table of strings, such as {"X-Team" = "data"}'),
    "constrain_field": (str, "a string"),
    "prices": (dict, "a table, such as {input = 0.15, output = 0.6}"),
}
"""The keys, what kind of value each has, and that in words."""

_PRICES = ("input", "output", "cached_input")


def parse_base_url(text: str) -> str:
    """Return a base URL without a slash at its end.

    Raises:
        ValueError: it is none, or holds a password.
    """
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or text != text.strip() or not text.isprintable():
        raise ValueError(f"{_without_password(text)!r} is no base URL, such as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "a base URL may hold no password, as it is shown and stored: use api_key_env, or headers, in models.toml"
        )
    if parts.query or parts.fragment:
        raise ValueError(f"a base URL ends before ? and #, such as {text.split('?')[0].split('#')[0]}")
    return text.rstrip("/")


def _without_password(text: str) -> str:
    before, at, after = text.rpartition("@")
    return f"…@{after}" if at and before else text


def server_of(entry: Mapping[str, Any], *, on_server: bool) -> Server | None:
    """Return what an entry says of its server.

    Args:
        entry: its values are of the kinds that `SERVER_KEYS` names.
        on_server: whether a server runs the model; else there is none, and nothing may be said of one.

    Raises:
        ValueError: a value is wrong. The message begins with the key.
    """
    if not on_server:
        if keys := [key for key in SERVER_KEYS if key in entry]:
            raise ValueError(f'{keys[0]!r} is for models that a server runs: add backend = "openai"')
        return None
    values: dict[str, Any] = {key: entry[key] for key in SERVER_KEYS if key in entry}
    try:
        values["base_url"] = parse_base_url(values.get("base_url", OPENAI_URL))
    except ValueError as error:
        raise ValueError(f"'base_url': {error}") from None
    _check_choice(values, "endpoint", ENDPOINTS)
    _check_choice(values, "constrain_field", CONSTRAIN_FIELDS)
    key = values.get("api_key_env")
    if key is not None and not key.isidentifier():
        # Never shown: it may be the key itself.
        raise ValueError("'api_key_env' must be the name of an environment variable, such as MY_API_KEY")
    for name, value in values.get("headers", {}).items():
        if not isinstance(value, str):
            raise ValueError(f"'headers': {name!r} must be a string")
        if not (name.isascii() and value.isascii() and name.isprintable() and value.isprintable()):
            raise ValueError(f"'headers': {name!r} holds characters that no header may hold")
    if "prices" in values:
        values["prices"] = _parse_prices(values["prices"])
    return Server(**values)


def _check_choice(values: Mapping[str, Any], key: str, known: tuple[str, ...]) -> None:
    if key in values and values[key] not in known:
        hint = did_you_mean(values[key], known)
        raise ValueError(f"{key!r} must be one of {', '.join(known)}, got {values[key]!r}: {hint}".removesuffix(": "))


def _parse_prices(table: Mapping[str, Any]) -> Prices:
    for key, value in table.items():
        if key not in _PRICES:
            raise ValueError(f"'prices': unknown key {key!r}: {did_you_mean(key, _PRICES)}known: {', '.join(_PRICES)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise ValueError(f"'prices': {key!r} must be what a million tokens cost, such as 0.15, got {value!r}")
    missing = [key for key in _PRICES[:2] if key not in table]
    if missing:
        raise ValueError(f"'prices': {missing[0]!r} is missing: what a million tokens cost, such as 0.15")
    return Prices(**{key: float(value) for key, value in table.items()})
