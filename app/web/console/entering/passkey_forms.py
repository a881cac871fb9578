"""Sign-in with a passkey: the challenge for a browser, and the fields that its forms send."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.auth.passkeys import NewPasskey, Purpose, UnfitPasskey
from app.auth.passwords import UnfitPassword
from app.auth.rate_limits import RateLimited
from app.services import Services
from app.settings.extras import ExtraMissing
from app.web.api.passkeys import site_of
from app.web.console.entering.sign_in_forms import NotFromHere, address_of, first, sent_form
from app.web.errors import error_response
from app.wire.parsing.errors import BadRequest

PATH = "/passkeys/challenge"


async def challenge(request: Request, services: Services) -> Response:
    """Return the challenge with which a browser makes a passkey, or signs in with one."""
    try:
        given = await sent_form(request, services)
        services.rate_limits.check_sign_in(address_of(request))
        purpose: Purpose = "sign-in" if first(given, "for") == "sign-in" else "new"
        return JSONResponse(
            await services.authenticator.people.passkeys.challenge(
                purpose, site_of(request, services), first(given, "name")
            )
        )
    except NotFromHere:
        failure: Exception = BadRequest("ask on a page of this server, not from another one")
    except (UnicodeDecodeError, ValueError):
        failure = BadRequest("the form cannot be read")
    except (RateLimited, UnfitPasskey, ExtraMissing) as refused:
        failure = refused
    return error_response(failure, request.scope["stepwell.request_id"])


async def chosen_way(
    request: Request, services: Services, given: dict[str, list[str]]
) -> str | NewPasskey:
    """Return the password or the passkey of a form.

    Raises `UnfitPassword`, `UnfitPasskey`, `ExtraMissing`.
    """
    if sent := first(given, "passkey"):
        passkeys = services.authenticator.people.passkeys
        return await passkeys.made(site_of(request, services), first(given, "challenge"), sent)
    password = first(given, "password")
    if password != first(given, "again"):
        raise UnfitPassword("the two passwords are not the same")
    return password
