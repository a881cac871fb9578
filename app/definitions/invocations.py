"""The workflow that calls an agent for an HTTP request: it is built in, not stored."""

from engine import JsonObject

_MARK = "@agent/"
"""The prefix of its id, which no stored workflow can have."""


def invocation_id(agent_id: str) -> str:
    """Return the id of the workflow that calls an agent."""
    return f"{_MARK}{agent_id}"


def is_invocation(workflow_id: str) -> bool:
    """Return whether a workflow is one that calls an agent for an HTTP request."""
    return workflow_id.startswith(_MARK)


def invocation(workflow_id: str, version: str) -> JsonObject:
    """Return the definition that calls a version of an agent."""
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
