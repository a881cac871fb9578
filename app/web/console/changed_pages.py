"""The pages of what the entries of the audit log say was changed."""

from urllib.parse import quote

_OBJECTS = {
    "workflows": "/workflows",
    "agents": "/agents",
    "webhooks": "/settings/webhooks",
    "triggers": "/settings/triggers",
    "schedules": "/settings/schedules",
}
"""The list of each kind whose objects have pages of their own, by the part of an address."""

_LISTS = {
    **_OBJECTS,
    "keys": "/settings/keys",
    "jwt-secrets": "/settings/tokens",
    "secrets": "/settings/secrets",
    "variables": "/settings/variables",
    "models": "/settings/models",
    "budgets": "/settings/budgets",
    "people": "/settings/people",
    "sessions": "/settings/sessions",
    "passkeys": "/settings/passkeys",
    "signals": "/settings/signals",
    "mcp-servers": "/settings/tools",
    "views": "/runs",
}


def page_of(action: str, target: str, result: str | None) -> str:
    """Return the page of what an entry changed; empty if there is none.

    What was deleted has no page any more, so its entry leads to the list in which it was.
    """
    if target.startswith("/sign-in"):
        return _LISTS["sessions"]
    _, _, path = target.partition("/api/")
    kind, _, rest = path.partition("/")
    named = rest.partition("/")[0]
    if not named and action.startswith("create"):
        named = result or ""
    if named and kind in _OBJECTS and not action.startswith("delete"):
        return f"{_OBJECTS[kind]}/{quote(named, safe='')}"
    return _LISTS.get(kind, "")
