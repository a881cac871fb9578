"""All log messages, with their levels."""

import structlog

from app.telemetry.log_output import REQUESTS_SHOWN

_log = structlog.get_logger("stepwell")


def server_started(address: str, sqlite: str) -> None:
    """Log that the server answers requests."""
    _log.info("server started", address=address, sqlite=sqlite)


def provider_away(name: str, why: str) -> None:
    """Log that an identity provider, or the one of an MCP server, does not answer correctly."""
    _log.warning("identity provider not reached", provider=name, why=why)


def sign_in_refused(name: str, why: str) -> None:
    """Log that a person known to a provider was refused, or is no longer admitted."""
    _log.warning("sign-in refused", provider=name, why=why)


def server_stopping() -> None:
    """Log that the server stops taking requests."""
    _log.info("server stopping")


def few_open_files(limit: int, needed: int, connections: int) -> None:
    """Log that the limit of open files is too low for the settings, and the consequence."""
    _log.warning(
        "fewer open files than the settings need; raise the limit (LimitNOFILE=, ulimit -n)",
        limit=limit,
        needed=needed,
        connections=connections,
    )


def unknown_default_model(name: str, known: str) -> None:
    """Log that steps without a `model` will fail: no model has the name of the default."""
    _log.error(
        "default_model names no model; name one of the setting models, or add it by PUT "
        "/api/models",
        model=name,
        known=known,
    )


def connections_not_taken(failure: OSError) -> None:
    """Log that connections wait because the system lacks files or memory for them."""
    _log.error("connections not accepted, trying again", why=str(failure))


def secrets_key_made(file: str) -> None:
    """Log that a new key for secrets was created; without it they cannot be opened."""
    _log.info("key for secrets made; back it up apart from the journal", file=file)


def files_refused(why: str) -> None:
    """Log that no file can be stored or read for now."""
    _log.error("files cannot be stored or read, trying again", why=why)


def files_kept() -> None:
    """Log that files can be stored and read again."""
    _log.warning("files can be stored and read again")


def journal_refuses(why: str) -> None:
    """Log that nothing can be written for now."""
    _log.error("the journal cannot write, trying again", why=why)


def journal_writes() -> None:
    """Log that the journal writes again."""
    _log.warning("the journal writes again")


def journal_over(why: str) -> None:
    """Log that the process ends because what it wrote cannot be relied on."""
    _log.critical("a flush failed, so this process ends; start it again", why=why)


def recovered(count: int) -> None:
    """Log that the runs left open by a restart are running again."""
    _log.info("recovery done", runs=count)


def recovery_delayed(failure: Exception) -> None:
    """Log that runs left open by a restart could not be read; this is retried."""
    _log.warning("recovery delayed", exc_info=failure)


def changes_delayed(failure: Exception) -> None:
    """Log that changes made by other processes could not be read; this is retried."""
    _log.warning("changes delayed", exc_info=failure)


def background_failed(work: str, fault: Exception) -> None:
    """Log that work in the background has ended by a fault; it is begun again."""
    _log.error("background work failed", work=work, exc_info=fault)


def wakes_delayed(failure: Exception) -> None:
    """Log that wake-ups from other processes could not be read; this is retried."""
    _log.warning("wakes delayed", exc_info=failure)


def shards_gained(shards: int, owned: int, processes: int) -> None:
    """Log that this process took over shards of runs, and how many it has now."""
    _log.info("shards gained", shards=shards, owned=owned, processes=processes)


def shards_given(shards: int, owned: int, processes: int) -> None:
    """Log that this process gave up shards of runs, and how many it has left."""
    _log.info("shards given", shards=shards, owned=owned, processes=processes)


def run_not_recovered(run_id: str, failure: Exception) -> None:
    """Log that a run left open by a restart could not be continued; this is retried."""
    _log.error("run not recovered, trying again", run=run_id, exc_info=failure)


def attempt_interrupted(run_id: str, step_id: str, ends: int, most: int) -> None:
    """Log that a step was interrupted, and how often that had happened before."""
    _log.warning(
        "step interrupted", run=run_id, step=step_id, interruptions=ends, max_interruptions=most
    )


def children_end_the_process(run_id: str, ends: int) -> None:
    """Log that a step failed because its child runs have ended the process so often."""
    _log.error("step given up, its child runs end the process", run=run_id, interruptions=ends)


