"""Finds the media type of a file: from its content where possible, otherwise from its name."""

import mimetypes

_SIGNATURES = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_OF_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_OFFICE = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_TEXT = frozenset({"text/plain", "text/csv", "text/markdown", "text/html", "application/json"})


def media_type_of(name: str, content: bytes) -> str:
    """Return a media type that does not depend on what the client claimed."""
    for signature, kind in _SIGNATURES:
        if content.startswith(signature):
            return kind
    if content.startswith(b"RIFF") and content[8:12] in _OF_RIFF:
        return _OF_RIFF[content[8:12]]
    ending = name.rpartition(".")[2].lower()
    if content.startswith(b"PK\x03\x04"):
        return _OFFICE.get(ending, "application/zip")
    try:
        content.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    guessed = "text/markdown" if ending == "md" else mimetypes.guess_type(name)[0]
    return guessed if guessed in _TEXT else "text/plain"
