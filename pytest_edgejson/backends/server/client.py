"""The client: requests to one server, through the official `openai` package, and what comes back, piece by piece."""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias
from urllib.parse import urlsplit

import httpx2
import openai

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.server.entry import OPENAI_URL
from pytest_edgejson.backends.server.errors import ServerError, of_event, of_status, said

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    from pytest_edgejson.backends.spec import Server

_CONNECT_S = 10.0
_SEND_S = 60.0
# Of silence, also before the first token: a long prompt takes long where there is no GPU.
SILENCE_S = 600.0
# What may still come after the answer's end: its usage.
_REST_S = 2.0
# Of the body of an error.
_LONGEST_ERROR = 1 << 16
# Of a list of models.
_LONGEST_LIST = 1 << 22
_REFERENCE = re.compile(r"\$\{(\w+)\}")
# Words such as "none", which stand for no key, occur in answers.
_SHORTEST_SECRET = 8
_HIDDEN = "***"
_DONE = b"[DONE]"


class Secrets:
    """What a server is told and nobody else: the key, and headers made of environment variables.

    Args:
        name: the model's, for messages.
        server: which variables hold them.

    Attributes:
        key: empty for none.
        headers: with their variables filled in.

    Raises:
        BackendError: a variable is not set.
    """

    def __init__(self, name: str, server: Server) -> None:
        variable = server.api_key_env
        self.key = ""
        if variable is not None:
            self.key = _value(name, variable, "api_key_env")
        elif server.base_url == OPENAI_URL:
            # To no other server, whose owner is somebody else.
            self.key = _value(name, "OPENAI_API_KEY", "OpenAI's own server needs it, another is named by base_url")
        hidden = {self.key}

        def fill(match: re.Match[str]) -> str:
            value = _value(name, match[1], "headers")
            hidden.add(value)
            return value

        self.headers = {header: _REFERENCE.sub(fill, text) for header, text in server.headers.items()}
        self._hidden = sorted((text for text in hidden if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Return a text in which no secret stands."""
        for secret in self._hidden:
            text = text.replace(secret, _HIDDEN)
        return text


def _value(name: str, variable: str, why: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise BackendError(f"{name}: the environment variable {variable} is not set ({why}): export {variable}=…")
    if not value.isascii() or not value.isprintable():
        raise BackendError(f"{name}: the environment variable {variable} holds characters that no header may hold")
    return value


Wanted: TypeAlias = Literal["more", "rest", "over"]
"""What is wanted after a piece: more; only what else is said of the answer, such as its usage; or nothing."""


class Client:
    """Asks one server. It is used within `async with`, in one event loop.

    Args:
        server: where it is.
        secrets: what it is told.
        size: requests at once at most.
    """

    def __init__(self, server: Server, secrets: Secrets, size: int) -> None:
        self._server = server
        self._secrets = secrets
        self._size = size

    async def __aenter__(self) -> Self:
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(SILENCE_S, connect=_CONNECT_S, write=_SEND_S, pool=None),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=self._size),
            # Headers would go along.
            follow_redirects=False,
            # A proxy knows no address of this machine.
            trust_env=urlsplit(self._server.base_url).hostname not in ("127.0.0.1", "localhost", "::1"),
            event_hooks={"response": [_bound_error]},
        )
        # Compressed, a small body may become any size.
        headers: dict[str, Any] = {"Accept-Encoding": "identity", **self._secrets.headers}
        has_own = any(name.lower() == "authorization" for name in headers)
        self._options: Any = {}
        if not self._secrets.key and not has_own:
            self._options = {"headers": {"Authorization": openai.Omit()}}
        self._openai = openai.AsyncOpenAI(
            # It insists on one. What is sent without a key has no such header.
            api_key=self._secrets.key or "none",
            base_url=self._server.base_url,
            max_retries=0,
            default_headers=headers,
            http_client=self._http,
        )
        if self._server.base_url != OPENAI_URL:
            # The client takes them from the environment: they are nobody else's business.
            self._openai.organization = self._openai.project = None
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._openai.close()

    async def ask(self, url: str, body: Mapping[str, Any], take: Callable[[Any], Wanted], *, longest: int) -> bool:
        """Send a request, and hand on what comes back as decoded JSON, until that is enough or nothing more comes.

        Return whether the server has said that nothing more comes; it may have been enough before.

        Args:
            url: what is asked.
            body: as JSON builtins.
            take: is given each piece, and says what it wants next.
            longest: bytes that may come back.

        Raises:
            ServerError: there is no answer, or a part of one.
        """
        try:
            stream = await self._openai.post(
                url,
                cast_to=object,
                body=dict(body),
                options=self._options,
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
        except openai.APIError as error:
            raise self._error(error) from None
        wanted: Wanted = "more"
        try:
            async with asyncio.timeout(None) as limit:
                async with aclosing(_pieces(stream.response, longest)) as pieces:
                    async for piece in pieces:
                        if piece == _DONE:
                            return True
                        wanted = take(self._decoded(piece))
                        if wanted == "over":
                            break
                        if wanted == "rest" and limit.when() is None:
                            limit.reschedule(asyncio.get_running_loop().time() + _REST_S)
        except TimeoutError:
            if not limit.expired():
                raise
        except httpx2.TimeoutException:
            raise _silent() from None
        except httpx2.HTTPError as error:
            # The answer itself is there where only its usage was waited for.
            if wanted == "more":
                raise ServerError("cut", f"the connection ended in the middle of the answer ({_word(error)})") from None
        finally:
            await stream.response.aclose()
        return False

    async def models(self, url: str) -> list[str]:
        """Return the names of the server's models; none where it does not tell them."""
        headers = {"Authorization": f"Bearer {self._secrets.key}"} if self._secrets.key else {}
        try:
            async with self._http.stream("GET", url, headers={**headers, **self._secrets.headers}) as answer:
                if answer.status_code != 200:
                    return []
                body = b"".join([piece async for piece in _read(answer, _LONGEST_LIST)])
            listed = json.loads(body)
            return [str(row.get("id") or row["name"]) for row in listed.get("data") or listed["models"]]
        except (httpx2.HTTPError, ServerError, ValueError, RecursionError, AttributeError, TypeError, KeyError):
            return []

    def _decoded(self, piece: bytes) -> Any:
        try:
            value = json.loads(piece)
        except (ValueError, RecursionError):
            text = self._secrets.hide(piece[:1000].decode("utf-8", "replace"))
            raise ServerError("strange", f"what came is no JSON: {said(text)}") from None
        if not isinstance(value, dict):
            raise ServerError(
                "strange", f"what came is no JSON object: {said(self._secrets.hide(json.dumps(value)[:1000]))}"
            )
        if error := value.get("error"):
            raise self._hidden(of_event(error))
        return value

    def _error(self, error: openai.APIError) -> ServerError:
        if isinstance(error, openai.APIStatusError):
            return self._hidden(of_status(error.status_code, error.body, error.response.headers))
        cause = error.__cause__
        if isinstance(error, openai.APITimeoutError):
            return _silent() if _word(cause) == "ReadTimeout" else ServerError("unreachable", "it does not answer")
        if _word(cause) in ("ConnectError", "ProxyError", "UnsupportedProtocol"):
            return ServerError("unreachable", self._secrets.hide(said(str(cause)) or "nothing listens there"))
        return ServerError("cut", f"the connection ended before an answer ({_word(cause)})")

    def _hidden(self, error: ServerError) -> ServerError:
        error.args = (self._secrets.hide(str(error)),)
        return error


def _word(error: BaseException | None) -> str:
    return type(error).__name__


def _silent() -> ServerError:
    return ServerError("silent", f"nothing came for {SILENCE_S:g} s")


class _Beginning(httpx2.AsyncByteStream):
    """The beginning of a body: what comes after it is left."""

    def __init__(self, stream: httpx2.AsyncByteStream, longest: int) -> None:
        self._stream = stream
        self._longest = longest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._longest
        async for chunk in self._stream:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound_error(response: httpx2.Response) -> None:
    """Cut the body of an error, which the client reads as a whole."""
    if response.status_code >= 300 and isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Beginning(response.stream, _LONGEST_ERROR)


async def _read(response: httpx2.Response, longest: int) -> AsyncGenerator[bytes]:
    """Yield a body as it comes.

    Raises:
        ServerError: it is longer than that.
    """
    count = 0
    async for chunk in response.aiter_bytes():
        count += len(chunk)
        if count > longest:
            raise ServerError("strange", f"more than {longest:,} bytes came, which no answer to this case has")
        yield chunk


async def _pieces(response: httpx2.Response, longest: int) -> AsyncGenerator[bytes]:
    """Yield the JSON texts of a body: one, one a line, or one a server-sent event; `_DONE` last, where it is complete.

    Raises:
        ServerError: it is too long, or a web page.
    """
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_whole, is_page, buffer = kind == "application/json", kind == "text/html", b""
    async with aclosing(_read(response, longest)) as chunks:
        async for chunk in chunks:
            is_page = is_page or (not buffer and chunk.lstrip().startswith(b"<"))
            buffer += chunk
            if is_page:
                raise ServerError("strange", f"what came is {said('<' + buffer[:1000].decode('utf-8', 'replace'))}")
            if is_whole:
                continue
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                text = _text_of(line)
                if text:
                    yield text
                if text == _DONE:
                    return
    rest = buffer.strip() if is_whole else _text_of(buffer)
    if rest:
        yield rest
    if is_whole:
        yield _DONE


def _text_of(line: bytes) -> bytes:
    """Return the JSON text in a line: of an event its data, or the whole line; empty for none."""
    line = line.strip()
    if line.startswith((b"data:", b"error:")):
        return line.partition(b":")[2].strip()
    return line if line.startswith((b"{", b"[")) else b""
