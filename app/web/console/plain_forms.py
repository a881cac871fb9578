"""Forms that work without scripts: reading them, their buttons for rows, and showing them again."""

import json

from starlette.requests import Request

from app.services import Services
from app.wire.forms.form import Form, Texts, urlencoded_form
from app.wire.forms.request import form_body, is_form
from app.wire.forms.rows import belongs_to_rows, trees_of, with_row, without_row
from app.wire.parsing.json_body import read_body
from steps.fields.fields import Fields

_DATA = "data."
_LONGEST_FORM = 262_144


async def read_form(request: Request, services: Services, tenant: str) -> Form:
    """Return the form that was sent, with its files if it has any. Raises `BadRequest`."""
    settings = services.settings
    if is_form(request):
        with services.admission.starting(tenant, settings.max_attachment_bytes):
            return await form_body(request, settings)
    body = await read_body(request, _LONGEST_FORM, settings.body_timeout)
    return urlencoded_form(body, request.headers.get("content-type", ""))


def changed_rows(form: Form) -> Texts | None:
    """Return the texts of a form after a row button was used; None if the form is to be sent."""
    if name := form.text("add"):
        return with_row(form.texts, name) if name.startswith(_DATA) else form.texts
    if row := form.text("remove"):
        return without_row(form.texts, row)
    return None


def sent_texts(form: Form, fields: Fields) -> dict[str, str | list[str]]:
    """Return the texts of the requested fields, without blank ones that had no value, and parts."""
    texts = {
        name.removeprefix(_DATA): text
        for name, text in form.texts.items()
        if name.startswith(_DATA)
    }
    trees = trees_of(texts, fields.specs)
    return {
        name: text
        for name, text in texts.items()
        if belongs_to_rows(name, trees)
        or (name in fields.specs and (text or "default" in fields.specs[name]))
    }


def shown_again(texts: Texts | None) -> dict[str, str]:
    """Return the texts that were given, by field, to show them in the form again."""
    return {
        name: text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
        for name, text in (texts or {}).items()
    }
