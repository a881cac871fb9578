"""Gets vectors of texts from endpoints with OpenAI's embeddings format."""

import math
import sys
from array import array
from collections.abc import Sequence
from functools import partial
from typing import Any

from app.concurrency.first_use import loaded
from app.concurrency.offload import offload
from app.llm.endpoint import Endpoint
from app.llm.failures import Unreadable
from app.llm.openai_library import openai_client
from app.llm.tolerant import as_count, as_object, objects_of
from engine.counted import counted
from engine.value import value
from steps.effects.chat import Usage
from steps.models.tokens import text_tokens

MOST_DIMENSIONS = 4_096


@value(frozen=True, slots=True)
class Embedded:
    """The vectors of some texts.

    Attributes:
        vectors: One per text, in the same order: 32-bit floats, little-endian, of length one.
        embedder: The provider's name of the model that made them.
    """

    vectors: Sequence[bytes]
    embedder: str
    usage: Usage
    latency_ms: int = 0


async def ask(endpoint: Endpoint, texts: Sequence[str]) -> Embedded:
    """Ask once; the caller fills in `latency_ms`.

    Raises:
        ProviderError: The answer is an error.
        Unreadable: The answer is not in the wire format.
        Exception: Whatever the library raises.
    """
    settings = endpoint.settings
    client, received = await loaded(partial(_library, endpoint))
    body: dict[str, Any] = {"model": settings.model, "input": [*texts], "encoding_format": "float"}
    asked = client.embeddings.with_streaming_response.create(
        **body, extra_body={**settings.options} or None
    )
    async with asked as answer:
        response = answer.http_response
        whole: dict[str, Any] = await received.document(response)
    found = objects_of(whole.get("data"))
    if not found:
        raise received.no_answer(whole, response)
    vectors = await offload(partial(_vectors, found, len(texts)))
    counts = as_object(whole.get("usage"))
    tokens = as_count(counts.get("prompt_tokens")) or as_count(counts.get("total_tokens"))
    counted = tokens or sum(map(text_tokens, texts))
    return Embedded(vectors, settings.model, Usage(counted, estimated=not tokens))


def _library(endpoint: Endpoint) -> tuple[Any, Any]:
    client = openai_client(endpoint)
    from app.llm import received

    return client, received


def _vectors(found: Sequence[dict[str, Any]], count: int) -> list[bytes]:
    """Return the vectors in the order of the indexes in the answer, if it has each once.

    Raises `Unreadable`.
    """
    if len(found) != count:
        raise Unreadable(f"it holds {counted(len(found), 'vector')}, and was asked for {count}")
    places = [as_count(item.get("index")) for item in found]
    if set(places) != set(range(count)):  # some servers number none, or all the same
        places = [*range(count)]
    at_place = dict(zip(places, found, strict=True))
    vectors = [_vector(at_place[place].get("embedding")) for place in range(count)]
    if len({len(one) for one in vectors}) > 1:
        raise Unreadable("its vectors are not of one length")
    return vectors


def _vector(numbers: object) -> bytes:
    """Return a vector as it is stored, of length one. Raises `Unreadable`."""
    if not isinstance(numbers, list) or not 0 < len(numbers) <= MOST_DIMENSIONS:
        raise Unreadable(f"a vector in it is not a list of 1 to {MOST_DIMENSIONS:,} numbers")
    try:
        length = math.hypot(*numbers)
        unit = array("f", (number / length for number in numbers) if length else numbers)
    except (TypeError, OverflowError) as odd:
        raise Unreadable("a vector in it holds something other than a number") from odd
    if not math.isfinite(length):
        raise Unreadable("a vector in it holds something other than a number")
    if sys.byteorder == "big":
        unit.byteswap()
    return unit.tobytes()