def runs_expired(count: int) -> None:
    """Log that runs were deleted by the retention settings."""
    _log.info("runs deleted by retention", runs=count)


def clock_ahead(ahead_s: int) -> None:
    """Log that the clock was set forward, or the server was stopped for more than a day.

    Which of both is not known for a day. Until then retention does not count that time.
    """
    _log.warning("the clock is ahead, retention does not count that time yet", ahead_s=ahead_s)


def clock_set_back(behind_s: int) -> None:
    """Log that the clock shows less than before, while the server runs or since it last ran.

    Browsers must sign in again. Retries that an earlier clock put off are made now; what waits
    for a moment waits until then.
    """
    _log.error("the clock was set back, sessions of browsers have ended", behind_s=behind_s)


def housekeeping_delayed(failure: Exception) -> None:
    """Log that retention or file maintenance failed and is retried."""
    _log.warning("housekeeping delayed", why=str(failure))


def run_stands_still(run_id: str, why: Exception) -> None:
    """Log that a run is stopped because a history that it needs cannot be read."""
    _log.error("run stopped, a history is damaged", run=run_id, why=str(why))


def run_lost(run_id: str, failure: Exception) -> None:
    """Log that it is unknown what was stored of a run; it is read again from the journal.

    While the journal is unavailable, one line stands for all such runs.
    """
    _log.error("run lost, reading it again", run=run_id, exc_info=failure)


def children_not_stopped(run_id: str, failure: Exception) -> None:
    """Log that child runs left behind by their parent could not be stopped yet."""
    _log.warning("child runs not stopped, trying again", run=run_id, why=str(failure))


def run_stuck(run_id: str, why: Exception) -> None:
    """Log that a run cannot continue with the definitions of this server."""
    _log.error("run cannot continue", run=run_id, why=str(why))


def step_crashed(run_id: str, step_id: str, crash: BaseException) -> None:
    """Log that a step type raised an unexpected exception."""
    _log.error("step crashed", run=run_id, step=step_id, exc_info=crash)


def pause_names_nobody(run_id: str, step_id: str | None) -> None:
    """Log that a question's workflow named nobody to answer it, so an admin has to."""
    _log.warning("a question names nobody who may answer it", run=run_id, step=step_id)


def timers_delayed(failure: Exception) -> None:
    """Log that due timers could not be read."""
    _log.warning("timers delayed", why=str(failure))


def timer_failed(run_id: str, failure: BaseException) -> None:
    """Log that a due run could not be woken; this is retried."""
    _log.error("timer failed, trying again", run=run_id, why=str(failure))


def loop_stalled(wall_s: float, cpu_s: float, stack: str) -> None:
    """Log that the event loop stalled for longer than `stall_warning`; show its stack."""
    _log.warning(
        "event loop stalled",
        wall_ms=round(wall_s * 1_000), cpu_ms=round(cpu_s * 1_000), stack=stack,
    )  # fmt: skip


def step_blocks(run_id: str, step_id: str, tool: str | None, wall_s: float, stack: str) -> None:
    """Log that a step blocks the event loop, so no request is served; show its stack."""
    _log.warning(
        "step blocks the event loop",
        run=run_id, step=step_id, tool=tool, wall_ms=round(wall_s * 1_000), stack=stack,
    )  # fmt: skip


def step_blocked(run_id: str, step_id: str, tool: str | None, wall_s: float, stack: str) -> None:
    """Log that the process ends because a step blocked the loop for `blocked_step_limit`."""
    _log.critical(
        "a step blocks the event loop, so this process ends; start it again",
        run=run_id,
        step=step_id,
        tool=tool,
        wall_ms=round(wall_s * 1_000),
        stack=stack,
    )


def tool_left_running(tool_id: str, run_id: str, step_id: str, count: int) -> None:
    """Log that a call of a tool was given up but still runs in a thread, and how many do."""
    _log.warning("tool left running", tool=tool_id, run=run_id, step=step_id, calls=count)


def plugins_slow(stack: str) -> None:
    """Log that the server is not up yet because a plug-in is still loading; show its stack."""
    _log.warning("a plug-in takes long to load", stack=stack)


def mcp_connected(server: str, tools: int) -> None:
    """Log that the tools of an MCP server can be called."""
    _log.info("mcp server connected", server=server, tools=tools)


