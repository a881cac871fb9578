"""Search results besides runs and definitions: pages and actions, by role."""

from collections.abc import Iterator

from app.auth.roles import Role
from engine.value import value

SIGN_OUT = "Sign out"


@value(frozen=True, slots=True)
class Place:
    """A page or an action.

    Attributes:
        also: Other words by which people look for it.
    """

    name: str
    path: str
    role: Role = Role.VIEWER
    also: str = ""

    def fits(self, text: str) -> bool:
        """Return whether each word of a text begins one of its own."""
        own = f"{self.name} {self.also}".lower().split()
        return all(any(one.startswith(word) for one in own) for word in text.lower().split())


PAGES = (
    Place("Overview", "/overview", also="home front page"),
    Place("Inbox", "/inbox", also="questions tasks approvals waiting"),
    Place("Runs", "/runs", also="executions"),
    Place("Failed runs", "/runs?status=failed", also="errors"),
    Place("Paused runs", "/runs?status=paused", also="waiting"),
    Place("Workflows", "/workflows", also="definitions"),
    Place("Agents", "/agents"),
    Place("Settings", "/settings", also="configuration preferences"),
    Place("People", "/settings/people", Role.ADMIN, "users members groups"),
    Place("Your passkeys", "/settings/passkeys", also="password"),
    Place("Sessions", "/settings/sessions", Role.ADMIN, "sign-ins"),
    Place("API keys", "/settings/keys", Role.ADMIN, "credentials"),
    Place("Tokens", "/settings/tokens", Role.ADMIN, "jwt"),
    Place("Audit log", "/settings/audit", Role.ADMIN, "changes history"),
    Place("Schedules", "/settings/schedules", also="cron timers"),
    Place("Triggers", "/settings/triggers", also="incoming webhooks forms"),
    Place("Signals", "/settings/signals"),
    Place("Variables", "/settings/variables"),
    Place("Secrets", "/settings/secrets", Role.ADMIN, "passwords"),
    Place("Models", "/settings/models", also="llm"),
    Place("Budgets", "/settings/budgets", also="cost spending limits"),
    Place("Tools", "/settings/tools", also="mcp"),
    Place("Webhooks", "/settings/webhooks", Role.ADMIN, "deliveries"),
    Place("Retention", "/settings/retention", also="deletion"),
    Place("Health", "/settings/health", also="server processes"),
    Place("Guide", "/guide", also="documentation docs help"),
)
ACTIONS = (
    Place("New workflow", "/workflows/new", Role.EDITOR, "create add write"),
    Place("New agent", "/agents/new", Role.EDITOR, "create add write"),
    Place("Hold all runs", "/runs#hold", Role.OPERATOR, "pause stop"),
    Place("Release all runs", "/runs#release", Role.OPERATOR, "resume continue unpause"),
    Place("Try all waiting attempts now", "/runs#tryNow", Role.OPERATOR, "retry retries"),
    Place(
        "Run again all that failed", "/runs?status=failed#rerun", Role.OPERATOR, "rerun retry"
    ),
    Place("Cancel all runs", "/runs#cancel", Role.OPERATOR, "stop abort"),
    Place("Invite somebody", "/settings/people#name", Role.ADMIN, "add person user people new"),
    Place("New API key", "/settings/keys", Role.ADMIN, "create add"),
    Place("New secret", "/settings/secrets", Role.ADMIN, "create add"),
    Place("New model", "/settings/models", Role.ADMIN, "create add"),
    Place("New webhook", "/settings/webhooks", Role.ADMIN, "create add"),
    Place("New schedule", "/settings/schedules", Role.EDITOR, "create add cron"),
    Place("New trigger", "/settings/triggers", Role.EDITOR, "create add form"),
    Place(SIGN_OUT, "", also="log logout leave"),
)  # fmt: skip


def found(places: tuple[Place, ...], text: str, role: Role) -> Iterator[Place]:
    """Yield the places that match a text and that the role may open."""
    return (one for one in places if role.includes(one.role) and one.fits(text))
