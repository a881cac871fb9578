"""Restores documents that a server has shown and that come back to be saved."""

from collections.abc import Collection

from engine import Json, JsonObject

_OF_DEFINITIONS = ("version", "createdAt", "updatedAt")
_STATES = ("published", "archived")


def as_written(
    document: JsonObject, marks: Collection[str], added: Collection[str] = ()
) -> JsonObject:
    """Return a document without the keys that the server added when it showed it.

    A document that lacks one of the `marks` was not shown by a server and is left unchanged; a key
    without effect is then refused.

    Args:
        document: The document as received.
        marks: Keys that the server adds to everything it shows.
        added: Keys that it adds to some of them.
    """
    if not document.keys() >= set(marks):
        return document
    return {key: value for key, value in document.items() if key not in {*marks, *added}}


def definition_as_written(document: Json) -> Json:
    """Return a workflow or an agent that was shown as its author wrote it.

    Its published or archived state is not part of what the author wrote.
    """
    if not isinstance(document, dict):
        return document
    written = as_written(document, _OF_DEFINITIONS, ("publishedAt", "warnings"))
    if written is not document and written.get("status") in _STATES:
        return {key: value for key, value in written.items() if key != "status"}
    return written
