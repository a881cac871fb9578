"""The files that a start brings: which input each is for, and what the run is told of them."""

from app.files.uploads import Files
from app.wire.multipart import FIELD, Form
from engine import JsonObject
from steps.compiled import Definition


def declared_files(definition: Definition) -> list[str]:
    """Return the inputs of type file, but for those that the attachment fills in by their name."""
    return [
        name
        for name, spec in definition.input_fields().items()
        if spec["type"] == "file" and name not in ("fileId", FIELD)
    ]


async def stored(files: Files, tenant: str, form: Form, definition: Definition) -> JsonObject:
    """Store each file once, and return the data that name them."""
    rows = {name: await files.store(tenant, upload) for name, upload in form.uploads.items()}
    parts = form.parts_of(declared_files(definition))
    data: JsonObject = {name: rows[part].id for name, part in parts.items()}
    if row := rows.get(FIELD):
        data["fileId"] = row.id
        data["attachment"] = {
            "fileId": row.id,
            "fileName": row.name,
            "mimeType": row.media_type,
            "size": row.size,
        }
    return data
