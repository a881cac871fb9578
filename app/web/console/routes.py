"""Every address of the console."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from app.auth.first_owner import PATH as FIRST_OWNER
from app.auth.one_time import PATH as ONCE
from app.auth.roles import Role
from app.services import Services
from app.web.console import (
    overview_page,
    people_pages,
    schedule_pages,
    search_page,
    settings_pages,
    trigger_pages,
    webhook_page,
)
from app.web.console.definitions import agent_checks, agent_pages, workflow_pages
from app.web.console.entering import passkey_forms, provider_sign_in, sign_in
from app.web.console.entering.first_owner_page import first_owner_page, make_first_owner
from app.web.console.entering.invitation_page import accept_invitation, invitation_page
from app.web.console.page import problem_page
from app.web.console.questions import inbox, pause_endings, previews
from app.web.console.questions.answer_page import answer, answer_page
from app.web.console.questions.form_page import form_page, send_form
from app.web.console.questions.previews import linked_file
from app.web.console.runs import edit_forms, run_list, run_pages, watched_page
from app.web.console.static_files import static_file
from app.web.endpoint import Endpoint

Open = Callable[[Request, Services], Awaitable[Response]]

PAGES: tuple[Endpoint, ...] = (
    *inbox.PAGES,
    *previews.PAGES,
    *overview_page.PAGES,
    *pause_endings.PAGES,
    *run_list.PAGES,
    *search_page.PAGES,
    *run_pages.PAGES,
    *edit_forms.PAGES,
    *workflow_pages.PAGES,
    *agent_checks.PAGES,
    *agent_pages.PAGES,
    *settings_pages.PAGES,
    *people_pages.PAGES,
    *webhook_page.PAGES,
    *schedule_pages.PAGES,
    *watched_page.PAGES,
    *trigger_pages.PAGES,
    Endpoint("POST", "/sign-out", Role.VIEWER, sign_in.sign_out, "Sign out"),
)
"""Pages that require a sign-in."""

OPEN_PAGES: tuple[tuple[str, str, Open], ...] = (
    ("GET", "/sign-in", sign_in.sign_in_page),
    ("POST", "/sign-in", sign_in.sign_in),
    ("POST", passkey_forms.PATH, passkey_forms.challenge),
    ("GET", f"{ONCE}{{code}}", sign_in.sign_in_once),
    ("GET", provider_sign_in.CALLBACK, provider_sign_in.come_back),
    ("GET", f"{provider_sign_in.PATH}/to/{{name}}", provider_sign_in.begin),
    ("GET", FIRST_OWNER, first_owner_page),
    ("POST", FIRST_OWNER, make_first_owner),
    ("GET", "/invitation/{token}", invitation_page),
    ("POST", "/invitation/{token}", accept_invitation),
    ("GET", "/answer/{token}", answer_page),
    ("POST", "/answer/{token}", answer),
    ("GET", "/answer/{token}/shown/{number}", linked_file),
    ("GET", "/form/{token}", form_page),
    ("POST", "/form/{token}", send_form),
    ("GET", "/static/{version}/{name}", static_file),
)
"""Pages that need no sign-in."""


def no_page(request: Request, services: Services, failure: Exception) -> Response:
    """Return the page for an unknown address."""
    return problem_page(request, services, failure)
