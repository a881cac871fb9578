"""book-parcel: book one parcel at the carrier."""

import json
import os
import urllib.error
import urllib.request
from typing import Annotated

from pydantic import Field

from steps import StepBroke, ToolContext, tool

_LONGEST_S = 20
_MAY_PASS = frozenset({408, 425, 429})


@tool(id="book-parcel")
def book_parcel(
    context: ToolContext,
    address: Annotated[str, Field(min_length=1, description="where the parcel goes")],
    grams: Annotated[int, Field(gt=0, le=30_000, description="what it weighs")],
) -> dict[str, str]:
    """Book a parcel at the carrier and return its tracking number."""
    url = os.environ.get("CARRIER_URL")
    if not url:
        message = "the server's environment has no CARRIER_URL; set it to the carrier's address"
        raise StepBroke("CarrierNotConfigured", message, retryable=False)
    request = urllib.request.Request(  # noqa: S310 - the operator sets the address
        url,
        data=json.dumps({"address": address, "grams": grams}).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": context.idempotency_key},
    )
    try:
        with urllib.request.urlopen(request, timeout=_LONGEST_S) as answer:  # noqa: S310
            booked = json.load(answer)
    except urllib.error.HTTPError as refused:
        may_pass = refused.code in _MAY_PASS or refused.code >= 500  # noqa: PLR2004
        message = f"the carrier answered with status {refused.code}"
        raise StepBroke("CarrierRefused", message, retryable=may_pass) from refused
    except OSError as failed:
        raise StepBroke("CarrierAway", f"no answer from the carrier: {failed}") from failed
    return {"tracking": str(booked["tracking"])}
