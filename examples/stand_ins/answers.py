"""The answers of the stand-in model, found by rules instead of a model."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_KINDS = (
    ("invoice", r"\b(invoice|amount due|please pay)\b"),
    ("complaint", r"\b(complain|broken|disappointed|refund)\w*"),
    ("application", r"\b(apply|application|curriculum|position)\b"),
)
_URGENT = re.compile(r"\b(today|immediately|at once|lawyer|urgent)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """Text, or tool calls as (name, arguments)."""

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()


def answer_to(body: Mapping[str, Any]) -> Answer | None:
    """Return the answer to a request; None if no example asks it."""
    offered = {item["function"]["name"] for item in body.get("tools", ())}
    if "press_search" in offered:
        return _research(body["messages"])
    wanted = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    fields = set(wanted.get("properties", ()))
    for mark, read in _READERS.items():
        if mark in fields:
            return Answer(json.dumps(read(body["messages"][-1]["content"])))
    return None


def _invoice(text: str) -> dict[str, Any]:
    """Read an invoice with the layout of those in `invoice-intake/`."""
    # The prompt comes before the text to be read.
    page = text.partition("---\n")[2].strip()
    lines = re.findall(r"^(?:\d+) x (.+?) +([\d,]+\.\d\d)$", page, re.MULTILINE)
    return {
        "supplier": page.partition("\n")[0].strip(),
        "vatId": _after("VAT ID:", page),
        "invoiceNumber": _after("Invoice number:", page),
        "invoiceDate": _after("Invoice date:", page),
        "lines": [{"description": name, "amount": _amount(paid)} for name, paid in lines],
        "net": _amount(_after("Net", page)),
        "tax": _amount(_after("VAT 19%", page)),
        "total": _amount(_after("Total EUR", page)),
    }


def _kind(text: str) -> dict[str, Any]:
    letter = text.partition("---\n")[2].strip()
    kinds = [kind for kind, words in _KINDS if re.search(words, letter, re.IGNORECASE)]
    return {
        "category": kinds[0] if kinds else "other",
        "urgent": _URGENT.search(letter) is not None,
        "summary": re.split(r"(?<=[.!?])\s", letter)[0],
    }


def _research(messages: list[dict[str, Any]]) -> Answer:
    """Search the press, check the owner, report, deliver: one action per turn."""
    inputs = json.loads(messages[1]["content"].partition("Inputs:\n")[2])
    told = _results(messages)
    if "press_search" not in told:
        return Answer(calls=(("press_search", {"company": inputs["company"]}),))
    owner = re.search(r"owned by ([A-Z]\w+ [A-Z]\w+)", told["press_search"])
    if owner is None:
        return _deliver("unknown", listed=False, reported=False)
    if "check-sanctions" not in told:
        return Answer(calls=(("check-sanctions", {"name": owner[1]}),))
    is_listed = bool(json.loads(told["check-sanctions"])["result"]["listed"])
    if "send-email" not in told:
        letter = {
            "to": inputs["reportTo"],
            "subject": f"Who owns {inputs['company']}",
            "text": f"{inputs['company']} is owned by {owner[1]}, who is "
            f"{'' if is_listed else 'not '}on a sanctions list.",
        }
        return Answer(calls=(("send-email", letter),))
    return _deliver(owner[1], listed=is_listed, reported="messageId" in told["send-email"])


def _deliver(owner: str, *, listed: bool, reported: bool) -> Answer:
    found = {
        "owner": owner,
        "listed": listed,
        "reported": reported,
        "summary": f"The press names {owner} as the owner.",
    }
    return Answer(calls=(("deliver", found),))


def _results(messages: list[dict[str, Any]]) -> dict[str, str]:
    """Return the result of each tool by its name."""
    names = {
        call["id"]: call["function"]["name"]
        for message in messages
        for call in message.get("tool_calls") or ()
    }
    return {
        names[message["tool_call_id"]]: message["content"]
        for message in messages
        if message["role"] == "tool"
    }


def _after(label: str, page: str) -> str:
    found = re.search(rf"^{re.escape(label)}\s*(.+)$", page, re.MULTILINE)
    return found[1].strip() if found else ""


def _amount(text: str) -> float:
    return float(text.replace(",", "") or 0)


_READERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "invoiceNumber": _invoice,
    "category": _kind,
}
"""By a field that only one of the examples requests."""
