"""The workflow of an agent that is asked over HTTP: nobody has stored it, every server knows it."""

from engine import JsonObject

_MARK = "@agent/"
"""How its id begins; no stored workflow can have such a one."""


def invocation_id(agent_id: str) -> str:
    """Return the id of the workflow that asks an agent."""
    return f"{_MARK}{agent_id}"


def is_invocation(workflow_id: str) -> bool:
    """Say whether a workflow is one that asks an agent."""
    return workflow_id.startswith(_MARK)


def invocation(workflow_id: str, version: str) -> JsonObject:
    """Return the definition that asks a version of an agent."""
    agent_id = workflow_id.removeprefix(_MARK)
    return {
        "name": f"Agent {agent_id}",
        "initialStep": "agent",
        "steps": [
            {
                "id": "agent",
                "type": "call-agent",
                "agentId": agent_id,
                "version": version,
                "message": "{{ data.message }}",
                "threadId": "{{ data.threadId }}",
            },
            {"id": "end", "type": "end-flow", "result": {"data": "{{ steps.agent.output }}"}},
        ],
        "edges": [{"from": "agent", "to": "end"}],
    }
