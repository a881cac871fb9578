"""Settings about people: who they are, who is signed in, who changed what."""

from typing import Any
from urllib.parse import urlencode

from pydantic import Field
from starlette.responses import Response

from app.auth.roles import Role
from app.web.api.audit import AuditQuery, audit_document, audit_filter
from app.web.api.passkeys import passkey_document
from app.web.api.people import person_document, session_document
from app.web.console.changed_pages import page_of
from app.web.console.page import Page, filled, fitting
from app.web.console.rendering import page
from app.web.endpoint import Call

_PAGE = 100


class _AuditPageQuery(AuditQuery):
    limit: int = Field(_PAGE, ge=1, le=500)


async def people_page(call: Call) -> Response:
    """Show everybody, and invite others."""
    people = call.services.authenticator.people
    return await _settings(
        call,
        "people",
        people=[person_document(row, people) for row in people.of(call.tenant)],
        roles=[role.value for role in reversed(Role) if call.caller.role.includes(role)],
    )


async def passkeys_page(call: Call) -> Response:
    """Show the caller's passkeys, and add one."""
    passkeys = call.services.authenticator.people.passkeys
    is_person = call.caller.credential.startswith("person_")
    rows = passkeys.of(call.caller.credential) if is_person else []
    return await _settings(
        call, "passkeys", is_person=is_person, name=call.caller.name.removeprefix("person:"),
        passkeys=[passkey_document(row) for row in rows],
    )  # fmt: skip


async def sessions_page(call: Call) -> Response:
    """Show who is signed in."""
    own = call.services.sessions.id_of(call.request.cookies)
    rows = call.services.sessions.of_tenant(call.tenant)
    return await _settings(call, "sessions", sessions=[session_document(row, own) for row in rows])


async def audit_page(call: Call) -> Response:
    """Show who changed what."""
    query, wrong = fitting(_AuditPageQuery, filled(call))
    wanted = audit_filter(query, int(query.cursor) if query.cursor else None)
    found = await call.services.journal.audit.page(call.tenant, wanted, query.limit)
    return await _settings(
        call,
        "audit",
        wrong_filters=wrong,
        entries=[_entry(audit_document(row), query) for row in found.rows],
        who=query.who or "",
        action=query.action or "",
        target=query.target or "",
        cursor=None if found.following is None else str(found.following),
    )


def _entry(entry: dict[str, Any], query: AuditQuery) -> dict[str, Any]:
    """Return an entry with the page of what it changed, and the entries of whoever did it."""
    asked = {"who": entry["who"], "action": query.action, "target": query.target}
    theirs = urlencode({name: text for name, text in asked.items() if text})
    page_of_target = page_of(entry["action"], entry["target"], entry["result"])
    return {**entry, "page": page_of_target, "theirs": f"/settings/audit?{theirs}"}


async def _settings(call: Call, part: str, **found: Any) -> Response:
    return await page(call, f"settings_{part}.html", "settings", part=part, **found)


PAGES = (
    Page("GET", "/settings/passkeys", Role.VIEWER, passkeys_page, "Passkeys"),
    Page("GET", "/settings/people", Role.ADMIN, people_page, "People"),
    Page("GET", "/settings/sessions", Role.ADMIN, sessions_page, "Sessions"),
    Page("GET", "/settings/audit", Role.ADMIN, audit_page, "Audit log"),
)
