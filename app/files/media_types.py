"""What kind of file some bytes are: by content where it tells, else by name."""

import mimetypes

_SIGNATURES = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_OFFICE = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_TEXT = frozenset({"text/plain", "text/csv", "text/markdown", "text/html", "application/json"})


def media_type_of(name: str, content: bytes) -> str:
    """Return a media type that does not rest on what the client said it was."""
    for signature, kind in _SIGNATURES:
        if content.startswith(signature):
            return kind
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    ending = name.rpartition(".")[2].lower()
    if content.startswith(b"PK\x03\x04"):
        return _OFFICE.get(ending, "application/zip")
    try:
        content.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    guessed = "text/markdown" if ending == "md" else mimetypes.guess_type(name)[0]
    return guessed if guessed in _TEXT else "text/plain"
