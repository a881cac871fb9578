"""Parts of the API description that many operations share."""

from typing import Any

from app.web.errors import TABLE

TAGS = (
    ("Runs", "Start, follow, answer and end runs.", ("/api/workflow/",)),
    (
        "Workflows",
        "Definitions of workflows, in versions.",
        ("/api/workflows", "/api/workflow/check", "/api/workflow/metadata"),
    ),
    (
        "Triggers",
        "What starts runs without an API call.",
        ("/api/schedules", "/api/signals", "/api/triggers"),
    ),
    ("Variables", "Values that expressions of all workflows can use.", ("/api/variables",)),
    ("Search", "Everything of a tenant, by words.", ("/api/search",)),
    ("Views", "Saved lists of runs.", ("/api/views",)),
    ("Agents", "Definitions of agents, in versions.", ("/api/agents",)),
    ("Events", "Events, as a stream.", ("/api/workflow/events",)),
    ("Files", "Files that workflows work with.", ("/api/workflow/files",)),
    ("Webhooks", "Where events are sent, and the deliveries.", ("/api/webhooks",)),
    (
        "Models and tools",
        "Models and tools that steps may use.",
        ("/api/models", "/api/tools", "/api/mcp-servers"),
    ),
    ("Conversations", "Questions to agents and their answers.", ("/api/threads",)),
    ("Processes", "The server processes that share the journal.", ("/api/processes",)),
    ("Spending", "Costs of models, and budgets.", ("/api/usage", "/api/budgets")),
    (
        "People",
        "People who sign in, and the audit log.",
        ("/api/people", "/api/passkeys", "/api/sessions", "/api/audit"),
    ),
    (
        "Keys and secrets",
        "Credentials of callers, and secrets for steps.",
        ("/api/keys", "/api/jwt-secrets", "/api/secrets"),
    ),
)
"""Tags, their descriptions, and the beginnings of their addresses; the longest match counts."""


HEADERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "description": "Allows a request whose answer was lost to be repeated: with the same key "
        "it takes effect once, and gives the same answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "example": "order-4711",
    },
    "Prefer": {
        "description": "`wait=N`: wait at most N seconds (RFC 7240), then answer 202.",
        "schema": {"type": "string", "pattern": r"\bwait=[0-9]{1,9}\b"},
        "example": "wait=5",
    },
    "Last-Event-ID": {
        "description": "The id of the event after which the stream continues.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
        "example": "4711",
    },
}
"""The request headers that endpoints use."""

_RETRY_AFTER = {
    "description": "Seconds after which a retry makes sense.",
    "schema": {"type": "integer", "minimum": 0},
    "example": 1,
}
LOCATION = {
    "description": "The address of the created resource.",
    "schema": {"type": "string"},
    "example": "/api/workflows/customer-onboarding",
}
ATTACHMENT = {
    "description": "The name of the file (RFC 6266).",
    "schema": {"type": "string"},
    "example": "attachment; filename*=UTF-8''agreement.pdf",
}
_NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "RequestTimeout",
    409: "Conflict",
    410: "Gone",
    413: "PayloadTooLarge",
    415: "UnsupportedMediaType",
    422: "KeyReused",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
_WITH_BODY = (408, 413, 415)
_WITH_KEY = (410, 422)
ERROR = {
    "type": "object",
    "description": "Why a request failed.",
    "required": ["error", "message", "requestId"],
    "properties": {
        "error": {"type": "string", "description": "the kind of failure"},
        "message": {"type": "string", "description": "what is wrong, and how to fix it"},
        "requestId": {
            "type": "string",
            "description": "the id under which the server's log has details",
        },
        "details": {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}},
    },
}

_IDS = {
    "start": "startRun",
    "start_async": "startRunAsync",
    "status": "getRun",
    "resume": "resumeRun",
    "cancel": "cancelRun",
    "terminate": "terminateRun",
    "bulk": "changeManyRuns",
    "explain": "explainValue",
    "workflow_statistics": "getWorkflowStatistics",
    "run_events": "streamRunEvents",
    "tenant_events": "streamEvents",
    "input_metadata": "getWorkflowInput",
    "check": "checkWorkflow",
    "upload": "uploadFile",
    "download": "downloadFile",
    "put_webhook": "updateWebhook",
    "redeliver": "redeliverEvent",
    "redeliver_failed": "redeliverFailedEvents",
}


def operation_id(operation: str) -> str:
    """Return the id from which generators derive the name of a call."""
    first, *rest = operation.split("_")
    return _IDS.get(operation) or first + "".join(word.capitalize() for word in rest)


def tag_of(path: str) -> str:
    """Return the tag of an address."""
    begins = [(begin, tag) for tag, _, beginnings in TAGS for begin in beginnings]
    return max((len(begin), tag) for begin, tag in begins if path.startswith(begin))[1]


def failures() -> dict[str, Any]:
    """Return an answer for each status of a failure, by name."""
    return {name: _failure(status) for status, name in _NAMES.items()}


def failures_of(*, has_body: bool, has_key: bool) -> dict[str, Any]:
    """Return the failures of an operation by status."""
    left_out = (*(() if has_body else _WITH_BODY), *(() if has_key else _WITH_KEY))
    return {
        str(status): {"$ref": f"#/components/responses/{name}"}
        for status, name in _NAMES.items()
        if status not in left_out
    }


def _failure(status: int) -> dict[str, Any]:
    words = list(dict.fromkeys(word for _, known, word in TABLE if known == status))
    example = {"error": words[0], "message": "what is wrong, in a sentence", "requestId": "r-1"}
    schema = {"$ref": "#/components/schemas/Error"}
    answer: dict[str, Any] = {
        "description": ", ".join(words),
        "content": {"application/json": {"schema": schema, "example": example}},
    }
    if status in (429, 503):
        answer["headers"] = {"Retry-After": _RETRY_AFTER}
    return answer
