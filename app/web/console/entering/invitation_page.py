"""The page behind an invitation: the invited person chooses a password, once."""

from starlette.requests import Request
from starlette.responses import Response

from app.auth.passkeys import UnfitPasskey
from app.auth.passwords import SHORTEST, TooManyPasswords, UnfitPassword
from app.auth.sealed_token import LinkUnusable
from app.services import Services
from app.web.console.entering.passkey_forms import chosen_way
from app.web.console.entering.sign_in_forms import (
    HOME,
    NotFromHere,
    browser_of,
    entered,
    field_of,
    is_open,
    sent_form,
)
from app.web.console.rendering import html, sentence
from journal import PasskeyTaken


async def invitation_page(request: Request, services: Services) -> Response:
    """Show whom the invitation is for; opening it changes nothing."""
    return _form(request, services)


async def accept_invitation(request: Request, services: Services) -> Response:
    """Take the password, end older sessions, and open one."""
    people, token = services.authenticator.people, request.path_params["token"]
    try:
        given = await sent_form(request, services)
        people.invited(token)
        person = await people.accept(token, await chosen_way(request, services, given))
    except LinkUnusable:
        return _over(request)
    except NotFromHere:
        return _form(request, services, "Fill in this page, not another one.", 403)
    except (UnfitPassword, UnfitPasskey, PasskeyTaken, TooManyPasswords) as unfit:
        return _form(request, services, sentence(unfit), 400, field_of(unfit))
    except (UnicodeDecodeError, ValueError):
        return _form(request, services, "The form cannot be read.", 400)
    await services.sessions.end_all(person.id)
    cookie = await services.sessions.open_for(person.id, "invitation", browser_of(request))
    return entered(request, services, cookie, HOME)


def _form(
    request: Request, services: Services, message: str = "", status: int = 200, wrong: str = ""
) -> Response:
    try:
        person = services.authenticator.people.invited(request.path_params["token"])
    except LinkUnusable:
        return _over(request)
    return html(
        request,
        "invitation.html",
        status,
        message=message,
        wrong_field=wrong,
        name=person.name,
        tenant=person.tenant,
        role=person.role,
        is_new=person.password is None,
        shortest=SHORTEST,
        is_open=is_open(request),
    )


def _over(request: Request) -> Response:
    return html(
        request,
        "answered.html",
        404,
        title="This invitation does not count",
        message="It has been used, has expired, or a newer one was made. Ask for another.",
        good=False,
    )
