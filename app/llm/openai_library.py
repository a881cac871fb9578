"""The client of OpenAI's library, for an endpoint with OpenAI's wire format."""

from typing import Any

from app.llm.endpoint import Endpoint
from app.llm.installed import installed_models

_NO_KEY = "none"


def openai_client(endpoint: Endpoint) -> Any:
    """Return the library's client. Raises `StepBroke` if the library is not installed.

    The library takes a third of a second and many megabytes to import, which a server without
    models need not pay. Call this in a thread, since the import would block the loop.
    """
    with installed_models():
        import openai

    key = endpoint.key or _NO_KEY
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=endpoint.base_url,
        # Set here, so that no header from the environment takes its place.
        default_headers={"Authorization": f"Bearer {key}"},
        max_retries=endpoint.retries,
        timeout=endpoint.settings.timeout / 1_000,
        http_client=endpoint.client,
    )
