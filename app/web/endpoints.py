"""All endpoints of the API: the routes, role checks and the API page are made from them.

They are loaded right after the server is ready, because they take a tenth of the time of a start.
"""

from app.web.api import (
    audit,
    check,
    credentials,
    definitions,
    events,
    executions,
    explanations,
    inbox,
    incoming,
    invocations,
    links,
    llm_models,
    many_runs,
    mcp,
    overview,
    passkeys,
    people,
    processes,
    repairs,
    replays,
    reruns,
    schedules,
    search,
    secrets,
    signals,
    spending,
    starts,
    stored_files,
    tools,
    transcripts,
    triggers,
    variables,
    views,
    webhooks,
    workflow_statistics,
)
from app.web.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *starts.ENDPOINTS,
    *executions.ENDPOINTS,
    *repairs.ENDPOINTS,
    *inbox.ENDPOINTS,
    *reruns.ENDPOINTS,
    *replays.ENDPOINTS,
    *transcripts.ENDPOINTS,
    *explanations.ENDPOINTS,
    *events.ENDPOINTS,
    *many_runs.ENDPOINTS,
    *search.ENDPOINTS,
    *definitions.ENDPOINTS,
    *check.ENDPOINTS,
    *links.ENDPOINTS,
    *credentials.ENDPOINTS,
    *people.ENDPOINTS,
    *passkeys.ENDPOINTS,
    *audit.ENDPOINTS,
    *stored_files.ENDPOINTS,
    *secrets.ENDPOINTS,
    *variables.ENDPOINTS,
    *views.ENDPOINTS,
    *llm_models.ENDPOINTS,
    *tools.ENDPOINTS,
    *invocations.ENDPOINTS,
    *overview.ENDPOINTS,
    *processes.ENDPOINTS,
    *workflow_statistics.ENDPOINTS,
    *spending.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *schedules.ENDPOINTS,
    *signals.ENDPOINTS,
    *triggers.ENDPOINTS,
)
"""The endpoints shown on the API page."""
ALL_ENDPOINTS = (*ENDPOINTS, *mcp.ENDPOINTS)

OPEN_ENDPOINTS = (
    ("POST", "/callback/{token}", signals.callback),
    *((method, "/in/{token}", incoming.incoming) for method in incoming.METHODS),
)
"""The endpoints open to anybody who knows the address."""
