"""OpenDocument texts and presentations."""

from app.tools.extraction.document import Document, encrypted
from app.tools.extraction.flow import Flow, Notes
from app.tools.extraction.markup import Leaves, elements, parse
from app.tools.extraction.open_objects import Frames, read_formula
from app.tools.extraction.package import Package
from app.tools.extraction.page_formulas import Formulas

_MANIFEST, _META = "META-INF/manifest.xml", "meta.xml"
_NOT_SHOWN = frozenset({
    "tracked-changes", "note-citation", "desc", "binary-data", "meta", "scripts", "styles",
    "automatic-styles", "font-face-decls", "settings", "date-time-decl", "sequence-decls",
})  # fmt: skip
_MOST_SPACES = 1_000
_FLAT_TEXT = b"opendocument.text"


def read(content: bytes, document: Document) -> None:
    """Read headers and footers, the body, then notes; the cells of a row are parted by tabs."""
    package = Package(content)
    refuse_encrypted(package)
    document.describe(metadata_of(package))
    flow = Flow(document)
    if document.media_type.endswith(".text") and "styles.xml" in package:
        parse(package.read("styles.xml"), Words(document, flow, within="master-page"), "styles.xml")
        flow.end()
    words = Words(document, flow, package=package)
    parse(package.read("content.xml"), words, "content.xml")
    words.finish()


def read_flat(content: bytes, document: Document) -> None:
    """Read a text or presentation that is one XML document."""
    flow = Flow(document)
    if _FLAT_TEXT in content:
        parse(content, Words(document, flow, within="master-page"), "the document")
        flow.end()
    words = Words(document, flow, within="body")
    parse(content, words, "the document")
    words.finish()


def refuse_encrypted(package: Package) -> None:
    """Raise `DocumentFailure` when a password is needed."""
    if _MANIFEST not in package:
        return
    if any(name == "encryption-data" for name, _ in elements(package.read(_MANIFEST), _MANIFEST)):
        raise encrypted()


def metadata_of(package: Package) -> dict[str, object]:
    """Return the document's own metadata in the form of the tool."""
    if _META not in package:
        return {}
    metadata = Leaves()
    parse(package.read(_META), metadata, _META)
    return {
        "title": metadata.found.get("title"),
        "author": metadata.found.get("initial-creator") or metadata.found.get("creator"),
        "subject": metadata.found.get("subject"),
        "keywords": metadata.found.get("keyword"),
        "createdAt": metadata.found.get("creation-date"),
        "modifiedAt": metadata.found.get("date"),
    }


class Words:
    """Reads text content: the paragraphs, regardless of the elements around them."""

    def __init__(
        self, document: Document, flow: Flow, within: str = "", package: Package | None = None
    ) -> None:
        self._document = document
        self._flow = self._body = flow
        self._notes = Notes(document)
        self._package = package
        self._frames = Frames()
        self._formulas = Formulas(flow)
        self._within = within
        self._inside = 0 if within else 1
        self._paragraphs = 0
        self._hidden = 0
        self._region = ""
        self._deleted: set[str] = set()
        self._deleting = ""
        self._around: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        around = self._around[-1] if self._around else ""
        self._around.append(name)
        if name == self._within:
            self._inside += 1
        self._change(name, attributes)
        if not self._hidden and self._inside:
            self._object(name, around, attributes)
        if (
            self._hidden
            or self._formulas.hides(name)
            or name in _NOT_SHOWN
            or name == "annotation"
            or (name == "title" and around not in ("p", "h", "span", "a"))
        ):
            self._hidden += 1
        elif self._inside:
            self._begin(name, attributes)

    def end(self, name: str) -> None:
        """End an element."""
        self._around.pop()
        self._frames.end(name)
        if name == self._within:
            self._inside -= 1
        if self._hidden:
            self._hidden -= 1
        elif self._inside:
            self._end(name)

    def text(self, text: str) -> None:
        """Take characters."""
        if self._paragraphs and self._inside and not self._hidden and not self._deleting:
            self._flow.write_collapsed(text)

    def finish(self) -> None:
        """End the text, and add the notes."""
        self._body.end()
        self._notes.write()

    def _object(self, name: str, around: str, attributes: dict[str, str]) -> None:
        what = self._frames.start(name, around)
        if name == "object" and self._package is not None:
            folder = attributes.get("href", "").removeprefix("./").rstrip("/")
            part = f"{folder}/content.xml"
            if read_formula(self._package, part, self._flow):
                what = ""
        if what and not (name == "object" and "href" not in attributes):
            self._document.leave_out(what)

    def _change(self, name: str, attributes: dict[str, str]) -> None:
        """Remember what was deleted: the file may still contain it at its place."""
        changed = attributes.get("change-id", "")
        match name:
            case "changed-region":
                self._region = attributes.get("id", "")
            case "deletion":
                self._deleted.add(self._region)
            case "change-start" if changed in self._deleted and not self._deleting:
                self._deleting = changed
            case "change-end" if changed == self._deleting:
                self._deleting = ""

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "p" | "h":
                self._paragraphs += 1
                self._flow.block()
            case "note":
                self._flow = Flow(self._notes)
            case "s" if self._paragraphs:
                count = attributes.get("c", "1")
                spaces = min(int(count), _MOST_SPACES) if count.isdecimal() else 1
                self._flow.write(" " * spaces)
            case "tab" if self._paragraphs:
                self._flow.write("\t")
            case "line-break" | "page":
                self._flow.block()
            case "table":
                self._flow.begin_table()
            case "table-row":
                self._flow.begin_row()
            case "table-cell":
                self._flow.begin_cell()
            case "ruby-text":
                self._flow.write("(")
            case _ if self._paragraphs:
                self._formulas.start(name)

    def _end(self, name: str) -> None:
        self._formulas.end(name)
        match name:
            case "note":
                self._flow.end()
                self._flow = self._body
            case "p" | "h":
                self._paragraphs -= 1
                self._flow.paragraph_end()
            case "table":
                self._flow.end_table()
            case "ruby-text":
                self._flow.write(")")
