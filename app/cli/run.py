"""`stepwell run`: runs a definition once on a temporary journal, for development."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from app.assembly import open_services
from app.auth.caller import Caller
from app.auth.roles import Role
from app.cli.reporting import json_of, text_of
from app.cli.subparsers import Subparsers
from app.definitions.definition_text import TextRefused, read_definition
from app.definitions.variables import UnfitVariable, put_variable
from app.execution.starting.new_run import NewRun
from app.operator.errors import CommandFailed
from app.services import Services
from app.settings.server import Settings, SettingsError, load
from app.wire.runs.document import status_document
from engine import Json, JsonObject, Run, State, Status
from steps.contract.step_type import Problem, listed
from steps.document.problems import InvalidDefinition

_TENANT = "local"
_CALLER = Caller(_TENANT, Role.OWNER, "local", {})


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("run", help="run a definition once and print its history")
    parser.add_argument("file", type=Path, metavar="FILE", help="the definition, as JSON or YAML")
    parser.add_argument("--data-json", default="{}", help="the input, as a JSON object")
    parser.add_argument("--variables-json", default="{}", help="the variables, as a JSON object")
    parser.add_argument(
        "--answer-json",
        action="append",
        default=[],
        help="what to answer the next pause with, as a resume body; may be repeated",
    )
    parser.add_argument(
        "--models-json",
        default="{}",
        help="the models by name, as a JSON object of their documents",
    )
    parser.add_argument(
        "--with",
        dest="beside",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="an agent or a workflow that it calls; may be repeated",
    )
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Run the definition. Return 0 if the run completed or waits for somebody, otherwise 1."""
    try:
        document, *beside = (_read(file) for file in (args.file, *args.beside))
        data = json_of(args.data_json, "--data-json")
        variables = json_of(args.variables_json, "--variables-json")
        models = json_of(args.models_json, "--models-json")
        answers = [json_of(text, "--answer-json") for text in args.answer_json]
    except CommandFailed as unreadable:
        print(unreadable, file=sys.stderr)
        return 1
    objects = {"--data-json": data, "--variables-json": variables, "--models-json": models}
    for name, given in objects.items():
        if not isinstance(given, dict):
            print(f"{name} must be a JSON object", file=sys.stderr)
            return 1
    try:
        settings = _settings(models)
        run = asyncio.run(_run(settings, (document, *beside), data, variables, answers))
    except SettingsError as unfit:
        print(f"--models-json: {unfit}", file=sys.stderr)
        return 1
    except UnfitVariable as unfit:
        print(f"--variables-json: {unfit}", file=sys.stderr)
        return 1
    except UnfitInput as unfit:
        for problem in unfit.problems:
            print(f"--data-json: {problem}", file=sys.stderr)
        return 1
    except InvalidDefinition as invalid:
        for problem in invalid.problems:
            print(f"{args.file}: {problem}", file=sys.stderr)
        return 1
    print(json.dumps(status_document(run), indent=2, ensure_ascii=False))
    return 0 if run.status in (Status.COMPLETED, Status.PAUSED) else 1


def _read(file: Path) -> Json:
    """Return the definition that a file holds. Raises `CommandFailed`."""
    try:
        return read_definition(text_of(file)).document
    except TextRefused as refused:
        raise CommandFailed(f"{file}:{refused.line}: {refused}") from refused


def _settings(models: JsonObject) -> Settings:
    """Return the settings; given models replace those of the environment.

    Raises `SettingsError`.
    """
    return load({"models": json.dumps(models)} if models else {}).settings


async def _run(
    settings: Settings,
    documents: tuple[Json, ...],
    data: JsonObject,
    variables: JsonObject,
    answers: list[JsonObject],
) -> Run:
    with tempfile.TemporaryDirectory(prefix="stepwell-run-") as folder:
        settings = settings.model_copy(update={"data": Path(folder)})
        async with open_services(settings) as services:
            timers = asyncio.create_task(services.timers.run())
            try:
                for name, value in variables.items():
                    table, now_ms = services.journal.variables, services.clock.now_ms()
                    await put_variable(table, _TENANT, name, value, now_ms)
                document, *beside = documents
                for other in beside:
                    is_agent = isinstance(other, dict) and "instructions" in other
                    await (services.agents if is_agent else services.workflows).create(
                        _TENANT, other
                    )
                return await _to_the_end(services, document, data, answers)
            finally:
                timers.cancel()
                await services.runs.close(grace_s=0)


class UnfitInput(Exception):
    """The input does not fit the workflow's payload."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(listed(problems))
        self.problems = problems


async def _to_the_end(
    services: Services, document: Json, data: JsonObject, answers: list[JsonObject]
) -> Run:
    stored = await services.workflows.create(_TENANT, document)
    stored, definition = await services.workflows.startable(_TENANT, stored.id, None)
    if problems := definition.payload.check(data):
        raise UnfitInput(problems)
    data = definition.payload.with_defaults(data)
    new = NewRun(_TENANT, stored.id, stored.version, definition, data, _CALLER.name)
    run, outcome = await services.runs.start(new, wait=True)
    while outcome is not None:
        run = await outcome
        if run.state is not State.PAUSED or not answers:
            break
        run = await services.runs.resume(_TENANT, run.id, answers.pop(0), _CALLER)
        outcome = await services.runs.expect(_TENANT, run.id)
    return run
