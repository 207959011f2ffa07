"""The backend `openai`: a server that behaves, and one that does not."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from helpers.servers import KEY, FakeServer, Handler, expected, hang, right, running
from helpers.waiting import wait_until
from helpers.watching import Witness

from pytest_edgejson.backends.interface import BackendError, Completion, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.server.errors import of_event
from pytest_edgejson.backends.spec import ModelSpec, Server
from pytest_edgejson.suite.cases import Case

pytest.importorskip("openai", reason="openai is not installed: pip install 'pytest-edgejson[server]'")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with running(FakeServer()) as server:
        yield server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_edgejson.backends.server.pool.FIRST_WAIT_S", 0.02)


def load(server: FakeServer, *, options: dict[str, Any] | None = None, spec: Any = None, **settings: Any) -> Any:
    spec = {"prompt": "{prompt}", "server": Server(server.url), **(spec or {})}
    generation = GenerationSettings(**{"max_new_tokens": 64, **settings})
    return load_backend(ModelSpec("tested", "openai", "m", **spec), generation, LoadOptions(**(options or {})))


def cases(count: int) -> list[Case]:
    return [
        Case(f"case-{number}", "s", "simple", f'Text: {{"number": {number}}}', {"number": number})
        for number in range(count)
    ]


def asked_of(backend: Any, count: int = 1, **further: Any) -> list[Request]:
    return [Request(case.id, backend.render(case), case, **further) for case in cases(count)]


def answers(backend: Any, count: int = 1, **further: Any) -> dict[str, Completion]:
    return {each.key: each for each in backend.generate(asked_of(backend, count, **further))}


def answer(backend: Any, **further: Any) -> Completion:
    (found,) = answers(backend, **further).values()
    return found


def test_each_case_is_asked_with_all_that_decides_its_answer(server: FakeServer) -> None:
    found = answers(load(server), 3)
    assert {key: each.text for key, each in found.items()} == {
        f"case-{number}": f'{{"number": {number}}}' for number in range(3)
    }
    for each in found.values():
        assert (each.finish_reason, each.prompt_tokens, each.output_tokens) == ("stop", 11, 22)
        assert each.latency_s > 0
        assert each.compute_s > 0
    body = next(body for body in server.requests if body["messages"][0]["content"].endswith("0}"))
    assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"]) == ("m", 0.0, 1.0, 64)
    assert body["messages"] == [{"role": "user", "content": 'Text: {"number": 0}'}]
    assert isinstance(body["seed"], int)
    assert body["stream"] is True


def test_an_answer_ends_with_its_root_object(server: FakeServer) -> None:
    ended = []

    def go_on(handler: Handler) -> None:
        handler.begin_stream()
        handler.piece(content='Here: {"number": 1}  and')
        for _ in range(10_000):
            handler.piece(content=" more")
            time.sleep(0.001)
        ended.append(handler)

    server.answer = go_on
    found = answer(load(server))
    assert (found.text, found.finish_reason, found.output_tokens) == ('Here: {"number": 1}', "stop", None)
    wait_until(lambda: not server.under_way)
    assert not ended
    whole = answer(load(server, stop_at_root=False, loops="keep"), timeout_s=3)
    assert whole.finish_reason == "timeout"
    assert whole.text.startswith('Here: {"number": 1}  and more more')


def test_an_answer_that_repeats_itself_is_ended_in_a_thought_too(server: FakeServer) -> None:
    server.answer = lambda handler: handler.say("one two " * 2000)
    assert answer(load(server)).finish_reason == "loop"
    server.answer = lambda handler: handler.say("{}", thought="one two " * 2000)
    found = answer(load(server))
    assert (found.finish_reason, found.text) == ("loop", "")
    assert answer(load(server, loops="keep")).finish_reason == "stop"


def test_thoughts_are_kept_apart_and_counted(server: FakeServer) -> None:
    counts = {"completion_tokens_details": {"reasoning_tokens": 17}, "prompt_tokens_details": {"cached_tokens": 5}}
    server.answer = lambda handler: handler.say(expected(handler), thought='Is it {"number": 7}? No.', **counts)
    found = answer(load(server))
    assert (found.text, found.thought) == ('{"number": 0}', 'Is it {"number": 7}? No.')
    assert (found.output_tokens, found.thought_tokens, found.cached_tokens) == (22, 17, 5)


@pytest.mark.parametrize(
    ("text", "thought", "finish", "tokens", "counted"),
    [
        # In pieces of 7 characters: <think> no</thi nk>{"nu mber":  0}
        ('<think>no</think>{"number": 0}', "", "stop", 5, 3),
        ('<think>no</think>{"number": 0}', "", "stop", 6, 3),
        # One token at least came together with another one.
        ('<think>no</think>{"number": 0}', "", "stop", 7, None),
        ('<think>no</think>{"number": 0}', "", "length", 6, None),
        ('<think>no</think>{"number": 0}', "", "stop", 4, None),
        ('<think>no</think>{"number": 0}', "", "stop", None, None),
        ("<think>it never ends", "", "length", 3, 3),
        # The server's template has opened it.
        ('no</think>{"number": 0}', "", "stop", 5, 2),
        ('{"number": 0}', "Is it 0?", "stop", 5, 2),
        ('{"number": 0}', "Is it 0?", "stop", 8, None),
        ('{"number": 0}', "", "stop", 3, None),
    ],
)
def test_thoughts_that_nobody_counts_are_where_each_piece_is_a_token(
    server: FakeServer, text: str, thought: str, finish: str, tokens: int | None, counted: int | None
) -> None:
    server.answer = lambda handler: handler.say(
        text, finish=finish, thought=thought, usage=tokens is not None, completion_tokens=tokens
    )
    assert answer(load(server)).thought_tokens == counted


@pytest.mark.parametrize(
    ("text", "tokens", "counted"), [("{}", 9, 0), ("<think>a</think>{}", 3, 3), ("</think>{}", 9, None)]
)
def test_a_server_that_counts_no_thoughts_is_not_believed_where_there_are_some(
    server: FakeServer, text: str, tokens: int, counted: int | None
) -> None:
    counts = {"completion_tokens": tokens, "completion_tokens_details": {"reasoning_tokens": 0}}
    server.answer = lambda handler: handler.say(text, **counts)
    assert answer(load(server)).thought_tokens == counted


def test_a_server_that_does_not_stream_is_understood(server: FakeServer) -> None:
    message = {"role": "assistant", "content": '{"number": 0}', "reasoning": "Hm."}
    server.answer = lambda handler: handler.reply(
        200,
        {
            "choices": [{"message": message, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        },
    )
    found = answer(load(server))
    assert (found.text, found.thought, found.output_tokens) == ('{"number": 0}', "Hm.", 4)


@pytest.mark.parametrize(
    ("word", "reason"), [("stop", "stop"), ("length", "length"), ("eos_token", "stop"), ("max_tokens", "length")]
)
def test_what_ended_an_answer_is_told_by_any_name(server: FakeServer, word: str, reason: str) -> None:
    server.answer = lambda handler: handler.say("no object", finish=word)
    assert answer(load(server)).finish_reason == reason


@pytest.mark.parametrize("goes_on", ["", "null"])
@pytest.mark.parametrize("ends", ["stop", ""])
def test_an_answer_goes_on_whatever_stands_for_no_finish_reason(server: FakeServer, goes_on: str, ends: str) -> None:
    def reply(handler: Handler) -> None:
        handler.begin_stream()
        for text in ('{"num', 'ber": ', "0}"):
            handler.piece(goes_on, content=text)
        handler.piece(ends)
        handler.event("[DONE]")

    server.answer = reply
    found = answer(load(server, stop_at_root=False))
    assert (found.text, found.finish_reason) == ('{"number": 0}', "stop")


def test_a_whole_document_is_an_answer_that_has_ended(server: FakeServer) -> None:
    message = {"role": "assistant", "content": "no object"}
    server.answer = lambda handler: handler.reply(200, {"choices": [{"message": message, "finish_reason": ""}]})
    assert (answer(load(server)).text, len(server.requests)) == ("no object", 1)


@pytest.mark.parametrize("then", ["cut", "silent"])
def test_an_answer_that_has_ended_is_kept_whatever_becomes_of_its_usage(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    # Longer than the case may take.
    monkeypatch.setattr("pytest_edgejson.backends.server.client._REST_S", 60)

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for content, finish in (('{"number": 0}', None), ("", "stop")):
            choice = {"delta": {"content": content}, "finish_reason": finish}
            event = f"data: {json.dumps({'choices': [choice]})}\n\n".encode()
            handler.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        if then == "silent":
            time.sleep(10)
        # Without the chunk that ends the body.
        handler.cut()

    server.answer = reply
    found = answer(load(server, stop_at_root=False), timeout_s=3)
    assert (found.text, found.finish_reason, found.output_tokens) == ('{"number": 0}', "stop", None)
    assert found.error is None
    assert len(server.requests) == 1


# What goes wrong with one case.


def test_each_thing_that_goes_wrong_is_that_cases_error_alone(server: FakeServer) -> None:
    def half(handler: Handler) -> None:
        handler.begin_stream()
        handler.piece(content='{"num')
        handler.cut()

    def whole_but_short(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "5000")
        handler.end_headers()
        handler.wfile.write(b'{"choices": [')
        handler.cut()

    def huge(handler: Handler) -> None:
        handler.reply(200, b'{"choices": [{"message": {"content": "' + b"x" * 50_000_000 + b'"}}]}')

    overflow = {"error": {"message": "the request exceeds the available context size", "code": 400}}
    replies: list[tuple[Any, str]] = [
        (lambda handler: handler.reply(400, overflow), "HTTP 400: the request exceeds the available context size"),
        (half, "the connection ended in the middle of the answer"),
        (whole_but_short, "the connection ended in the middle of the answer"),
        (huge, "bytes came, which no answer to this case has"),
        (
            lambda handler: handler.reply(
                200, b"<!doctype html><title>502 Bad gateway</title>", content_type="text/html"
            ),
            "what came is a web page, '502 Bad gateway'",
        ),
        (lambda handler: handler.reply(200, {"choices": []}), "an empty answer came: no choices"),
        (lambda handler: handler.reply(200, b""), "an empty answer came: no choices"),
        (lambda handler: handler.reply(200, b'{"choices": [[[['), "what came is no JSON: "),
        (lambda handler: handler.reply(200, {"choices": 7}), "what came is no answer of /chat/completions"),
        (lambda handler: handler.reply(200, {"error": {"message": "no"}}), "no"),
        (lambda handler: handler.say("", finish="content_filter"), "the server's content filter ended the answer"),
        (lambda handler: handler.reply(500, {"error": "out of memory"}), "HTTP 500: out of memory, asked 6 times"),
    ]

    def reply(handler: Handler) -> None:
        number = json.loads(expected(handler))["number"]
        (replies[number][0] if number < len(replies) else right)(handler)

    server.answer = reply
    found = answers(load(server), len(replies) + 2)
    for number, (_, message) in enumerate(replies):
        each = found[f"case-{number}"]
        assert each.finish_reason == "error", each
        assert message in each.error
        assert "\n" not in each.error
    assert found[f"case-{len(replies)}"].text == f'{{"number": {len(replies)}}}'


def test_a_case_that_takes_too_long_is_a_timeout_and_the_others_go_on(server: FakeServer) -> None:
    def reply(handler: Handler) -> None:
        (hang(60) if expected(handler).endswith("0}") else right)(handler)

    server.answer = reply
    began_s = time.monotonic()
    found = answers(load(server), 3, timeout_s=5)
    assert time.monotonic() - began_s < 30
    assert [found[f"case-{number}"].finish_reason for number in range(3)] == ["timeout", "stop", "stop"]
    assert found["case-0"].error.startswith("no end after 5 s: give it longer with --edgejson-timeout")


def test_a_server_that_falls_silent_is_left(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_edgejson.backends.server.client.SILENCE_S", 0.3)
    server.answer = hang(3)
    assert answer(load(server)).error == "nothing came for 0.3 s"
    wait_until(lambda: len(server.requests) == 1)


def test_a_server_that_sends_on_to_another_is_not_followed(server: FakeServer) -> None:
    server.answer = lambda handler: handler.reply(307, b"", Location="http://127.0.0.2:9/v1/chat/completions")
    assert "HTTP 307: redirects to http://127.0.0.2:9/v1/chat/completions" in check(load(server))


# What helps when it is tried again.


def times(reply: Any, count: int) -> Any:
    """Reply so to the first requests of each case, and as expected afterwards."""
    seen: dict[str, int] = {}

    def answering(handler: Handler) -> None:
        seen[handler.text] = seen.get(handler.text, 0) + 1
        (reply if seen[handler.text] <= count else right)(handler)

    return answering


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_what_may_work_later_is_asked_again(server: FakeServer, status: int) -> None:
    server.answer = times(lambda handler: handler.reply(status, {"error": {"message": "later"}}), 2)
    found = answers(load(server), 2)
    assert {each.finish_reason for each in found.values()} == {"stop"}
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("error", "is_crowded"),
    [
        ({"code": "server_error", "message": "provider disconnected"}, False),
        ({"code": None, "type": "server_error", "message": "no"}, False),
        ({"type": "overloaded_error", "message": "Overloaded"}, True),
        ({"code": "rate_limit_exceeded", "type": "tokens", "message": "slow down"}, True),
        ({"code": "502", "message": "bad gateway"}, False),
        ({"code": 503, "message": "loading"}, True),
    ],
)
def test_an_error_in_the_midst_of_an_answer_is_known_by_its_word(
    server: FakeServer, error: dict[str, Any], is_crowded: bool
) -> None:
    def reply(handler: Handler) -> None:
        handler.begin_stream()
        handler.piece(content='{"num')
        handler.event({"error": error})

    server.answer = times(reply, 1)
    found = answer(load(server))
    assert (found.text, found.error, len(server.requests)) == ('{"number": 0}', None, 2)
    assert of_event(error).is_crowded == is_crowded


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"message": "no such thing", "code": "invalid_request"}, "no such thing"),
        ({"message": "no such thing", "code": None}, "no such thing"),
        ("no such thing", "no such thing"),
        ({"message": "no such thing", "code": "9" * 5000}, "no such thing"),
        ({"message": "no such thing", "code": "404"}, "HTTP 404: no such thing"),
    ],
)
def test_an_error_in_the_midst_of_an_answer_has_no_status_that_nobody_sent(
    server: FakeServer, error: object, message: str
) -> None:
    def reply(handler: Handler) -> None:
        if expected(handler).endswith("1}"):
            handler.begin_stream()
            handler.event({"error": error})
        else:
            right(handler)

    server.answer = reply
    found = answers(load(server, options={"batch_size": 1}), 2)
    assert (found["case-0"].finish_reason, found["case-1"].error) == ("stop", message)
    assert len(server.requests) == 2


def test_a_connection_that_ended_is_asked_again(server: FakeServer) -> None:
    server.answer = times(Handler.cut, 1)
    assert answer(load(server)).text == '{"number": 0}'


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_that_wants_to_be_left_alone_is(server: FakeServer, form: str) -> None:
    said: list[float] = []

    def reply(handler: Handler) -> None:
        said.append(time.monotonic())
        header = "4" if form == "seconds" else formatdate(time.time() + 4.5, usegmt=True)
        handler.reply(429, {"error": {"message": "slow down"}}, Retry_After=header)

    server.answer = times(reply, 1)
    backend = load(server, options={"batch_size": 1})
    backend.watch = witness = Witness()
    began_s = time.monotonic()
    assert answer(backend).text == '{"number": 0}'
    assert time.monotonic() - began_s >= 3.4
    assert any(re.fullmatch(r"waiting [1-4] s, as the server says HTTP 429", each) for each in witness.waits)


def test_an_answer_that_is_streamed_is_heard_up_to_its_end_and_without_secrets(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reply(handler: Handler) -> None:
        handler.begin_stream()
        for text in ('{"number"', ": 0, ", f'"key": "{KEY}"', "} and more"):
            handler.piece(content=text)
        handler.event("[DONE]")

    monkeypatch.setenv("A_KEY", KEY)
    server.answer = reply
    backend = load(server, spec={"server": Server(server.url, api_key_env="A_KEY")})
    backend.watch = witness = Witness()
    whole = '{"number": 0, "key": "***"}'
    assert answer(backend, streamed=True).text == whole
    assert [text for _, text in witness.heard] == ['{"number"', '{"number": 0, ', whole[:-1], whole]
    assert answer(backend).text == whole
    assert len(witness.heard) == 4


def test_a_server_with_too_much_to_do_gets_less_at_once(server: FakeServer) -> None:
    def reply(handler: Handler) -> None:
        time.sleep(0.02)
        if handler.server.under_way > 2:
            handler.reply(429, {"error": {"message": "too many"}})
        else:
            right(handler)

    server.answer = reply
    backend = load(server, options={"batch_size": 8})
    backend.watch = witness = Witness()
    found = answers(backend, 30)
    assert {each.finish_reason for each in found.values()} == {"stop"}
    assert server.most <= 8
    assert any(each.endswith(" at once") for each in witness.waits)


def test_a_pause_that_nobody_waits_for_ends_the_model(server: FakeServer) -> None:
    server.answer = lambda handler: handler.reply(429, {"error": {"message": "tomorrow"}}, Retry_After="86400")
    with pytest.raises(BackendError, match=r"answers no further case \(HTTP 429: tomorrow\)$"):
        answers(load(server), 5)


def test_the_deadline_ends_all_that_is_under_way(server: FakeServer) -> None:
    def reply(handler: Handler) -> None:
        (right if expected(handler).endswith("0}") else hang(60))(handler)

    server.answer = reply
    backend = load(server)
    backend.deadline = time.monotonic() + 5
    began_s = time.monotonic()
    assert [*answers(backend, 4)] == ["case-0"]
    assert time.monotonic() - began_s < 30


def test_a_run_that_is_left_closes_its_connections(server: FakeServer) -> None:
    def reply(handler: Handler) -> None:
        if expected(handler).endswith("0}"):
            # Not before the others are under way.
            wait_until(lambda: server.under_way == 3)
            right(handler)
            return
        handler.begin_stream()
        for _ in range(1000):
            handler.piece(content=f"word {time.monotonic_ns()} ")
            time.sleep(0.01)

    server.answer = reply
    stream = load(server).generate(asked_of(load(server), 3))
    next(stream)
    stream.close()
    wait_until(lambda: server.left == 2)


# What a server does not know is said otherwise.


def test_the_token_limit_is_said_as_the_server_knows_it(server: FakeServer) -> None:
    def reply(handler: Handler) -> None:
        if "max_tokens" in handler.asked:
            message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
            handler.reply(400, {"error": {"message": message, "param": "max_tokens"}})
        elif "stream_options" in handler.asked:
            handler.reply(
                422, {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}
            )
        else:
            right(handler)

    server.answer = reply
    backend = load(server, options={"batch_size": 1})
    assert {each.finish_reason for each in answers(backend, 4).values()} == {"stop"}
    # Two were refused, once.
    assert len(server.requests) == 6
    assert server.requests[-1]["max_completion_tokens"] == 64


def test_a_limit_that_is_too_large_is_no_unknown_field(server: FakeServer) -> None:
    message = "max_tokens is too large: 64. This model supports at most 10 completion tokens."
    server.answer = lambda handler: handler.reply(400, {"error": {"message": message}})
    assert message in answer(load(server)).error
    assert len(server.requests) == 1


# The request before the first case.


def check(backend: Any) -> str:
    with pytest.raises(BackendError) as caught:
        backend.check(lambda: True)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_server_is_tried_out_only_where_it_is_needed(server: FakeServer) -> None:
    load(server).check(lambda: False)
    assert server.requests == []
    load(server).check(lambda: True)
    assert server.requests[0]["max_tokens"] == 16


def test_a_server_that_is_not_there_is_told_with_the_fix() -> None:
    with running(FakeServer()) as server:
        pass
    assert check(load(server)).startswith(f"tested: no server answers at {server.url} (")


def test_an_unknown_model_is_told_with_those_there_are(server: FakeServer) -> None:
    server.models = ["zephyr", "llama-3b", "mm"]
    server.answer = lambda handler: handler.reply(404, {"error": {"message": "no such model", "code": "x"}})
    assert check(load(server)) == (
        f"tested: the server at {server.url} has no model 'm' (HTTP 404: no such model): it has: mm, llama-3b, zephyr"
    )


def test_a_model_that_is_not_listed_but_answers_is_a_warning(server: FakeServer) -> None:
    server.models = ["other"]
    backend = load(server)
    backend.watch = witness = Witness()
    backend.check(lambda: True)
    assert witness.notes == ["edgejson: tested: warning: the server answers, but lists no model 'm'; it lists: other"]
    server.models = None
    backend.check(lambda: True)
    assert len(witness.notes) == 1


def test_a_wrong_key_is_told_without_the_key(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answer = lambda handler: handler.reply(
        401, {"error": {"message": f"Incorrect API key: {handler.headers.get('Authorization')}"}}
    )
    assert "refuses who has no key" in check(load(server))
    monkeypatch.setenv("MY_KEY", "sk-secret-value")
    message = check(load(server, spec={"server": Server(server.url, api_key_env="MY_KEY")}))
    assert message == (
        f"tested: the server at {server.url} refuses the key (HTTP 401: Incorrect API key: Bearer ***): "
        "check the key in the environment variable MY_KEY"
    )


def test_a_missing_key_is_told(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    message = check(load(server, spec={"server": Server(server.url, api_key_env="MY_KEY")}))
    assert message == "tested: the environment variable MY_KEY is not set (api_key_env): export MY_KEY=…"


def test_what_is_openais_goes_to_nobody_else(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openais-own")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-own")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-own")
    load(server).check(lambda: True)
    assert server.seen
    for _, headers in server.seen:
        assert not {"authorization", "openai-organization", "openai-project"} & {name.lower() for name in headers}


def test_a_base_url_without_v1_is_told(server: FakeServer) -> None:
    def reply(handler: Handler) -> None:
        if handler.path != "/v1/chat/completions":
            handler.reply(404, b"404 page not found", content_type="text/plain")

    server.answer = reply
    message = check(load(server, spec={"server": Server(server.root)}))
    assert "does its base URL end with /v1?" in message


def test_headers_are_made_of_the_environment(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_TOKEN", "team-secret")
    server.answer = lambda handler: handler.say(f"the token is {handler.headers['X-Team']}")
    backend = load(server, spec={"server": Server(server.url, headers={"X-Team": "Token ${TEAM_TOKEN}"})})
    assert answer(backend).text == "the token is Token ***"
    assert server.seen[0][1]["X-Team"] == "Token team-secret"
    assert "team-secret" not in json.dumps(backend.description)


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        ({"adapter": "org/a"}, {}, "a server loads its adapters itself"),
        ({}, {"dtype": "bfloat16"}, "a server decides its number formats itself: leave out --edgejson-dtype"),
        ({}, {"repetition_penalty": 1.1}, "OpenAI's API knows no repetition penalty"),
        (
            {"server": Server("http://127.0.0.1:1", endpoint="llamacpp"), "prompt": "chat"},
            {},
            'endpoint = "llamacpp" is sent a text',
        ),
    ],
)
def test_what_it_cannot_do_is_said_before_anything_is_sent(
    server: FakeServer, spec: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(BackendError) as caught:
        load(server, spec=spec, **settings)
    assert str(caught.value).startswith(f"tested: {message}")


# The other endpoints.


def test_completions_are_sent_a_text(server: FakeServer) -> None:
    server.answer = lambda handler: handler.reply(
        200, {"choices": [{"text": ' {"number": 0}', "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}
    )
    backend = load(server, spec={"server": Server(server.url, endpoint="completions")})
    assert answer(backend).text == ' {"number": 0}'
    assert (server.seen[0][0], server.requests[0]["prompt"]) == ("/v1/completions", 'Text: {"number": 0}')


def test_a_thought_that_the_prompt_opens_and_nothing_ends_is_no_answer(server: FakeServer) -> None:
    def reply(handler: Handler) -> None:
        handler.begin_stream()
        handler.event({"choices": [{"text": 'Perhaps {"number": 0}, but', "finish_reason": "length"}]})
        handler.event("[DONE]")

    server.answer = reply
    opened = {"server": Server(server.url, endpoint="completions"), "prompt": "{prompt}<think>\n"}
    found = answer(load(server, spec=opened))
    assert (found.text, found.thought, found.finish_reason) == ("", 'Perhaps {"number": 0}, but', "length")
    # Held to a schema, it cannot think.
    found = answer(load(server, spec=opened), constraint='{"type": "object"}')
    assert (found.text, found.thought) == ('Perhaps {"number": 0}, but', None)


def test_llamacpps_own_endpoint(server: FakeServer) -> None:
    def reply(handler: Handler) -> None:
        handler.begin_stream()
        handler.event({"content": '{"num', "stop": False})
        handler.event({"content": "ber", "stop": False})
        handler.event({"content": "", "stop": True, "stop_type": "limit", "tokens_predicted": 2, "tokens_evaluated": 9})

    server.answer = reply
    backend = load(server, spec={"server": Server(server.url, endpoint="llamacpp")}, repetition_penalty=1.2)
    found = answer(backend)
    assert (found.text, found.finish_reason, found.prompt_tokens, found.output_tokens) == ('{"number', "length", 9, 2)
    assert server.seen[0][0] == "/completion"
    body = server.requests[0]
    assert (body["n_predict"], body["repeat_penalty"], body["top_k"]) == (64, 1.2, 0)


def test_ollamas_own_endpoint(server: FakeServer) -> None:
    def reply(handler: Handler) -> None:
        handler.begin_stream("application/x-ndjson")
        for piece in ({"response": '{"number": ', "done": False}, {"response": "0}", "done": False}):
            handler.wfile.write(json.dumps(piece).encode() + b"\n")
        last = {"response": "", "done": True, "done_reason": "stop", "prompt_eval_count": 8, "eval_count": 5}
        handler.wfile.write(json.dumps(last).encode() + b"\n")

    server.answer = reply
    extra = {"options": {"num_ctx": 8192}}
    backend = load(server, spec={"server": Server(server.root, endpoint="ollama", extra_body=extra)})
    found = answer(backend)
    assert (found.text, found.prompt_tokens, found.output_tokens) == ('{"number": 0}', 8, 5)
    body = server.requests[0]
    assert body["raw"] is True
    assert (body["options"]["num_ctx"], body["options"]["num_predict"]) == (8192, 64)


# The store.


def test_the_store_knows_where_and_what_is_sent(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "one-key-or-another")
    here = Server(server.url)
    first = load(server).fingerprint
    assert load(server, spec={"server": Server(server.url, api_key_env="MY_KEY", concurrency=2)}).fingerprint == first
    others = [
        load(server, spec={"server": each}).fingerprint
        for each in (
            Server(server.root),
            Server(here.base_url, endpoint="completions"),
            Server(here.base_url, extra_body={"top_k": 1}),
            Server(here.base_url, headers={"X-A": "b"}),
            Server(here.base_url, constrain_field="guided_json"),
        )
    ]
    assert len({first, *others}) == 6