def mcp_unavailable(server: str, why: str, again_in_s: float) -> None:
    """Log that an MCP server did not start or went away."""
    _log.warning("mcp server unavailable", server=server, why=why, again_in_s=again_in_s)


def mcp_said(server: str, line: str) -> None:
    """Log a line that an MCP server wrote to its standard error."""
    _log.info("mcp server said", server=server, line=line)


def mcp_list_late(server: str, why: str) -> None:
    """Log that an MCP server's last known list of tools stays in use."""
    _log.warning("mcp server does not list its tools", server=server, why=why)


def mcp_tool_odd(server: str, why: str) -> None:
    """Log what is wrong with a tool of an MCP server, and how it is treated."""
    _log.warning("mcp tool is not valid", server=server, why=why)


def mcp_not_closed(server: str) -> None:
    """Log that a connection to an MCP server did not close in time."""
    _log.error("mcp server not closed in time", server=server)


def stream_ended(whose: str, failure: Exception) -> None:
    """Log that a stream of events was ended because the journal did not answer."""
    _log.warning("event stream ended", of=whose, why=str(failure))


def stream_stalled(path: str) -> None:
    """Log that the reader of an event stream has read nothing for too long."""
    _log.warning("event stream dropped, its reader does not read", path=path)


def event_unreadable(why: Exception) -> None:
    """Log that the journal holds an event of an unknown type or shape."""
    _log.error("event unreadable", why=str(why))


def webhooks_delayed(webhook_id: str, failure: Exception) -> None:
    """Log that a webhook's deliveries could not be read or recorded; this is retried."""
    _log.warning("webhook delayed", webhook=webhook_id, exc_info=failure)


def webhook_gone(webhook_id: str) -> None:
    """Log that a webhook was disabled because its receiver says that it is gone for good."""
    _log.warning("webhook disabled: its receiver answers 410", webhook=webhook_id)


def delivery_given_up(webhook_id: str, position: int, why: str) -> None:
    """Log that an event will not reach a webhook unless it is resent manually."""
    _log.error("webhook delivery given up", webhook=webhook_id, position=position, why=why)


def request_failed(request_id: str, failure: Exception) -> None:
    """Log the failure behind an answer with status 500, which does not show it."""
    _log.error("request failed", request=request_id, exc_info=failure)


def answer_broken_off(request_id: str, failure: Exception) -> None:
    """Log that an answer ends early, of which a part has been sent."""
    _log.error("answer broken off", request=request_id, why=str(failure))


def command_broken(command: str, failure: Exception) -> None:
    """Log the failure behind a command to the control socket, whose answer does not show it."""
    _log.error("command failed", command=command, exc_info=failure)


def request_served(method: str, path: str, status: int, request_id: str) -> None:
    """Log a request and its answer."""
    if not REQUESTS_SHOWN["so"]:
        return
    _log.debug("request", method=method, path=path, status=status, request=request_id)


def schedules_delayed(failure: Exception) -> None:
    """Log that schedules could not be checked; this is retried shortly."""
    _log.warning("schedules delayed, trying again", why=str(failure))


def schedule_delayed(tenant: str, schedule: str, failure: Exception) -> None:
    """Log that a schedule could not be fired; this is retried shortly."""
    _log.warning(
        "schedule delayed, trying again", tenant=tenant, schedule=schedule, why=str(failure)
    )


def schedule_failed(tenant: str, schedule: str, failure: Exception) -> None:
    """Log that one moment of a schedule started nothing, and why."""
    _log.warning("schedule started nothing", tenant=tenant, schedule=schedule, why=str(failure))


def places_delayed(failure: Exception) -> None:
    """Log that queued runs could not be admitted; this is retried later."""
    _log.warning("queued runs delayed, trying again", why=str(failure))


def signals_delayed(failure: Exception) -> None:
    """Log that signals could not be delivered to waiting runs; this is retried later."""
    _log.warning("signals delayed, trying again", why=str(failure))


def triggers_delayed(tenant: str, failure: Exception) -> None:
    """Log that ended runs could not be processed by triggers; this is retried shortly."""
    _log.warning("triggers delayed, trying again", tenant=tenant, why=str(failure))


def request_not_noted(tenant: str, trigger: str, failure: Exception) -> None:
    """Log that a request's outcome could not be recorded; the outcome itself stands."""
    _log.warning("request not noted", tenant=tenant, trigger=trigger, why=str(failure))
