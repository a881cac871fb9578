"""The answer type of each operation, for the API description."""

from typing import Any

from app.wire.answers import definitions as definition_answers
from app.wire.answers import explanations as explanation_answers
from app.wire.answers import models as model_answers
from app.wire.answers import overview as overview_answers
from app.wire.answers import people as people_answers
from app.wire.answers import processes as process_answers
from app.wire.answers import resources as answers
from app.wire.answers import runs as run_answers
from app.wire.answers import search as search_answers
from app.wire.answers import triggers as trigger_answers
from app.wire.answers.parts import DoneToId, DoneToName

_DEFINITIONS: dict[str, Any] = {
    "list_{}s": list[definition_answers.DefinitionLine],
    "list_{}_versions": list[definition_answers.DefinitionVersion],
    "delete_{}": DoneToId,
}
_STORED = {"workflow": definition_answers.StoredWorkflow, "agent": definition_answers.StoredAgent}
_SHOWN = ("create", "get", "update", "archive", "unarchive", "publish", "clone")

ANSWERS: dict[str, Any] = {
    "list_people": list[people_answers.PersonShown],
    "create_person": people_answers.PersonInvited,
    "update_person": people_answers.PersonShown,
    "invite_person": people_answers.Invitation,
    "list_passkeys": list[people_answers.PasskeyShown],
    "add_passkey": people_answers.PasskeyShown,
    "delete_passkey": DoneToId,
    "list_sessions": list[people_answers.SessionShown],
    "end_session": DoneToId,
    "list_audit": people_answers.AuditPage,
    "start": run_answers.RunOutcome,
    "start_async": run_answers.StartedRun,
    "status": run_answers.RunState,
    "resume": run_answers.RunState,
    "cancel": run_answers.ControlledRun,
    "terminate": run_answers.ControlledRun,
    "explain": explanation_answers.Explanation,
    "try_now": run_answers.ControlledRun,
    "give_up": run_answers.ControlledRun,
    "skip_step": run_answers.ControlledRun,
    "change_run_data": run_answers.ControlledRun,
    "hold_run": run_answers.ControlledRun,
    "release_run": run_answers.ControlledRun,
    "list_runs": run_answers.RunPage,
    "list_inbox": run_answers.InboxPage,
    "search_everywhere": search_answers.FoundEverywhere,
    "claim_pause": run_answers.RunState,
    "unclaim_pause": run_answers.RunState,
    "delegate_pause": run_answers.RunState,
    "show_overview": overview_answers.OverviewAnswer,
    "show_processes": process_answers.ProcessesAnswer,
    "workflow_statistics": overview_answers.WorkflowStatistics,
    "rerun_run": run_answers.StartedRerun,
    "replay_visit": run_answers.StartedRun,
    "show_replay": model_answers.Comparison,
    "show_transcript": model_answers.Transcript,
    "bulk": run_answers.BulkOutcome,
    "delete_run": run_answers.DeletedRun,
    "create_link": run_answers.AnswerLink,
    "upload": run_answers.StoredFile,
    "input_metadata": definition_answers.InputMetadata,
    "check": definition_answers.CheckedText,
    **{name.format(word): made for word in _STORED for name, made in _DEFINITIONS.items()},
    **{f"{verb}_{word}": made for word, made in _STORED.items() for verb in _SHOWN},
    "list_keys": list[answers.StoredKey],
    "create_key": answers.NewKey,
    "disable_key": DoneToId,
    "list_jwt_secrets": list[answers.StoredJwtSecret],
    "create_jwt_secret": answers.NewJwtSecret,
    "disable_jwt_secret": answers.DoneToKid,
    "list_secrets": list[answers.StoredSecret],
    "put_secret": answers.StoredSecret,
    "delete_secret": DoneToName,
    "list_variables": list[answers.StoredVariable],
    "set_variable": answers.StoredVariable,
    "delete_variable": DoneToName,
    "list_views": list[answers.SavedView],
    "put_view": answers.SavedView,
    "delete_view": DoneToName,
    "list_models": list[answers.StoredModel],
    "get_model": answers.StoredModel,
    "put_model": answers.StoredModel,
    "delete_model": DoneToName,
    "list_tools": answers.ToolList,
    "begin_mcp_sign_in": answers.McpSignInBegun,
    "end_mcp_sign_in": DoneToName,
    "sign_out_at_mcp_server": answers.McpSignedOut,
    "invoke_agent": model_answers.AgentOutcome,
    "invoke_tool": model_answers.ToolOutcome,
    "show_thread": model_answers.ThreadState,
    "delete_thread": DoneToId,
    "show_usage": model_answers.ModelUsage,
    "list_budgets": model_answers.BudgetList,
    "put_budget": model_answers.BudgetList,
    "list_webhooks": list[answers.WebhookState],
    "create_webhook": answers.WebhookWithSecret,
    "get_webhook": answers.WebhookState,
    "put_webhook": answers.WebhookState,
    "delete_webhook": DoneToId,
    "disable_webhook": answers.WebhookState,
    "enable_webhook": answers.WebhookState,
    "rotate_webhook_secret": answers.WebhookWithSecret,
    "test_webhook": answers.WebhookTest,
    "list_deliveries": answers.DeliveryPage,
    "redeliver_failed": answers.Redelivered,
    "redeliver": answers.Delivery,
    "list_schedules": list[trigger_answers.ScheduleShown],
    "get_schedule": trigger_answers.ScheduleShown,
    "put_schedule": trigger_answers.ScheduleShown,
    "pause_schedule": trigger_answers.ScheduleShown,
    "resume_schedule": trigger_answers.ScheduleShown,
    "delete_schedule": DoneToId,
    "send_signal": trigger_answers.SentSignal,
    "list_signals": trigger_answers.SignalList,
    "list_firings": trigger_answers.FiringList,
    "list_triggers": list[trigger_answers.TriggerShown],
    "get_trigger": trigger_answers.TriggerShown,
    "put_trigger": trigger_answers.TriggerShown,
    "pause_trigger": trigger_answers.TriggerShown,
    "resume_trigger": trigger_answers.TriggerShown,
    "rotate_trigger": trigger_answers.TriggerShown,
    "delete_trigger": DoneToId,
    "list_trigger_firings": trigger_answers.FiringList,
    "get_request": trigger_answers.RequestShown,
    "replay_request": trigger_answers.RequestAccepted,
}
"""The answer type by operation, as pydantic knows it."""

