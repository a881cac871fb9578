"""The page `docs/errors.md`: every error of the API, and every type of step error."""

from collections.abc import Iterable, Iterator, Mapping

from app.web.errors import TABLE
from steps.contract.common_errors import COMMON_ERRORS
from steps.contract.step_type import AnyStepType
from steps.registry import Registry

_SAID: Mapping[tuple[int, str], tuple[str, str]] = {
    (400, "Invalid input"): (
        "The request is not acceptable as it was sent.",
        (
            "`details` name every problem with its place and what would fit. Correct all of them, "
            "and send the request again."
        ),
    ),
    (401, "Unauthorized"): (
        (
            "No valid credentials came with the request. All causes look the same, so that nobody "
            "learns which keys exist."
        ),
        (
            "Send `x-api-key` with `x-tenant-id`, or `Authorization: Bearer` with a token that has "
            "not expired. Was the key disabled, or made elsewhere? See `stepwell key list`."
        ),
    ),
    (403, "Forbidden"): (
        "The caller is known, and has too low a role; the message names the role that is needed.",
        "Use a key of that role, or ask an admin for it: [people](people.md).",
    ),
    (404, "Not found"): (
        "It does not exist, or is another tenant's: the two look the same.",
        (
            "Check the id, that `x-tenant-id` names the tenant that it is of, and the path: "
            "[the list of paths](api.md)."
        ),
    ),
    (405, "Method not allowed"): (
        "The path takes other methods; the header `Allow` names them.",
        "Send one of them.",
    ),
    (408, "Request timeout"): (
        "The body of the request came too slowly.",
        "Send it again, over a better connection or in smaller parts.",
    ),
    (409, "Conflict"): (
        (
            "It cannot be done as things stand: the run is over or has been answered, the name is "
            "taken, or there are as many as there may be. The message says which."
        ),
        "Look at its current state, then decide again. Repeating the same request does not help.",
    ),
    (410, "Run deleted"): (
        "The idempotency key has started a run before, and that run has been deleted since.",
        "Nothing is started again under this key. Use another one for another run.",
    ),
    (413, "Payload too large"): (
        "The body is larger than the server takes.",
        (
            "Send less, upload files by `POST /api/files`, or raise the limit that the message "
            "names: [settings](settings.md)."
        ),
    ),
    (415, "Unsupported media type"): (
        "The `Content-Type` is none that this path reads.",
        "Send JSON as `application/json`, or what [the list of paths](api.md) has for it.",
    ),
    (422, "Idempotency key reused"): (
        "The idempotency key came before, with another request.",
        "Use one key for one request: the same request again, or another key.",
    ),
    (429, "Too many requests"): (
        "The key or its tenant sends more than its share, or holds too many event streams.",
        "Wait for as many seconds as `Retry-After` says. The limits are [settings](settings.md).",
    ),
    (500, "Internal server error"): (
        "The server failed. The answer shows no cause, since it may hold data of others.",
        "Look for the `requestId` in the log of the server, which has the rest.",
    ),
    (503, "Service unavailable"): (
        (
            "The server has as much to do as it may, is not ready, or its journal did not answer. "
            "Then it is unknown whether a change was stored."
        ),
        (
            "Wait for as many seconds as `Retry-After` says, and repeat the request with the same "
            "idempotency key: then nothing happens twice."
        ),
    ),
}


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Errors\n"
    yield "What the API answers when it refuses a request, and what went wrong in a step. This page"
    yield "is made from the code (`make reference`).\n"
    yield "## Answers of the API\n"
    yield "Every refusal is JSON: `error` is one of the headings below, `message` says what is"
    yield "wrong, `details` name every problem with its `path` where there are several, and"
    yield "`requestId` finds the request in the log. The header `Link` leads to the heading.\n"
    for (status, word), (meaning, remedy) in _SAID.items():
        yield f"### {word}\n"
        yield f"Status {status}. {meaning}\n\n{remedy}\n"
        if status == 404:  # noqa: PLR2004 - one heading for many resources
            yield f"`error` names the thing: {_things()}.\n"
    yield "## Errors of steps\n"
    yield "A step that fails has an `errorType`. Edges, `retry` and `onError` choose by it:"
    yield "[definitions](definitions.md). Any step may fail with these:\n"
    yield "| `errorType` | when |\n| --- | --- |"
    yield from (f"| `{name}` | {when} |" for name, when in COMMON_ERRORS.items())
    yield "\nEach step type has its own besides:\n"
    yield "| step type | its error types |\n| --- | --- |"
    yield from _of_types(Registry.built_in().all)


def _things() -> str:
    """Return the resources that can be missing; fail if another answer has no text here."""
    answers = {(status, word) for _, status, word in TABLE}
    missing = {each for each in answers - _SAID.keys() if each[0] != 404}  # noqa: PLR2004
    if missing:
        raise KeyError(f"say what these mean: {sorted(missing)}")
    return ", ".join(f"`{word}`" for status, word in sorted(answers) if status == 404)  # noqa: PLR2004


def _of_types(types: Iterable[AnyStepType]) -> Iterator[str]:
    for kind in types:
        if kind.errors:
            names = ", ".join(f"`{name}`" for name in kind.errors)
            yield f"| [{kind.type}](steps/{kind.type}.md) | {names} |"
