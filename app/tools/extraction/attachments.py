"""What is attached to a message: messages are read, also in archives; all else is named."""

from app.tools.extraction import kinds
from app.tools.extraction.document import Document, DocumentFailure
from app.tools.extraction.flow import Flow
from app.tools.extraction.package import File, Package

_MOST_ARCHIVES_DEEP = 3
_MOST_BYTES = 50 * 1024 * 1024
_HEAD_BYTES = 8
_MESSAGES = (kinds.MAIL, kinds.OUTLOOK, kinds.PACKED_MESSAGE)
_MAIL_TYPES = ("message/", "multipart/")
_MAIL_ENDINGS = (".eml", ".emlx")
_OFFICE_PARTS = ("[Content_Types].xml", "mimetype")


def take_attachment(
    content: bytes, media_type: str, name: str, document: Document, flow: Flow
) -> None:
    """Read a message that is attached, and the messages of an archive; name anything else."""
    label = f"the attachment {name[:100] or 'without a name'}"
    if _is_message(content, media_type, name):
        _include(content, media_type, label, document, flow)
    elif _is_archive(content):
        _take_archive(content, label, document, flow, _MOST_ARCHIVES_DEEP)
    elif name or not media_type:
        document.leave_out(f"{label} ({media_type})" if media_type else label)
    else:
        document.leave_out(f"a part of type {media_type}")


def _include(content: bytes, media_type: str, label: str, document: Document, flow: Flow) -> None:
    flow.end()
    flow.end_line()
    document.include(content, media_type, label)


def _is_message(content: bytes, media_type: str, name: str) -> bool:
    if not _may_be_message(content, media_type, name):
        return False
    try:
        return kinds.kind_of(content, media_type, name) in _MESSAGES
    except DocumentFailure:
        return False


def _may_be_message(head: bytes, media_type: str, name: str) -> bool:
    is_called_mail = name.lower().endswith(_MAIL_ENDINGS) or media_type.startswith(_MAIL_TYPES)
    return is_called_mail or head.startswith((kinds.PACKED_SIGNATURE, kinds.COMPOUND_SIGNATURE))


def _is_archive(content: bytes) -> bool:
    """Return whether this is an archive, and not a document that consists of parts."""
    if not content.startswith(kinds.ZIP_SIGNATURE):
        return False
    try:
        package = Package(content)
    except DocumentFailure:
        return True
    return not any(part in package for part in _OFFICE_PARTS)


def _take_archive(content: bytes, label: str, document: Document, flow: Flow, levels: int) -> None:
    if not levels:
        document.leave_out(f"{label}: nested too deep")
        return
    try:
        files = Package(content).files()
    except DocumentFailure as failure:
        document.leave_out(f"{label}: {failure}")
        return
    if not files:
        document.leave_out(label)
    for file in files:
        inner = f"{label}: {file.name[:100]}"
        try:
            _take_file(file, inner, document, flow, levels - 1)
        except DocumentFailure as failure:
            document.leave_out(f"{inner}: {failure}")


def _take_file(file: File, label: str, document: Document, flow: Flow, levels: int) -> None:
    """Read a file of an archive if it is a message; only these are unpacked whole."""
    head = file.read(_HEAD_BYTES)
    is_archive = head.startswith(kinds.ZIP_SIGNATURE)
    if file.size > _MOST_BYTES or not (is_archive or _may_be_message(head, "", file.name)):
        document.leave_out(label)
        return
    content = file.read()
    if is_archive and _is_archive(content):
        _take_archive(content, label, document, flow, levels)
    elif _is_message(content, "", file.name):
        _include(content, "", label, document, flow)
    else:
        document.leave_out(label)
