"""A trigger on requests as it is used: its verification, condition and templates."""

from functools import cached_property

from app.triggers.trigger_document import REQUEST_NAMES, RequestTrigger, condition_over, kept_body
from app.triggers.verification import used_headers
from journal import TriggerRow
from steps.language.expression import Expression
from steps.language.template import Template

_KEYS = {
    "github": "{{ request.headers['x-github-delivery'] | default('') }}",
    "stripe": "{{ request.body.id | default('') }}",
    "slack": "{{ request.body.event_id | default('') }}",
    "standard-webhooks": "{{ request.headers['webhook-id'] | default('') }}",
}
"""Where known senders put the id of a message."""


class CompiledTrigger:
    """A trigger on requests, compiled for use."""

    def __init__(self, row: TriggerRow) -> None:
        body = kept_body(row.kind, row.document)
        assert isinstance(body, RequestTrigger)  # noqa: S101 - given by the kind
        self.row = row
        self.body = body
        self.hidden = used_headers(body.verify)
        self.when: Expression | None = (
            None if body.when is None else condition_over(body.when, REQUEST_NAMES)
        )

    @cached_property
    def data(self) -> Template | None:
        """The template of the input; None means the body is the input."""
        return None if self.body.data is None else Template(self.body.data, also=REQUEST_NAMES)

    @cached_property
    def key(self) -> Template:
        """The template of the idempotency key."""
        text = self.body.idempotencyKey
        if text is None:
            text = _KEYS.get(self.body.verify.preset, "")
        return Template(text, also=REQUEST_NAMES)

    @cached_property
    def signal_key(self) -> Template:
        """The template of the signal's key."""
        return Template(self.body.signal.key if self.body.signal else "", also=REQUEST_NAMES)
