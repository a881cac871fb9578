"""The part of a pause that all asking steps share, rendered for one visit."""

from collections.abc import Iterator, Mapping, Sequence

from engine import Json, JsonObject, Pause, Pauses, iso_time
from steps.asking.pause_plan import Moment, next_moment_ms, notices_for, plan_of
from steps.asking.settings import AskSettings, length_of
from steps.asking.shown import shown_parts
from steps.contract.step_type import Problem, StepBroke, StepInput
from steps.effects.effects import Effects
from steps.language.operations import shown
from steps.language.template import Template, as_text

NOBODY = "deadline"
"""The name in `answeredBy` when the deadline answered."""

ASK_ERRORS: Mapping[str, str] = {
    "DeadlinePassed": "nobody answered before the deadline, and `onDeadline` is `fail` or no "
    "`timeout` edge is true",
    "NobodyExcluded": "a template of `exclude` gives null or a blank text instead of a name",
    "InvalidDuration": "a template of `deadline`, `remind` or `escalateTo` does not give a "
    "duration",
    "FileNotFound": "`show` names a file that does not exist",
    "StorageUnavailable": "the file storage is unavailable",
}
"""The errors of steps that ask."""


def asking_problems(settings: AskSettings) -> Iterator[Problem]:
    """Find settings of the deadline and of notices that have no effect.

    Args:
        settings: The step's settings.

    Returns:
        The problems.
    """
    if settings.deadline is None and settings.onDeadline != "timeout":
        yield Problem("onDeadline", "has no effect without a `deadline`")
    for index, notice in enumerate(settings.notify):
        where = f"notify[{index}]"
        if (notice.toolId is None) == (notice.url is None):
            yield Problem(where, "give either toolId or url")
        elif notice.url is None and notice.body is not None:
            yield Problem(f"{where}.body", "has no effect without url; a tool has inputs")
        elif notice.toolId is None and notice.inputs:
            yield Problem(f"{where}.inputs", "has no effect with url, which has a body")


async def asking_pause(
    kind: str, asked: JsonObject, settings: AskSettings, step: StepInput, effects: Effects
) -> Pauses:
    """Return the pause of a step that asks.

    Args:
        kind: `collect_inputs` or `request_user_action`.
        asked: The question, as needed to answer it.
        settings: The step's settings.
        step: The attempt that asks.
        effects: Gives the time and the details of files that are shown.

    Returns:
        The pause, with the times at which something is due.

    Raises:
        StepBroke: A setting gives no duration, an exclusion names nobody, or something to be shown
            does not exist.
    """
    now_ms, body = effects.now_ms(), dict(asked)
    if settings.message is not None:
        body["message"] = await settings.message.rendered(step.scope)
    if settings.assignees:
        body["assignees"] = await _names(settings.assignees, step)
    if settings.exclude:
        body["exclude"] = await _excluded(settings.exclude, step)
    if settings.show:
        body["show"] = await shown_parts(settings.show, step, effects)
    moments = await _moments(settings, step, now_ms)
    deadline_ms = None
    if settings.deadline is not None:
        length = length_of("deadline", await settings.deadline.rendered(step.scope))
        deadline_ms = now_ms + length
        body["deadline"] = iso_time(deadline_ms)
        _say_what_follows(settings, body)
        if settings.onDeadline == "stay":
            moments.append(Moment(deadline_ms, "overdue"))
            deadline_ms = None
    if moments:
        body["plan"] = plan_of(moments)
    occasions = [notice.on for notice in settings.notify]
    waiting = notices_for("asked", occasions, now_ms, body.get("assignees"))
    if waiting:
        body["notices"] = waiting
    wake_ms = next_moment_ms(body)
    if wake_ms is not None and deadline_ms is not None:
        wake_ms = min(wake_ms, deadline_ms)
    return Pauses(Pause(kind, body), deadline_ms, wake_ms)


def _say_what_follows(settings: AskSettings, body: JsonObject) -> None:
    if isinstance(settings.onDeadline, str):
        if settings.onDeadline != "timeout":
            body["onDeadline"] = settings.onDeadline
    else:
        body["onDeadline"] = {"actionValue": settings.onDeadline.actionValue}


async def _moments(settings: AskSettings, step: StepInput, now_ms: int) -> list[Moment]:
    moments = []
    for index, template in enumerate(settings.remind):
        length = length_of(f"remind[{index}]", await template.rendered(step.scope))
        moments.append(Moment(now_ms + length, "reminded"))
    for index, rung in enumerate(settings.escalateTo):
        length = length_of(f"escalateTo[{index}].after", await rung.after.rendered(step.scope))
        names = await _names(rung.assignees, step)
        who = tuple(str(name) for name in names)
        moments.append(Moment(now_ms + length, "escalated", who))
    return moments


async def _excluded(templates: Sequence[Template], step: StepInput) -> list[Json]:
    """Return who may not answer. Raises `StepBroke` if a template names nobody.

    An empty list is allowed, because it is explicit. Null or a blank text means that a person was
    not found; asking anyway would let exactly that person answer.
    """
    found: list[Json] = []
    for index, template in enumerate(templates):
        given = await template.rendered(step.scope)
        names = [as_text(item) for item in (given if isinstance(given, list) else [given]) if item]
        if not all(name.strip() for name in names) or (not names and given != []):
            message = f"exclude[{index}] names nobody: it gives {shown(given)}"
            raise StepBroke("NobodyExcluded", message, retryable=False)
        found += names
    return found


async def _names(templates: Sequence[Template], step: StepInput) -> list[Json]:
    found: list[Json] = []
    for template in templates:
        given = await template.rendered(step.scope)
        items = given if isinstance(given, list) else [given]
        found += [as_text(item) for item in items if item not in (None, "")]
    return found
