"""What programs that use a Stepwell server import: `from stepwell.client import Client`.

Public is what `__all__` names; `stepwell.client` has the same names. Everything else, whose
names begin with an underscore, may change with any version. The client knows the server by its
HTTP API only, and imports nothing of it.
"""

from stepwell._asynchronous.agents import AsyncAgents
from stepwell._asynchronous.client import AsyncClient
from stepwell._asynchronous.pauses import AsyncPauses
from stepwell._asynchronous.run import AsyncRun
from stepwell._asynchronous.schedules import AsyncSchedules
from stepwell._asynchronous.triggers import AsyncTriggers
from stepwell._asynchronous.views import AsyncViews
from stepwell._asynchronous.workflows import AsyncWorkflows
from stepwell._blocking.agents import Agents
from stepwell._blocking.client import Client
from stepwell._blocking.pauses import Pauses
from stepwell._blocking.run import Run
from stepwell._blocking.schedules import Schedules
from stepwell._blocking.triggers import Triggers
from stepwell._blocking.views import Views
from stepwell._blocking.workflows import Workflows
from stepwell._documents import (
    Action,
    Event,
    HistoryEntry,
    Json,
    JsonObject,
    OpenPause,
    PauseSignal,
    RunError,
    RunLine,
    RunPage,
    RunStatus,
    StatusName,
    StepError,
)
from stepwell._errors import (
    ApiError,
    NoCredentials,
    NotPaused,
    RunCancelled,
    RunFailed,
    RunTerminated,
    StepwellError,
    Unanswered,
    WaitTimeout,
)
from stepwell._selection import (
    BulkAction,
    BulkCount,
    BulkFailure,
    BulkPart,
    BulkRerun,
    RunFilter,
)
from stepwell._workflow_documents import Workflow, WorkflowStatus, WorkflowSummary

__all__ = [
    "Action",
    "Agents",
    "ApiError",
    "AsyncAgents",
    "AsyncClient",
    "AsyncPauses",
    "AsyncRun",
    "AsyncSchedules",
    "AsyncTriggers",
    "AsyncViews",
    "AsyncWorkflows",
    "BulkAction",
    "BulkCount",
    "BulkFailure",
    "BulkPart",
    "BulkRerun",
    "Client",
    "Event",
    "HistoryEntry",
    "Json",
    "JsonObject",
    "NoCredentials",
    "NotPaused",
    "OpenPause",
    "PauseSignal",
    "Pauses",
    "Run",
    "RunCancelled",
    "RunError",
    "RunFailed",
    "RunFilter",
    "RunLine",
    "RunPage",
    "RunStatus",
    "RunTerminated",
    "Schedules",
    "StatusName",
    "StepError",
    "StepwellError",
    "Triggers",
    "Unanswered",
    "Views",
    "WaitTimeout",
    "Workflow",
    "WorkflowStatus",
    "WorkflowSummary",
    "Workflows",
]
