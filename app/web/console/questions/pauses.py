"""The question of a pause, as a form or as buttons."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from app.auth.caller import Caller
from app.execution.answering.entitlement import (
    NAMES_NOBODY,
    names_nobody,
    needs_sign_in,
    refusal,
)
from app.web.console.questions.form_fields import FormField, form_fields
from app.web.console.questions.shown_parts import ShownPart, shown_parts
from app.web.console.rendering import who, words
from engine import SIGNAL_PAUSE
from engine.value import value
from steps.contract.step_type import ITEM


@value(frozen=True, slots=True)
class PauseCard:
    """One pause as people see it.

    Attributes:
        run_id: The run to resume.
        asked_by: The run whose step asks, where that is a child run.
        part: Which part of the run, or which item, that child run is; empty where it is none.
        seq: The number of the event with which the pause began.
        type: `collect_inputs`, `request_user_action` or `wait_for_signal`.
        signal: Name and key of the signal that the run waits for.
        pause_id: Names the pause, so that an answer is for this one only.
        shown: What the answer needs.
        unnamed: What is said where it is for somebody and names nobody; empty else.
        claimed_by: Who has taken it on; nobody else answers then.
        is_late: Whether its deadline has passed, and it waits on.
        required: How many have to choose the same.
        answers: Those that have come of several: `by`, `at`, `label`, `comment`, `files`, `data`.
        veto: The labels of the actions that decide at once where several have to answer.
        refused: Why the person who views it may not answer; empty if they may.
        is_mine: Whether they have claimed it.
        seen: The hash of what is asked.
        has_links: Whether a link may answer it, which cannot tell who does.
        takes_more: Whether a comment and files may come with the answer.
        actions: What may be chosen: the `value`, the `label`, and the `fields` of each.
        detail: What else there is to see, such as the arguments of a tool call.
        can_decline: Whether the fields need not be filled in: a tool asks, and takes no.
    """

    run_id: str
    seq: int
    type: str
    pause_id: str
    step_id: str
    title: str
    message: str
    action_id: str = ""
    actions: list[dict[str, Any]] = field(default_factory=list)
    fields: list[FormField] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    unnamed: str = ""
    deadline: str | None = None
    asked_by: str | None = None
    part: str = ""
    detail: Any = None
    signal: Mapping[str, str] | None = None
    shown: Sequence[ShownPart] = ()
    claimed_by: str = ""
    is_late: bool = False
    required: int = 1
    answers: Sequence[Mapping[str, Any]] = ()
    veto: Sequence[str] = ()
    refused: str = ""
    is_mine: bool = False
    seen: str = ""
    can_decline: bool = False
    takes_more: bool = True
    has_links: bool = True

    @property
    def standing(self) -> str:
        """All that may change while it is open, as a key: pages renew what depends on it."""
        answered = [one["by"] for one in self.answers]
        parts = (self.assignees, self.claimed_by, answered, self.is_late, self.refused)
        return json.dumps(parts, ensure_ascii=False)


def pause_card(
    run_id: str,
    seq: int,
    pause: Mapping[str, Any],
    caller: Caller | None = None,
    seen: str = "",
) -> PauseCard:
    """Return the question of a pause signal, as the status shows it.

    Args:
        run_id: The run to resume.
        seq: The number of the event with which the pause began.
        pause: The signal.
        caller: Who looks, where that is known.
        seen: The hash of what is asked.
    """
    shown_actions = [_action(one) for one in pause.get("actions") or [] if isinstance(one, dict)]
    labels = {str(one["value"]): str(one["label"]) for one in shown_actions}
    found = pause.get("fields")
    specs = found if isinstance(found, dict) else {}
    step_id = str(pause.get("stepId") or "")
    detail = {key: pause[key] for key in ("tool", "arguments") if key in pause}
    return PauseCard(
        run_id=run_id,
        seq=seq,
        type=str(pause["type"]),
        pause_id=str(pause["pauseId"]),
        step_id=step_id,
        title=words(step_id),
        message=str(pause.get("message") or ""),
        action_id=str(pause.get("actionId") or ""),
        actions=shown_actions,
        fields=form_fields(specs),
        assignees=[str(name) for name in pause.get("assignees") or []],
        unnamed=NAMES_NOBODY if names_nobody(dict(pause)) else "",
        deadline=pause.get("deadline"),
        asked_by=pause.get("runId"),
        detail=detail or None,
        signal=_signal(pause),
        shown=shown_parts(pause),
        claimed_by=str(pause.get("claimedBy") or ""),
        is_late=bool(pause.get("overdue")),
        required=int(pause.get("required") or 1),
        answers=_answers(pause, labels),
        veto=[labels.get(value, value) for value in map(str, pause.get("veto") or [])],
        refused=_refused(pause, caller) if caller else "",
        is_mine=caller is not None and pause.get("claimedBy") == caller.name,
        seen=seen,
        can_decline="toolAsks" in pause,
        takes_more=not {"comment", "attachments"} & specs.keys(),
        has_links=not needs_sign_in(dict(pause)),
    )


def _answers(pause: Mapping[str, Any], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the answers so far; what an answer may leave out is there, empty."""
    return [
        {
            "by": one["answeredBy"],
            "at": one["answeredAt"],
            "label": labels.get(str(one["actionValue"]), str(one["actionValue"])),
            "comment": str(one.get("comment") or ""),
            "files": one.get("attachments") or [],
            "data": one.get("data") or {},
        }
        for one in pause.get("answers") or []
    ]


def _refused(pause: Mapping[str, Any], caller: Caller) -> str:
    """Return why they may not answer, with whoever has claimed it named as the card names them."""
    claimed = str(pause.get("claimedBy") or "")
    reason = refusal(dict(pause), caller)
    return reason.replace(claimed, who(claimed)) if claimed else reason


def _signal(pause: Mapping[str, Any]) -> Mapping[str, str] | None:
    if pause["type"] != SIGNAL_PAUSE:
        return None
    return {"name": str(pause["name"]), "key": str(pause["key"])}


def part_shown(body: str | None, item: int | None) -> str:
    """Return which part of a document, and which item of a step, a child run is, as text."""
    path = (body or "").split("/")
    is_item = path[-1] == ITEM or len(path) == 1
    shown = " / ".join(path[:-1] if path[-1] == ITEM else path)
    if item is None or not is_item:
        return shown
    return f"{shown}, item {item}" if shown else f"item {item}"


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    value, specs = str(action.get("value")), action.get("fields")
    return {
        "value": value,
        "label": str(action.get("label") or words(value)),
        "fields": form_fields(specs) if isinstance(specs, dict) else [],
    }
