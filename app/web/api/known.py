"""Names that exist on the server for a tenant, to check the names in definitions against."""

import asyncio
from typing import Any

from app.services import Services
from engine import Json
from steps.checking.advice import Known

_MOST = 1_000
"""How many names of a kind are searched for the most similar one."""


async def known_to(services: Services, tenant: str, document: Json) -> Known:
    """Return the names that a document may use; if there are many, only those it does use."""
    tools = services.tools
    workflows, agents, models, variables = await asyncio.gather(
        services.workflows.table.ids(tenant, _named(document, "workflowId", "workflow"), _MOST),
        services.agents.table.ids(tenant, _named(document, "agentId"), _MOST),
        services.models.known(tenant),
        services.journal.variables.of(tenant),
    )
    ids = tools.ids()
    return Known(
        tools=ids,
        workflows=workflows,
        agents=agents,
        models=[model.name for model in models],
        secrets=[secret.name for secret in services.secrets.names(tenant)],
        variables=[variable.name for variable in variables],
        servers=tools.servers(),
        pure=[tool for tool in ids if tools.is_pure(tool)],
    )


def _named(document: Json, *keys: str) -> list[str]:
    if not isinstance(document, dict):
        return []
    parts: list[Any] = []
    for listed in (document.get("steps"), document.get("tools")):
        parts += listed if isinstance(listed, list) else []
    given = (part.get(key) for part in parts if isinstance(part, dict) for key in keys)
    return sorted({name for name in given if isinstance(name, str)})
