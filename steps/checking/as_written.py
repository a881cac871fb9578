"""Documents that a server has shown, and that come back to be saved."""

from collections.abc import Collection

from engine import Json, JsonObject

_OF_DEFINITIONS = ("version", "createdAt", "updatedAt")
_STATES = ("published", "archived")


def as_written(
    document: JsonObject, marks: Collection[str], added: Collection[str] = ()
) -> JsonObject:
    """Return a document that was shown without what the server had added to it.

    One that lacks one of the `marks` was not shown, and stays as it is: a key that would have no
    effect is refused then.

    Args:
        document: What came.
        marks: Keys that the server adds to all that it shows.
        added: Keys that it adds to some.
    """
    if not document.keys() >= set(marks):
        return document
    return {key: value for key, value in document.items() if key not in {*marks, *added}}


def definition_as_written(document: Json) -> Json:
    """Return a workflow or an agent that was shown as somebody wrote it.

    Whether it was published or archived is not part of what is written.
    """
    if not isinstance(document, dict):
        return document
    written = as_written(document, _OF_DEFINITIONS, ("publishedAt", "warnings"))
    if written is not document and written.get("status") in _STATES:
        return {key: value for key, value in written.items() if key != "status"}
    return written