UNFINISHED = {
    "status": "paused",
    "result": None,
    "currentStepId": "review",
    "pauseSignal": {"type": "request_user_action", "stepId": "review", "pauseId": "p-3"},
}
"""Values in the example of a run whose field continues."""

FILE = "application/octet-stream"
_EVENT = 'id: 7\nevent: run.completed\ndata: {"type":"run.completed"}\n\n'
NDJSON = "application/x-ndjson"
_ENTRY = '{"position": 17, "who": "person:Ada", "action": "createKey", "target": "/api/keys"}\n'
_STREAM = {"text/event-stream": {"schema": {"type": "string"}, "example": _EVENT}}
OTHER_MEDIA: dict[str, dict[str, Any]] = {
    "download": {
        FILE: {"schema": {"type": "string", "format": "binary"}, "example": "%PDF-1.7"},
        "application/json": {
            "schema": {"description": "A file that is JSON, as it was uploaded."},
            "example": {"amount": 12},
        },
    },
    "export_audit": {NDJSON: {"schema": {"type": "string"}, "example": _ENTRY}},
    "run_events": _STREAM,
    "tenant_events": _STREAM,
}
"""The operations that do not answer with JSON."""

ALSO_MEDIA: dict[str, dict[str, Any]] = {"invoke_agent": _STREAM}
"""The operations that answer with another media type if a request accepts it."""
