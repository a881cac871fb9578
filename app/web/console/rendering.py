"""Renders pages from templates: every value is escaped, except HTML that is made here."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from minijinja import Environment, safe
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.auth.roles import Role
from app.definitions.invocations import invocation_id
from app.definitions.replays import replay_id
from app.web.console.appearance import appearance_of
from app.web.console.compression import compressed
from app.web.console.icons import BUILT, page_icon, state_icon
from app.web.endpoint import Call
from app.wire.inbox import visible_names
from engine import iso_time
from engine.counted import counted

HERE = Path(__file__).parent
_MOST_WAITING = 100
_LONGEST_JSON = 20_000
_encoder = json.JSONEncoder(ensure_ascii=False, indent=2)
_TYPEFACE = "inter"
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

GUIDE = {
    "overview": "console/#overview",
    "inbox": "console/#the-inbox",
    "runs": "console/#the-list-of-runs",
    "workflows": "definitions/",
    "agents": "steps/agents/",
    "settings": "console/#settings",
}
"""The page of the guide that belongs to each part of the console."""


_BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip
_PEOPLE = ("person", "user")
_SYSTEMS = (
    ("iPhone", "iOS"), ("iPad", "iOS"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
"""The names of systems in a User-Agent. Each one also contains later names: the order counts."""


def _load(name: str) -> str | None:
    file = HERE / "templates" / name
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _static() -> tuple[dict[str, bytes], str]:
    """Return the files by name; the rules of the typeface are a part of the style sheet."""
    found = [*(HERE / "static").iterdir(), *BUILT.glob(f"{_TYPEFACE}*")]
    files = {file.name: file.read_bytes() for file in sorted(found)}
    files["console.css"] = files.pop(f"{_TYPEFACE}.css", b"") + files["console.css"]
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(name.encode() + content)
    return files, digest.hexdigest()[:12]


STATIC, STATIC_VERSION = _static()
"""Static files by name, and the part of their address that changes with their content."""


def when(at: Any) -> str:
    """Return a time for people: in UTC, which the browser converts to the reader's time zone."""
    if at is None:
        return ""
    iso = iso_time(at) if isinstance(at, int) else _plain(_in_utc(str(at)))
    return safe(f'<time datetime="{iso}">{iso[:10]} {iso[11:16]} UTC</time>')


def at_place(at: str, zone: str) -> str:
    """Return a moment as clocks show it in its own zone, with the name of that."""
    return f"{at[:10]} {at[11:16]} in {zone}"


def counting(since_ms: int) -> str:
    """Return how long ago something under way began; the browser keeps counting."""
    return safe(f'<time data-counting datetime="{iso_time(since_ms)}"></time>')


def _in_utc(moment: str) -> str:
    """Return an ISO time in UTC; any other text unchanged."""
    try:
        return iso_time(round(datetime.fromisoformat(moment).timestamp() * 1_000))
    except (ValueError, OverflowError):
        return moment


def _plain(text: str) -> str:
    """Return a text without what would have to be escaped; `iso_time` makes none of that."""
    return "".join(char for char in text if char.isalnum() or char in " -:.+")


