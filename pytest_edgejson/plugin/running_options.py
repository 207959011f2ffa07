"""Options that say where models run, how many cases at once, and for how long."""

from __future__ import annotations

from argparse import ArgumentTypeError

from pytest_edgejson.plugin.option import Option
from pytest_edgejson.plugin.option_values import parse_cluster, parse_count, parse_devices, parse_seconds


def parse_address(text: str) -> str:
    """Read a server's base URL."""
    from pytest_edgejson.backends.server.entry import parse_base_url

    try:
        return parse_base_url(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


RUNNING_OPTIONS = (
    Option(
        "base_url",
        parse_address,
        "ask models of servers, such as openai:MODEL, at this address, for example http://127.0.0.1:8000/v1 (default: "
        "what the model's entry says, else OpenAI's own)",
        "URL",
    ),
    Option(
        "batch_size",
        parse_count,
        "cases at once: of a local model (default: chosen from the memory at hand), or asked of a server (default 8)",
        "N",
    ),
    Option(
        "device",
        parse_devices,
        "where a local model runs: cpu, cuda, cuda:1, mps (default: the best there is); with pytest-xdist one for each "
        "worker, such as cuda:0,cuda:1 or cpu,cpu (default: every GPU)",
        "DEVICE",
    ),
    Option(
        "timeout",
        parse_seconds,
        "seconds that a model may work on a case, which then counts as an error (default: no limit)",
        "SECONDS",
    ),
    Option(
        "deadline",
        parse_seconds,
        "seconds from the first case on after which nothing is generated any more: cases without an answer count as "
        "errors (default: no limit)",
        "SECONDS",
    ),
    Option(
        "ray",
        parse_cluster,
        "run the models in actors of a Ray cluster, several at once: of one that runs (HOST:PORT, or auto for the one "
        "that this machine belongs to), or without an address of this machine, for this run",
        "ADDRESS",
        without="local",
    ),
    Option(
        "check_batching",
        parse_count,
        "generate so many cases of each model once more, each alone, and tell how many answers differ",
        "K",
    ),
)
"""What models run on."""
