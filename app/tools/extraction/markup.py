"""XML as events, by expat: no tree in memory, no entities, nothing fetched."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol
from xml.parsers import expat

from app.tools.extraction.document import DocumentFailure, damaged


class Handler(Protocol):
    """Receives the contents of an XML document. Names are without their namespaces."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element; an id of a relationship is called `r:id`."""
        ...

    def end(self, name: str) -> None:
        """End an element."""
        ...

    def text(self, text: str) -> None:
        """Take characters."""
        ...


def parse(content: bytes, handler: Handler, part: str) -> None:
    """Pass what the part of that name holds to the handler. Raises `DocumentFailure`."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        named = {_attribute(key): value for key, value in attributes.items()}
        handler.start(_local(name), named)

    def doctype(_name: str, _system: str | None, _public: str | None, has_subset: bool) -> None:
        if has_subset:
            raise _entities(part)

    def skipped(_name: str, _is_parameter: bool) -> None:
        raise _entities(part)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: handler.end(_local(name))
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = doctype
    parser.SkippedEntityHandler = skipped
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as broken:
        raise damaged(f"{part}: {broken}") from broken


def elements(content: bytes, part: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Return the elements of a small part in their order."""
    found = _Elements()
    parse(content, found, part)
    return iter(found.seen)


class Leaves:
    """A handler that keeps the text of each element without children, the first of a name."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Forget what stood before it."""
        self._text.clear()

    def end(self, name: str) -> None:
        """Keep the text."""
        self.found.setdefault(name, "".join(self._text).strip())

    def text(self, text: str) -> None:
        """Take characters."""
        self._text.append(text)


class _Elements:
    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.seen.append((name, attributes))

    def end(self, name: str) -> None:
        pass

    def text(self, text: str) -> None:
        pass


def _entities(part: str) -> DocumentFailure:
    message = f"{part} has entities of its own, which are not resolved"
    return DocumentFailure("DocumentUnreadable", message)


@lru_cache(4096)
def _local(name: str) -> str:
    return name.rpartition(" ")[2]


@lru_cache(4096)
def _attribute(name: str) -> str:
    space, _, local = name.rpartition(" ")
    return f"r:{local}" if space.endswith("/relationships") else local
