"""The client for programs that use a Stepwell server: `from stepwell.client import Client`.

The public names are those in `__all__`; `stepwell.client` has the same names. Everything else has a
name that begins with an underscore, and may change with any version. The client uses only the
server's HTTP API, and imports nothing of the server.
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
    InvalidName,
    NoCredentials,
    NotPaused,
    RunCancelled,
    RunFailed,
    RunTerminated,
    StepwellError,
    Unanswered,
    WaitTimeout,
    WrongAddress,
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
    "InvalidName",
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
    "WrongAddress",
]
