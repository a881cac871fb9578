"""Forms that work without scripts: the buttons that add and remove rows, and the sent texts."""

from app.wire.forms.form import Form, Texts
from app.wire.forms.rows import belongs_to_rows, trees_of, with_row, without_row
from steps.fields.fields import Fields

_DATA = "data."


def changed_rows(form: Form) -> Texts | None:
    """Return the texts of a form after a row button was used; None if the form is to be sent."""
    if name := form.text("add"):
        return with_row(form.texts, name) if name.startswith(_DATA) else form.texts
    if row := form.text("remove"):
        return without_row(form.texts, row)
    return None


def sent_texts(form: Form, fields: Fields) -> dict[str, str | list[str]]:
    """Return the texts of the requested fields, without blank ones and parts."""
    texts = {
        name.removeprefix(_DATA): text
        for name, text in form.texts.items()
        if name.startswith(_DATA)
    }
    trees = trees_of(texts, fields.specs)
    return {
        name: text
        for name, text in texts.items()
        if (name in fields.specs and text) or belongs_to_rows(name, trees)
    }
