"""A page with the inputs of a workflow, for anybody who has its link.

The form is off until it is enabled, and it has its own rate limit and expiry. Opening it changes
nothing. Sending it twice starts one run, since each page has its own token.
"""

import re
import secrets
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from app.concurrency.tenant import work_for
from app.services import Services
from app.triggers.kept_triggers import body_of
from app.triggers.keyed_starts import StartRefused, Target
from app.triggers.receiving import KEPT
from app.triggers.trigger_document import FormTrigger
from app.web.console.page import open_page, problem_page
from app.web.console.plain_forms import changed_rows, read_form, sent_texts, shown_again
from app.web.console.questions.form_fields import names_of, start_fields
from app.web.errors import log_if_unknown
from app.wire.forms.form import FIELD, Form, Texts
from app.wire.parsing.errors import BadRequest
from app.wire.requests.start_request import StartRequest
from engine import JsonObject
from engine.value import value
from journal import Firing, TriggerRow
from steps.contract.step_type import Problem
from steps.document.compiled import Definition
from steps.fields.fields import Fields

_ONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


@value(frozen=True, slots=True)
class _Open:
    """A form that is open."""

    row: TriggerRow
    body: FormTrigger
    definition: Definition

    @property
    def specs(self) -> Mapping[str, JsonObject]:
        """The inputs that the form asks for."""
        fields = self.definition.input_fields()
        return {name: spec for name, spec in fields.items() if name not in self.body.data}


class _Closed(Exception):
    """A form that is closed, or does not exist."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


async def form_page(request: Request, services: Services) -> Response:
    """Show the form."""
    return await _answer(request, services, is_sent=False)


async def send_form(request: Request, services: Services) -> Response:
    """Start what the form is for."""
    return await _answer(request, services, is_sent=True)


async def _answer(request: Request, services: Services, *, is_sent: bool) -> Response:
    try:
        row = await services.triggers.kept.found(str(request.path_params["token"]))
        if row is None or row.kind != "form":
            raise _Closed(404, "This link is not valid.")
        work_for(row.tenant)
        return await services.fair_loop.run(
            row.tenant, _of_trigger(request, services, row, is_sent=is_sent)
        )
    except _Closed as closed:
        return open_page(
            request,
            services,
            "answered.html",
            closed.status,
            title="Not open",
            message=str(closed),
            good=False,
        )
    except Exception as failure:  # noqa: BLE001 - every failure is an answer
        request_id: str = request.scope["stepwell.request_id"]
        log_if_unknown(request_id, failure)
        return problem_page(request, services, failure)


async def _of_trigger(
    request: Request, services: Services, row: TriggerRow, *, is_sent: bool
) -> Response:
    body = body_of(row)
    assert isinstance(body, FormTrigger)  # noqa: S101 - of that kind
    services.rate_limits.check_open(f"{row.tenant}:{row.source}", body.perSecond)
    now_ms = services.clock.now_ms()
    is_over = body.until is not None and now_ms >= body.until.timestamp() * 1_000
    if not body.enabled or is_over:
        raise _Closed(410, "This form takes nothing any more." if is_over else "It is closed.")
    target = Target(row.tenant, body.workflowId, body.version)
    try:
        _, definition = await services.triggers.starts.definition(target)
    except StartRefused as refused:
        await _note(services, row, "failed", None, str(refused))
        raise _Closed(410, "It is closed for now.") from refused
    form = _Open(row, body, definition)
    if not is_sent:
        return _shown(request, services, form, secrets.token_urlsafe(16))
    return await _sent(request, services, form, target)


def _shown(  # noqa: PLR0913 - what is asked, and what was given
    request: Request,
    services: Services,
    form: _Open,
    once: str,
    problems: tuple[Problem, ...] = (),
    given: Texts | None = None,
) -> Response:
    body = form.body
    fields = start_fields(form.specs, given)
    by_name = {item.path: item.message for item in problems}
    names = names_of(fields)
    return open_page(
        request,
        services,
        "form.html",
        400 if problems else 200,
        title=body.title or form.definition.name,
        text=form.definition.description if body.text is None else body.text,
        button=body.button,
        once=once,
        fields=fields,
        problems=by_name,
        others=[f"{path} {text}" for path, text in by_name.items() if path not in names],
        given=shown_again(given),
        until_ms=round(body.until.timestamp() * 1_000) if body.until else None,
    )


async def _sent(request: Request, services: Services, form: _Open, target: Target) -> Response:
    given = await read_form(request, services, form.row.tenant)
    once = given.texts.get("once")
    if not isinstance(once, str) or not _ONCE.fullmatch(once):
        once = secrets.token_urlsafe(16)
    if (changed := changed_rows(given)) is not None:
        return _shown(request, services, form, once, given=changed)
    row, key = form.row, f"{form.row.source}:{once}"
    try:
        async with services.storing.of("form", row.tenant, key):
            if await services.journal.start_keys.used(row.tenant, key) is None:
                data = await _input(services, form, given)
                started = await services.triggers.starts.start(target, data, key, row.source)
                await _note(services, row, "started", started.run_id, None, once)
    except (BadRequest, StartRefused) as wrong:
        problems = wrong.problems or (Problem("", str(wrong)),)
        return _shown(request, services, form, once, problems, given.texts)
    return open_page(
        request, services, "answered.html", title="Sent", message=form.body.thanks, good=True
    )


async def _input(services: Services, form: _Open, given: Form) -> JsonObject:
    """Return the input of the start; files are stored once all else fits. Raises `BadRequest`."""
    texts = sent_texts(given, Fields(form.specs))
    texts = {name: text for name, text in texts.items() if _is_text(form.specs.get(name))}
    known = {FIELD: FIELD} | {f"data.{name}": name for name in form.specs}
    uploads = {known[name]: upload for name, upload in given.uploads.items() if name in known}
    asked = StartRequest(form.row.id, None, form.body.data, Form(texts, uploads), None, size=0)
    data = await asked.input_of(form.definition, services.files, form.row.tenant)
    fields = type(form.definition.payload)(form.definition.input_fields())
    if problems := fields.check(data):
        raise BadRequest("the form is not acceptable", problems)
    return data | await asked.store_files(services.files, form.row.tenant, form.definition)


async def _note(  # noqa: PLR0913 - what a firing is made of
    services: Services,
    row: TriggerRow,
    outcome: str,
    run_id: str | None,
    message: str | None,
    key: str = "",
) -> None:
    now_ms = services.clock.now_ms()
    firing = Firing(row.source, key or f"at {now_ms}", now_ms, outcome, run_id, message)
    await services.journal.triggers.note(row, firing, None, KEPT)


def _is_text(spec: "JsonObject | None") -> bool:
    return spec is None or spec.get("type") != "file"
