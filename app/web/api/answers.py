"""Which answer each operation gives, for the API's description."""

from typing import Any

from pydantic import BaseModel

from app.wire import answers, trigger_answers

_DEFINITIONS: dict[str, Any] = {
    "list_{}s": list[answers.DefinitionLine],
    "create_{}": answers.StoredDefinition,
    "get_{}": answers.StoredDefinition,
    "update_{}": answers.StoredDefinition,
    "archive_{}": answers.StoredDefinition,
    "list_{}_versions": list[answers.DefinitionVersion],
    "unarchive_{}": answers.StoredDefinition,
    "delete_{}": answers.Named,
    "publish_{}": answers.StoredDefinition,
    "clone_{}": answers.StoredDefinition,
}

ANSWERS: dict[str, type[BaseModel] | Any] = {
    "start": answers.RunOutcome,
    "start_async": answers.StartedRun,
    "status": answers.RunState,
    "resume": answers.RunState,
    "cancel": answers.ControlledRun,
    "terminate": answers.ControlledRun,
    "list_runs": answers.RunPage,
    "rerun_run": answers.StartedRun,
    "bulk": answers.BulkOutcome,
    "delete_run": answers.Named,
    "input_metadata": answers.InputMetadata,
    **{
        name.format(word): made
        for word in ("workflow", "agent")
        for name, made in _DEFINITIONS.items()
    },
    "check": answers.CheckedText,
    "create_link": answers.AnswerLink,
    "list_keys": list[answers.Credential],
    "create_key": answers.Credential,
    "disable_key": answers.Named,
    "list_jwt_secrets": list[answers.Credential],
    "create_jwt_secret": answers.Credential,
    "disable_jwt_secret": answers.Named,
    "list_secrets": list[answers.StoredSecret],
    "put_secret": answers.StoredSecret,
    "delete_secret": answers.Named,
    "list_variables": list[answers.StoredVariable],
    "set_variable": answers.StoredVariable,
    "delete_variable": answers.Named,
    "list_models": list[answers.ChatModel],
    "put_model": answers.ChatModel,
    "delete_model": answers.Named,
    "list_tools": answers.ToolList,
    "list_webhooks": list[answers.WebhookState],
    "create_webhook": answers.WebhookState,
    "get_webhook": answers.WebhookState,
    "put_webhook": answers.WebhookState,
    "delete_webhook": answers.Named,
    "disable_webhook": answers.WebhookState,
    "enable_webhook": answers.WebhookState,
    "rotate_webhook_secret": answers.WebhookState,
    "test_webhook": answers.WebhookTest,
    "list_deliveries": answers.DeliveryPage,
    "redeliver_failed": answers.Named,
    "redeliver": answers.Delivery,
    "list_schedules": list[trigger_answers.ScheduleShown],
    "get_schedule": trigger_answers.ScheduleShown,
    "put_schedule": trigger_answers.ScheduleShown,
    "pause_schedule": trigger_answers.ScheduleShown,
    "resume_schedule": trigger_answers.ScheduleShown,
    "delete_schedule": answers.Named,
    "list_firings": trigger_answers.FiringList,
}
"""By operation; a type that pydantic knows."""

OTHER_MEDIA = {
    "download": "application/octet-stream",
    "run_events": "text/event-stream",
    "tenant_events": "text/event-stream",
}
"""The operations that answer with something else than JSON."""
