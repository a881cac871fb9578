"""Signing in with a name and a password, with a key or a token, and signing out."""

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.auth.errors import Unauthorized
from app.auth.first_owner import PATH as FIRST_OWNER
from app.auth.passwords import TooManyPasswords
from app.auth.rate_limits import RateLimited
from app.auth.sessions import COOKIE, TokenTooLong
from app.services import Services
from app.web.api.passkeys import site_of
from app.web.console.entering.sign_in_forms import (
    HOME,
    NotFromHere,
    address_of,
    browser_of,
    entered,
    first,
    is_open,
    is_secure,
    local,
    sent_form,
)
from app.web.console.rendering import html
from app.web.endpoint import Call
from engine.value import value

_OWNER_THERE = (
    "Somebody can sign in as the owner already, with a name or with a key of the role owner, so no"
    " other one is made here. Sign in; Settings, People invites more."
)
_WRONG_KEY = "That key or token does not count for this tenant. It may be disabled or expired."
_WRONG_PASSKEY = "That passkey does not count here, or that took too long. Try again."
_WRONG_PASSWORD = "That name and password do not fit for this tenant."  # noqa: S105 - a message


@value(frozen=True, slots=True)
class SignInForm:
    """What the form holds when it is shown.

    Attributes:
        back: The address of this server that follows a sign-in.
        with_key: Whether it asks for a key or a token, even if people can sign in.
    """

    back: str = HOME
    tenant: str = ""
    name: str = ""
    with_key: bool = False


async def sign_in_page(request: Request, services: Services) -> Response:
    """Show the form; while there is no owner, redirect to the page that creates one."""
    if services.first_owner.is_wanted and not services.authenticator.providers.all:
        return RedirectResponse(FIRST_OWNER, 303)
    given = request.query_params
    notice = _OWNER_THERE if "owner" in given else ""
    form = SignInForm(given.get("next", HOME), with_key="key" in given)
    return sign_in_form(request, services, form, notice)


async def sign_in(request: Request, services: Services) -> Response:
    """Open a session. A form that another site sends is refused."""
    form = SignInForm(with_key=True)
    given: dict[str, list[str]] = {}
    try:
        given = await sent_form(request, services)
        form = SignInForm(
            first(given, "next", HOME), first(given, "tenant").strip(), first(given, "name"),
            with_key="credential" in given,
        )  # fmt: skip
        services.rate_limits.check_sign_in(address_of(request))
        if "passkey" in given:
            cookie = await _by_passkey(request, services, given)
        elif form.with_key:
            credential = first(given, "credential").strip()
            cookie = await services.sessions.open(form.tenant, credential, browser_of(request))
        else:
            cookie = await _by_password(request, services, form, given)
    except NotFromHere:
        message = "Sign in on this page, not from another one."
        return sign_in_form(request, services, form, message, 403)
    except TokenTooLong as too_long:
        return sign_in_form(request, services, form, f"{too_long}.", 400)
    except (RateLimited, TooManyPasswords) as often:
        message = f"Too many attempts: {often}."
        answer = sign_in_form(request, services, form, message, 429)
        answer.headers["Retry-After"] = str(often.retry_after_s)
        return answer
    except Unauthorized:
        services.rate_limits.note_failed_sign_in(address_of(request))
        if "passkey" in given:
            message = _WRONG_PASSKEY
        else:
            message = _WRONG_KEY if form.with_key else _WRONG_PASSWORD
        return sign_in_form(request, services, form, message, 401)
    except (UnicodeDecodeError, ValueError):
        unread = SignInForm(form.back)
        return sign_in_form(request, services, unread, "The form cannot be read.", 400)
    return entered(request, services, cookie, form.back)


async def sign_in_once(request: Request, services: Services) -> Response:
    """Open a session by an address that works once."""
    try:
        tenant, key = services.one_time.take(request.path_params["code"])
        cookie = await services.sessions.open(tenant, key, browser_of(request))
    except Unauthorized:
        message = "That address has been used or has expired."
        return sign_in_form(request, services, SignInForm(with_key=True), message, 401)
    return entered(request, services, cookie, "/workflows")


async def _by_password(
    request: Request, services: Services, form: SignInForm, given: dict[str, list[str]]
) -> str:
    people, tenant, name = services.authenticator.people, form.tenant, form.name
    services.rate_limits.check_password(tenant, name)
    try:
        person = await people.by_password(tenant, name, first(given, "password"))
    except Unauthorized:
        services.rate_limits.note_failed_password(tenant, name)
        raise
    cookie = await services.sessions.open_for(person.id, "password", browser_of(request))
    await people.signed_in(person)
    return cookie


async def _by_passkey(request: Request, services: Services, given: dict[str, list[str]]) -> str:
    people = services.authenticator.people
    passkey = await people.passkeys.signs_in(
        site_of(request, services), first(given, "challenge"), first(given, "passkey")
    )
    person = people.by_passkey(passkey)
    cookie = await services.sessions.open_for(person.id, "passkey", browser_of(request))
    await people.signed_in(person)
    return cookie


async def sign_out(call: Call) -> Response:
    """End the session, on the server and in this browser."""
    await call.services.sessions.end(call.request.cookies)
    answer = JSONResponse({"success": True})
    answer.delete_cookie(COOKIE, secure=is_secure(call.request), httponly=True, samesite="strict")
    return answer


def sign_in_form(
    request: Request, services: Services, form: SignInForm, message: str = "", status: int = 200
) -> Response:
    """Return the sign-in page: for people if there are any, else for keys."""
    return html(
        request,
        "sign_in.html",
        status,
        next=local(form.back),
        message=message,
        is_wrong=status == 401,  # noqa: PLR2004 - what the page itself is answered with
        tenant=form.tenant,
        name=form.name,
        is_open=is_open(request),
        with_key=form.with_key or not services.authenticator.people.is_anybody,
        is_anybody=services.authenticator.people.is_anybody,
        with_passkey=bool(services.authenticator.people.passkeys.people),
        providers=[
            {"name": one.name, "title": one.title}
            for one in services.authenticator.providers.all.values()
        ],
    )
