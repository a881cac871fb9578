"""The page of a first start: creates the owner, who has the code from the terminal, and samples."""

import json

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.auth.errors import Unauthorized
from app.auth.first_owner import PATH, TENANT, OwnerThere
from app.auth.passkeys import UnfitPasskey
from app.auth.passwords import SHORTEST, TooManyPasswords, UnfitPassword
from app.auth.people import UnfitPerson
from app.auth.rate_limits import RateLimited
from app.services import Services
from app.web.console.entering.passkey_forms import chosen_way
from app.web.console.entering.sign_in_forms import (
    NotFromHere,
    address_of,
    browser_of,
    entered,
    field_of,
    first,
    is_open,
    sent_form,
)
from app.web.console.rendering import html, sentence
from app.web.console.samples import samples
from journal import DefinitionExists, NameTaken, PasskeyTaken
from steps.document.problems import InvalidDefinition

_OWNER_THERE = "/sign-in?owner"
_CODE_RATE_NAME = "first owner"

_WRONG_CODE = "That is not the code which the terminal shows; each start makes another one."
_ANOTHER_PROCESS = (
    " Several processes serve this address, each with a code of its own: send it again, or open"
    " this page at the address of the process that has shown the code."
)


async def first_owner_page(request: Request, services: Services) -> Response:
    """Show the form, while there is no owner."""
    if not services.first_owner.is_wanted:
        return RedirectResponse(_OWNER_THERE, 303)
    return _form(request)


async def make_first_owner(request: Request, services: Services) -> Response:
    """Create the owner, the chosen samples, and a session."""
    given: dict[str, list[str]] = {}
    try:
        given = await sent_form(request, services)
        services.rate_limits.check_sign_in(address_of(request))
        services.rate_limits.check_password(TENANT, _CODE_RATE_NAME)
        way = await chosen_way(request, services, given)
        person = await services.first_owner.make(first(given, "code"), first(given, "name"), way)
    except OwnerThere:
        return RedirectResponse(_OWNER_THERE, 303)
    except NotFromHere:
        return _form(request, given, "Fill in this page, not another one.", 403)
    except (RateLimited, TooManyPasswords) as often:
        answer = _form(request, given, f"Too many attempts: {often}.", 429)
        answer.headers["Retry-After"] = str(often.retry_after_s)
        return answer
    except Unauthorized:
        services.rate_limits.note_failed_sign_in(address_of(request))
        services.rate_limits.note_failed_password(TENANT, _CODE_RATE_NAME)
        message = _WRONG_CODE if services.sharing is None else _WRONG_CODE + _ANOTHER_PROCESS
        return _form(request, given, message, 401, "code")
    except (UnfitPerson, UnfitPassword, UnfitPasskey, PasskeyTaken, NameTaken) as unfit:
        return _form(request, given, sentence(unfit), 400, field_of(unfit))
    except (UnicodeDecodeError, ValueError):
        return _form(request, {}, "The form cannot be read.", 400)
    chosen = given.get("sample", [])
    await _load(services, chosen)
    kind = "password" if isinstance(way, str) else "passkey"
    cookie = await services.sessions.open_for(person.id, kind, browser_of(request))
    return entered(request, services, cookie, "/workflows")


async def _load(services: Services, chosen: list[str]) -> None:
    for sample in samples():
        if sample["key"] not in chosen:
            continue
        document = {**json.loads(sample["text"]), "id": sample["key"]}
        try:
            made = await services.workflows.create(TENANT, document)
            await services.workflows.publish(TENANT, made.id, None)
        except (DefinitionExists, InvalidDefinition):
            continue  # an older folder may have a workflow of that name


def _form(
    request: Request,
    given: dict[str, list[str]] | None = None,
    message: str = "",
    status: int = 200,
    wrong: str = "",
) -> Response:
    given = given or {}
    return html(
        request,
        "first_owner.html",
        status,
        message=message,
        wrong_field=wrong,
        name=first(given, "name"),
        given_code=first(given, "code"),
        shortest=SHORTEST,
        path=PATH,
        is_open=is_open(request),
        samples=samples(),
        chosen=given.get("sample", [] if given else [item["key"] for item in samples()]),
    )