def took(ms: Any) -> str:
    """Return a duration in milliseconds for people: 0 if the clock was set back meanwhile."""
    if ms is None:
        return ""
    ms = max(0, ms)
    if ms < 1_000:  # noqa: PLR2004 - a second
        return f"{ms} ms"
    seconds = ms / 1_000
    for limit, unit, word in ((60, 1, "s"), (3_600, 60, "min"), (86_400, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.1f} {word}".replace(".0 ", " ")
    return f"{seconds / 86_400:.1f} days"


def pretty(value: Any) -> str:
    """Return JSON for people, limited in length."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    if len(text) <= _LONGEST_JSON:
        return text
    return f"{text[:_LONGEST_JSON]}\n… {len(text) - _LONGEST_JSON} more characters; the API has all"


def _counted(number: int, one: str = "", several: str | None = None) -> str:
    """Return a number for people, with thousands separated, and with its noun if one is given."""
    return counted(number, one, several) if one else f"{number:,}"


def editable(value: Any) -> str:
    """Return JSON for a field that replaces it; empty if it is too long for a field.

    A long value is written only up to that length: a page shows many, each with all of the data.
    """
    text = ""
    for piece in _encoder.iterencode(value):
        text += piece
        if len(text) > _LONGEST_JSON:
            return "{}"
    return text


def size(count: int) -> str:
    """Return a size in bytes for people."""
    amount = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if amount < 1_000:  # noqa: PLR2004 - the next unit
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1_000
    return f"{amount:.1f} TB"


def shortened(text: Any, most: int) -> str:
    """Return the first characters of a text."""
    whole = str(text)
    return whole if len(whole) <= most else f"{whole[: most - 1]}…"


def sentence(text: Any) -> str:
    """Return a message as a sentence of its own."""
    words = str(text)
    end = "" if words.endswith((".", "!", "?")) else "."
    return f"{words[:1].upper()}{words[1:]}{end}"


def workflow_page(workflow_id: str) -> str:
    """Return the address of a run's definition: its workflow, or the agent that was asked."""
    named = workflow_id.removeprefix(replay_id(""))
    agent = named.removeprefix(invocation_id(""))
    kind = "workflows" if agent == named else "agents"
    return safe(f"/{kind}/{quote(agent, safe='')}")  # quoted, it holds nothing to escape


def browser(user_agent: str) -> str:
    """Return the browser and the system that a User-Agent names, else its first characters."""
    name = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return f"{name} on {system}" if name and system else shortened(user_agent, 60)


def who(principal: Any) -> str:
    """Return who did something, as people say it: `person:ada` is Ada's name, `key:ci` a key."""
    kind, _, name = str(principal).partition(":")
    return name if name and kind in _PEOPLE else f"{kind} {name}" if name else kind


def words(name: str) -> str:
    """Return a name of code as words: `customerName` becomes `Customer name`."""
    spaced = "".join(f" {c.lower()}" if c.isupper() else c for c in str(name))
    text = " ".join(spaced.replace("_", " ").replace("-", " ").split())
    return text[:1].upper() + text[1:]


_environment = Environment(
    loader=_load,
    filters={
        "workflow_page": workflow_page,
        "when": when,
        "at_place": at_place,
        "counting": counting,
        "took": took,
        "pretty": pretty,
        "editable": editable,
        "counted": _counted,
        "size": size,
        "who": who,
        "words": words,
        "shortened": shortened,
        "sentence": sentence,
        "browser": browser,
        "icon": lambda name: safe(page_icon(name)),
        "state_icon": lambda state: safe(state_icon(state)),
    },
    auto_escape_callback=lambda _: "html",
    undefined_behavior="strict",
    pycompat=False,
    debug=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


def html(request: Request, template: str, code: int = 200, /, **context: Any) -> HTMLResponse:
    """Return a page that needs no caller, in the look that the browser has chosen."""
    common = {
        "static": f"/static/{STATIC_VERSION}",
        "signed_in": False,
        "here": "",
        "csrf": "",
        "look": appearance_of(request),
        "typeface": f"{_TYPEFACE}-latin.woff2" if f"{_TYPEFACE}-latin.woff2" in STATIC else "",
        "wrong_files": 0,
        "wrong_filters": {},
    }
    text = _environment.render_template(template, **{**common, **context})
    body, headers = compressed(request, text.encode())
    return HTMLResponse(body, code, SECURITY | headers)


def fragment(template: str, **context: Any) -> str:
    """Return a part of a page as HTML."""
    return str(_environment.render_template(template, **context))


async def page(
    call: Call, template: str, here: str, code: int = 200, /, **context: Any
) -> HTMLResponse:
    """Return a page of the console; the menu marks the part `here`."""
    waiting = await call.services.journal.inbox.count(
        call.tenant, _MOST_WAITING, visible_names(call.caller)
    )
    return in_frame(call, template, here, code, waiting, **context)


def in_frame(
    call: Call, template: str, here: str, code: int, waiting: int, /, **context: Any
) -> HTMLResponse:
    """Return a page with the menu, which says how many questions wait."""
    return html(
        call.request,
        template,
        code,
        signed_in=True,
        here=here,
        csrf=call.csrf,
        guide=f"/guide/docs/{GUIDE.get(here, 'console/')}",
        tenant=call.tenant,
        role=call.caller.role.value,
        caller_name=call.caller.name,
        may=_may(call),
        wrong_files=sum(
            len(item.with_problems) for item in call.services.watched if item.tenant == call.tenant
        ),
        waiting=f"{_MOST_WAITING - 1}+" if waiting >= _MOST_WAITING else waiting,
        **context,
    )


def _may(call: Call) -> Mapping[str, bool]:
    return {role.value: call.caller.role.includes(role) for role in Role}
