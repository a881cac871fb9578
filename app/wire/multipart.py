"""multipart/form-data: files in fields of their own, other fields as inputs."""

from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass

from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from app.files.media_types import media_type_of
from app.files.uploads import Upload
from app.settings.server import Settings
from app.wire.errors import BadRequest, PayloadTooLarge
from app.wire.json_body import read_body
from steps.contract import Problem

_FIELD_ROOM = 1_048_576
_MOST_FIELDS = 200
_MOST_FILES = 10
FIELD = "attachment"


@dataclass(frozen=True, slots=True)
class Form:
    """What a form holds, by the names of its fields."""

    texts: dict[str, str]
    uploads: dict[str, Upload]

    def left_open(self, file_fields: Collection[str]) -> list[str]:
        """Return the fields for files of which the form has nothing."""
        return [name for name in file_fields if name not in self.texts | self.uploads]

    def parts_of(self, file_fields: Collection[str]) -> dict[str, str]:
        """Give, by field, the part of the form with its file.

        The attachment is also for the one field that is left, if just one is.
        """
        parts = {name: name for name in file_fields if name in self.uploads}
        left = self.left_open(file_fields)
        if FIELD in self.uploads and FIELD not in parts and len(left) == 1:
            parts[left[0]] = FIELD
        return parts

    def misplaced(self, file_fields: Collection[str]) -> list[Problem]:
        """Find the files that are in no field for a file."""
        fields = ", ".join(dict.fromkeys([FIELD, *file_fields]))
        return [
            Problem(name, f"takes no file; send it in {fields}")
            for name in self.uploads
            if name != FIELD and name not in file_fields
        ]


def is_form(request: Request) -> bool:
    """Say whether a request brings a form that may have a file."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    return kind.strip().lower() == "multipart/form-data"


async def multipart_body(request: Request, settings: Settings) -> Form:
    """Return a form that has a file.

    Raises `BadRequest` or `PayloadTooLarge`, naming the field.
    """
    form = await form_body(request, settings)
    if not form.uploads:
        problem = Problem(FIELD, "is required: send the file in this field")
        raise BadRequest("the form is not acceptable", [problem])
    return form


async def form_body(request: Request, settings: Settings) -> Form:
    """Return a form; one in which no file was chosen has no uploads. Raises as `multipart_body`."""
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
            headers,
            stream(),
            max_files=_MOST_FILES,
            max_fields=_MOST_FIELDS,
            max_part_size=_FIELD_ROOM,
        )
        return await parser.parse()
    except (MultiPartException, MultipartParseError, KeyError, UnicodeError, ValueError) as wrong:
        raise BadRequest(f"the form cannot be read: {wrong}") from wrong


async def _sort(form: FormData, limit: int) -> Form:
    found = Form({}, {})
    problems = []
    for name, value in form.multi_items():
        if name in found.texts or name in found.uploads:
            problems.append(Problem(name, "the field is there twice"))
        elif isinstance(value, str):
            found.texts[name] = value
        elif upload := await _upload(value):
            found.uploads[name] = upload
            if not upload.content:
                problems.append(Problem(name, "the file is empty"))
    if sum(len(upload.content) for upload in found.uploads.values()) > limit:
        what = FIELD if list(found.uploads) == [FIELD] else "the files of a form together"
        raise PayloadTooLarge(what, limit)
    if problems:
        raise BadRequest("the form is not acceptable", problems)
    return found


async def _upload(part: UploadFile) -> Upload | None:
    """Return a file; None for what browsers send where none was chosen."""
    content = await part.read()
    if not content and not part.filename:
        return None
    name = _clean_name(part.filename or "")
    return Upload(name, media_type_of(name, content), content)


def _clean_name(name: str) -> str:
    """Return a file name as metadata: no path, no control characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in last if char.isprintable())
    return shown.encode("utf-8", "ignore").decode()[:200].strip(". ") or "attachment"
