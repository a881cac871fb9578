"""multipart/form-data: one attachment, other fields as inputs."""

from collections.abc import AsyncGenerator

from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from app.api.errors import BadRequest, PayloadTooLarge
from app.api.json_body import read_body
from app.files import Upload
from app.media_types import media_type_of
from app.settings import Settings
from steps.contract import Problem

_FIELD_ROOM = 1_048_576
_MOST_FIELDS = 200
FIELD = "attachment"


async def multipart_body(request: Request, settings: Settings) -> tuple[dict[str, str], Upload]:
    """Give the text fields and the attachment of a form.

    Raises `BadRequest` or `PayloadTooLarge`, naming the field.
    """
    fields, upload = await form_body(request, settings)
    if upload is None:
        problem = Problem(FIELD, "is required: send the file in this field")
        raise BadRequest("the form is not acceptable", [problem])
    return fields, upload


async def form_body(request: Request, settings: Settings) -> tuple[dict[str, str], Upload | None]:
    """Give the text fields of a form, and the attachment, None where no file was chosen.

    Raises as `multipart_body`.
    """
    limit = settings.max_attachment_bytes
    try:
        body = await read_body(request, limit + _FIELD_ROOM, settings.body_timeout)
    except PayloadTooLarge as large:
        raise PayloadTooLarge(FIELD, limit) from large
    form = await _parse(request.headers, body)
    try:
        return await _sort(form, limit)
    finally:
        await form.close()


async def _parse(headers: Headers, body: bytes) -> FormData:
    boundary = headers["content-type"].partition("boundary=")[2].partition(";")[0].strip('" ')
    # The parser takes a form that breaks off for a whole one.
    if (
        not boundary
        or f"--{boundary}--".encode("latin-1", "replace") not in body[-len(boundary) - 200 :]
    ):
        raise BadRequest("the form is broken off: its closing boundary is missing")

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = MultiPartParser(
            headers, stream(), max_files=10, max_fields=_MOST_FIELDS, max_part_size=_FIELD_ROOM
        )
        return await parser.parse()
    except (MultiPartException, MultipartParseError, KeyError, UnicodeError, ValueError) as wrong:
        raise BadRequest(f"the form cannot be read: {wrong}") from wrong


async def _sort(form: FormData, limit: int) -> tuple[dict[str, str], Upload | None]:
    fields: dict[str, str] = {}
    upload: Upload | None = None
    problems = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != FIELD or upload is not None:
                problems.append(Problem(name, f"send one file, in the field {FIELD}"))
                continue
            content = await value.read()
            if not content and not value.filename:
                continue  # what browsers send where no file was chosen
            if len(content) > limit:
                raise PayloadTooLarge(FIELD, limit)
            if not content:
                problems.append(Problem(name, "the file is empty"))
            clean = _clean_name(value.filename or "")
            upload = Upload(clean, media_type_of(clean, content), content)
        elif name in fields:
            problems.append(Problem(name, "the field is there twice"))
        else:
            fields[name] = value
    if problems:
        raise BadRequest("the form is not acceptable", problems)
    return fields, upload


def _clean_name(name: str) -> str:
    """Give a file name as metadata: no path, no control characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in last if char.isprintable())
    return shown.encode("utf-8", "ignore").decode()[:200].strip(". ") or "attachment"
