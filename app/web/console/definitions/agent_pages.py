"""The pages of agents: the list, one agent with its versions, the editor."""

import json
from typing import Any

from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.web.api.check import CheckBody, checked_agent
from app.web.console.definitions.compare import CompareQuery
from app.web.console.definitions.version_list import VersionListQuery, comparison, version_list
from app.web.console.page import Page, filled, fitting
from app.web.console.rendering import page
from app.web.endpoint import Call
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import ListDefinitionsQuery, checked
from engine import iso_time
from journal import DefinitionFilter, VersionRow
from steps.agents.agent import AgentDefinition, AgentTool
from steps.agents.person import ASK_USER
from steps.contract.step_type import StepBroke
from steps.document.problems import InvalidDefinition

_PAGE = 50
_BLANK = """{
  "name": "New agent",
  "description": "",
  "instructions": "You look into what you are asked. Use the tools; do not guess.",
  "tools": [],
  "output": { "answer": { "type": "string", "description": "In two sentences" } },
  "limits": { "maxTurns": 20 }
}
"""


async def list_page(call: Call) -> Response:
    """List agents, the last changed first."""
    asked = filled(call)
    query, wrong = fitting(ListDefinitionsQuery, asked)
    wanted = DefinitionFilter(
        query.search, query.status, query.includeArchived, _PAGE + 1, query.offset
    )
    rows = await call.services.agents.table.search(call.tenant, wanted)
    return await page(
        call,
        "agents.html",
        "agents",
        wrong_filters=wrong,
        agents=rows[:_PAGE],
        search=query.search or "",
        status=query.status or "",
        next_offset=query.offset + _PAGE if len(rows) > _PAGE else None,
    )


async def agent_page(call: Call) -> Response:
    """Show one version of an agent."""
    query = call.query(VersionListQuery)
    table, agent_id = call.services.agents.table, call.path("id")
    row = await table.get(call.tenant, agent_id, query.version)
    try:
        definition = await call.services.agents.compile_row(call.tenant, row)
    except InvalidDefinition:
        definition = None
    return await page(
        call,
        "agent.html",
        "agents",
        agent=row,
        **await version_list(table, call.tenant, row, query.offset),
        text=_text(row),
        step=_step(row),
        callers=await call.services.workflows.callers(call.tenant, "agentId", agent_id),
        **(await _abilities(call, definition) if definition else {"settings": None}),
    )


async def _abilities(call: Call, definition: AgentDefinition) -> dict[str, Any]:
    """Return the tools and other resources of an agent, and those that are missing here."""
    settings = definition.settings
    known = await call.services.models.known(call.tenant)
    default = next((item.name for item in known if item.is_default), None)
    tools = set(call.services.tools.ids())
    return {
        "settings": settings,
        "instructions": settings.instructions.source,
        "model": settings.model or default,
        "has_model": (settings.model or default) in {item.name for item in known},
        "tools": [
            {
                "name": item.tool or item.workflow,
                "workflow": item.workflow,
                "approval": item.approval,
                "is_here": await _is_here(call, item, tools),
            }
            for item in settings.tools
        ],
        "output": dict(settings.output),
    }


async def _is_here(call: Call, item: AgentTool, tools: set[str]) -> bool:
    if item.tool == ASK_USER:
        return True
    if item.workflow is not None:
        try:
            await call.services.workflows.as_tool(call.tenant, item.workflow)
        except StepBroke:
            return False
        return True
    named = str(item.tool)
    if named.endswith(".*"):
        return any(tool.startswith(named[:-1]) for tool in tools)
    return named in tools


async def new_page(call: Call) -> Response:
    """Show the editor with a template of an agent."""
    return await _editor(call, _BLANK, None)


async def edit_page(call: Call) -> Response:
    """Show the editor with the newest version."""
    row = await call.services.agents.table.get(call.tenant, call.path("id"), "latest")
    return await _editor(call, _text(row) + "\n", row)


async def _editor(call: Call, text: str, row: VersionRow | None) -> Response:
    found = await checked_agent(call, text)
    return await page(
        call,
        "edit_agent.html",
        "agents",
        agent=row,
        text=text,
        lines=text.count("\n") + 1,
        since=iso_time(call.services.clock.now_ms()),
        problems=found.problems,
        warnings=found.warnings,
        models=[item.name for item in await call.services.models.known(call.tenant)],
        tools=call.services.tools.ids(),
    )


async def preview(call: Call) -> Response:
    """Check the text in the editor."""
    body = checked(CheckBody, await json_body(call.request, call.services.settings))
    found = await checked_agent(call, body.text)
    document = found.document if found.is_yaml else None
    findings = {"problems": found.problems, "warnings": found.warnings}
    return JSONResponse({**findings, "graph": None, "document": document})


async def compare_page(call: Call) -> Response:
    """Show the differences between two versions."""
    table = call.services.agents.table
    after, shown = await comparison(table, call.tenant, call.path("id"), call.query(CompareQuery))
    return await page(call, "compare_agent.html", "agents", agent=after, **shown)


def _text(row: VersionRow) -> str:
    return json.dumps(row.definition, ensure_ascii=False, indent=2)


def _step(row: VersionRow) -> str:
    """Return a step that calls the agent."""
    output = row.definition.get("output")
    fields = output if isinstance(output, dict) else {}
    step = {
        "id": "work",
        "type": "call-agent",
        "agentId": row.id,
        "message": "{{ data.question }}",
        "output": {
            name: {"type": spec.get("type", "string")} if isinstance(spec, dict) else {}
            for name, spec in fields.items()
        },
    }
    return json.dumps(step, ensure_ascii=False, indent=2)


PAGES = (
    Page("GET", "/agents", Role.VIEWER, list_page, "Agents"),
    Page("GET", "/agents/new", Role.EDITOR, new_page, "A new agent"),
    Page("POST", "/agents/preview", Role.EDITOR, preview, "Check an agent"),
    Page("GET", "/agents/{id}", Role.VIEWER, agent_page, "An agent"),
    Page("GET", "/agents/{id}/edit", Role.EDITOR, edit_page, "Edit an agent"),
    Page("GET", "/agents/{id}/compare", Role.VIEWER, compare_page, "Compare two versions"),
)
