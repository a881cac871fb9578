"""The page behind a link: one question, for somebody without an account.

Opening it changes nothing, since mail scanners open links; only its button does.
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from app.auth.links import MADE_BY, Link
from app.auth.sealed_token import LinkUnusable
from app.services import Services
from app.web.console.page import open_page, problem_page
from app.web.console.plain_forms import changed_rows, read_form, sent_texts, shown_again
from app.web.console.questions.form_fields import form_fields, names_of
from app.web.console.questions.pauses import PauseCard, pause_card
from app.web.errors import log_if_unknown
from app.wire.forms.form import ATTACHMENTS, Form, Texts
from app.wire.requests.answer_request import answer_of_form, asked_fields
from engine import JsonObject, NotPaused, Run, seen_of
from journal import UnknownRun
from steps.contract.step_type import InvalidAnswer, Problem
from steps.tools.asks import DECLINE

_ANSWERED = "Somebody has answered this already, or it is no longer asked."
_NO_LINK = "This link is not valid or has expired."


async def answer_page(request: Request, services: Services) -> Response:
    """Show the question, or that it has been answered."""
    try:
        link = services.links.read(request.path_params["token"])
        return await _ask(request, services, link)
    except (LinkUnusable, UnknownRun):
        return _over(request, services, 404, _NO_LINK)
    except Exception as failure:  # noqa: BLE001 - every failure is an answer
        return _failed(request, services, failure)


async def answer(request: Request, services: Services) -> Response:
    """Take the answer. If several arrive at once, one counts, and the others get an error."""
    given: Texts = {}
    try:
        link = services.links.read(request.path_params["token"])
        run = await services.runs.read(link.tenant, link.run_id)
        if not link.still_asks(run) or run.pause is None:
            return _over(request, services, 409, _ANSWERED)
        form = await read_form(request, services, link.tenant)
        given = form.texts
        if (changed := changed_rows(form)) is not None:
            return await _ask(request, services, link, given=changed)
        async with services.storing.of("answer", link.tenant, link.run_id):
            run = await services.runs.read(link.tenant, link.run_id)
            if not link.still_asks(run) or run.pause is None:
                raise NotPaused(f"run {run.id} does not ask this any more")
            sent = await _answer(services, link, run, form)
            await services.runs.resume(link.tenant, link.run_id, sent, link.caller)
    except (LinkUnusable, UnknownRun):
        return _over(request, services, 404, _NO_LINK)
    except NotPaused:
        return _over(request, services, 409, _ANSWERED)
    except InvalidAnswer as invalid:
        return await _ask(request, services, link, 400, invalid.problems, given)
    except Exception as failure:  # noqa: BLE001 - every failure is an answer
        return _failed(request, services, failure)
    message = "Your answer is stored."
    return open_page(
        request, services, "answered.html", title="Thank you", message=message, good=True
    )


async def _ask(  # noqa: PLR0913 - what is asked, and what was given
    request: Request,
    services: Services,
    link: Link,
    status: int = 200,
    problems: tuple[Problem, ...] = (),
    given: Texts | None = None,
) -> Response:
    run = await services.runs.read(link.tenant, link.run_id)
    pause = run.pause_shown
    if not link.still_asks(run) or not isinstance(pause, dict):
        return _over(request, services, 410, _ANSWERED)
    asked: PauseCard = pause_card(run.id, run.pause_seq, pause, seen=seen_of(run))
    if given is not None:
        asked = _as_given(asked, run, given)
    if run.current and run.current.step_name:
        asked = replace(asked, title=run.current.step_name)
    captions = await services.journal.captions.of(link.tenant, [run.id])
    by_name = {item.path: item.message for item in problems}
    shown = [*asked.fields, *(one for action in asked.actions for one in action["fields"])]
    names = {*names_of(shown), "comment", ATTACHMENTS}
    return open_page(
        request,
        services,
        "answer.html",
        status,
        pause_card=asked,
        for_whom="" if link.name.startswith(MADE_BY) else link.name,
        until_ms=link.until_ms,
        own_address=request.url.path,
        run_title=captions[run.id].title if run.id in captions else "",
        problems=by_name,
        others=[f"{path} {text}" for path, text in by_name.items() if path not in names],
        given=shown_again(given),
    )


def _as_given(asked: PauseCard, run: Run, given: Texts) -> PauseCard:
    """Return a question whose lists have as many rows as the form that was sent."""
    actions = [
        {**one, "fields": form_fields(asked_fields(run, one["value"]).specs, given)}
        if one["fields"] and one["value"] == given.get("actionValue")
        else one
        for one in asked.actions
    ]
    fields = form_fields(asked_fields(run).specs, given) if asked.fields else []
    return replace(asked, fields=fields, actions=actions)


async def _answer(services: Services, link: Link, run: Run, form: Form) -> JsonObject:
    """Return the answer of a form, its fields converted to their types. Raises `InvalidAnswer`."""
    assert run.pause is not None  # noqa: S101 - the caller has looked
    kind = run.pause.type
    answer: JsonObject = {"type": kind, "stepId": link.step_id, "pauseId": link.pause_id}
    if form.text("seen"):
        answer["seen"] = form.text("seen")
    if kind == "request_user_action":
        answer["actionId"] = str(run.pause.body.get("actionId") or "")
        answer["actionValue"] = form.text("actionValue")
    elif form.text("actionValue") == DECLINE and "toolAsks" in run.pause.body:
        return {**answer, "actionValue": DECLINE}
    fields = asked_fields(run, answer.get("actionValue"))
    texts = sent_texts(form, fields)
    if comment := form.text("comment").strip():
        texts.setdefault("comment", comment)
    uploads = {name.removeprefix("data."): upload for name, upload in form.uploads.items()}
    return await answer_of_form(
        services.files, link.tenant, run, answer, Form(texts, uploads, form.unchosen)
    )


def _over(request: Request, services: Services, status: int, message: str) -> Response:
    title = "Nothing to answer"
    return open_page(
        request, services, "answered.html", status, title=title, message=message, good=False
    )


def _failed(request: Request, services: Services, failure: Exception) -> Response:
    request_id: str = request.scope["stepwell.request_id"]
    log_if_unknown(request_id, failure)
    return problem_page(request, services, failure)
