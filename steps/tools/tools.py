"""Tools: Python functions that call-tool steps may call.

Mark a function with `@tool`; register it under the entry point group `stepwell.tools`, or put it in
a plug-in file that the setting `plugins` names.
"""

import asyncio
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Self, TypeVar, overload

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, create_model
from pydantic_core import PydanticSerializationError, to_jsonable_python

from engine import Json, JsonObject
from engine.value import value
from steps.contract.step_type import AnyStepType, StepBroke, StepType, listed
from steps.document.problems import keys_of, problems_of
from steps.effects.effects import ToolContext, ToolInfo
from steps.language.nearest import did_you_mean
from steps.language.strict_json import LONG_BYTES, must_fit
from steps.tools.arguments import with_whole_numbers
from steps.tools.threads import ToolThreads

GROUP = "stepwell.tools"
_MARK = "__stepwell_tool__"
_THREADS = 32

F = TypeVar("F", bound=Callable[..., Any])


class ToolLoadError(Exception):
    """A tool or plug-in cannot be loaded; the server does not start."""


@value(frozen=True, slots=True)
class Tool:
    """One tool, with the model of its arguments.

    Attributes:
        id: The id that definitions and agents use.
        description: Its purpose, as described to an agent's model.
        call: The function.
        arguments: The pydantic model of its arguments.
        context_name: The parameter that takes the `ToolContext`, if there is one.
        pure: Whether it neither reads nor changes anything but its arguments.
        check: Returns the arguments of a call as an instance of the model.
        keys: The keys that a call may use for its arguments.
        is_async: Whether it must be awaited.
        is_in_thread: Whether it is called in a thread, because it may block.
    """

    id: str
    description: str
    call: Callable[..., Any]
    arguments: type[BaseModel]
    context_name: str | None
    pure: bool
    check: Callable[[JsonObject], BaseModel]
    keys: set[str]
    is_async: bool
    is_in_thread: bool


@overload
def tool(function: F) -> F: ...
@overload
def tool(*, id: str = "", description: str = "", pure: bool = False) -> Callable[[F], F]: ...
def tool(
    function: F | None = None,
    *,
    id: str = "",  # noqa: A002 - the word that definitions use
    description: str = "",
    pure: bool = False,
) -> F | Callable[[F], F]:
    """Mark a function as a tool.

    Its annotations are the types of its arguments, checked before it is called. An argument may
    have a key of its own by `Annotated[str, Field(alias="from")]`; `**fields` takes any other keys.
    A parameter of the type `ToolContext` receives the context of the call.

    Args:
        function: The function; it is returned unchanged.
        id: The id of the tool; by default the function's name.
        description: Its purpose; by default the function's docstring.
        pure: True for a function that neither reads nor changes anything but its arguments, and is
            fast. Running it twice makes no difference, so a chain of such steps is journaled at
            once, without a commit before each.

    Returns:
        The function, or a decorator.
    """

    def mark(marked: F) -> F:
        setattr(marked, _MARK, (id or marked.__name__, description, pure))
        return marked

    return mark(function) if function is not None else mark


def is_tool(found: object) -> bool:
    """Return whether something is a function marked with `@tool`.

    Args:
        found: Anything.

    Returns:
        True for a function that `@tool` has marked.
    """
    return callable(found) and hasattr(found, _MARK)


class Tools:
    """The tools of this server by id, and the step types of plug-ins.

    Attributes:
        by_id: The tools.
        step_types: The step types of the plug-in files.
    """

    def __init__(
        self, functions: Iterable[Callable[..., Any]] = (), threads: int = _THREADS
    ) -> None:
        """Register functions.

        Args:
            functions: Functions marked with `@tool`.
            threads: How many blocking functions may run at once.

        Raises:
            ToolLoadError: Two have the same id, or one has parameters that cannot be named.
        """
        self.by_id: dict[str, Tool] = {}
        self._threads = ToolThreads(threads)
        self.step_types: list[AnyStepType] = []
        for function in functions:
            self.register(function)

    @classmethod
    def load(
        cls,
        plugins: Sequence[Path],
        built_in: Iterable[Callable[..., Any]] = (),
        threads: int = _THREADS,
    ) -> Self:
        """Return built-in tools and those of entry points and plug-in files.

        Args:
            plugins: Python files with tools and step types.
            built_in: Functions marked with `@tool`.
            threads: How many blocking functions may run at once.

        Returns:
            All of them, by id.

        Raises:
            ToolLoadError: One cannot be loaded, or has the id of another.
        """
        tools = cls(built_in, threads)
        for point in entry_points(group=GROUP):
            try:
                found = point.load()
            except (Exception, SystemExit) as broken:
                raise ToolLoadError(f"entry point {point.value} of {GROUP}: {broken}") from broken
            tools._take(found, point.value)
        for number, file in enumerate(plugins):
            tools._take(_import(file, number), str(file))
        return tools

    def register(self, function: Callable[..., Any]) -> None:
        """Add a function marked with `@tool`.

        Args:
            function: The function.

        Raises:
            ToolLoadError: Another tool has its id, or its parameters cannot be named.
        """
        tool_id, description, pure = getattr(function, _MARK)
        other = self.by_id.get(tool_id)
        if other is not None and other.call is not function:
            places = " and ".join(str(item.__module__) for item in (other.call, function))
            message = f"two tools are called {tool_id!r} ({places}); give one of them another id"
            raise ToolLoadError(message)
        self.by_id[tool_id] = _tool(tool_id, description, function, pure=pure)

    def is_pure(self, tool_id: str) -> bool:
        """Return whether a tool is known and pure.

        Args:
            tool_id: The tool's id.

        Returns:
            False for an unknown tool.
        """
        found = self.by_id.get(tool_id)
        return found is not None and found.pure

    def describe(self) -> Sequence[ToolInfo]:
        """List the tools.

        Returns:
            The tools by id, with the JSON Schema of their arguments.
        """
        return [
            ToolInfo(item.id, item.description, item.arguments.model_json_schema())
            for _, item in sorted(self.by_id.items())
        ]

    async def call(self, tool_id: str, arguments: JsonObject, context: ToolContext) -> Json:
        """Check the arguments and call the tool.

        A blocking function runs in a thread; coroutine functions and pure functions run in the
        event loop.

        Args:
            tool_id: The tool's id.
            arguments: The arguments.
            context: The context of the call.

        Returns:
            Its result as JSON.

        Raises:
            StepBroke: There is no such tool, it cannot take the arguments, or it failed.
        """
        found = self.by_id.get(tool_id)
        if found is None:
            message = f"there is no tool {tool_id}{did_you_mean(tool_id, self.by_id)}"
            raise StepBroke("UnknownTool", message, retryable=False)
        return await self.called(found, arguments, lambda: context)

    async def called(
        self, found: Tool, arguments: JsonObject, context_of: Callable[[], ToolContext]
    ) -> Json:
        """Check the arguments and call a tool, as `call` does.

        Args:
            found: The tool.
            arguments: The arguments.
            context_of: Returns the context of the call, if the tool has a parameter for it.

        Returns:
            Its result as JSON.

        Raises:
            StepBroke: It cannot take the arguments, or it failed.
        """
        tool_id, given = found.id, _checked(found, arguments)
        if found.context_name:
            given[found.context_name] = context_of()
        try:
            if found.is_async:
                result = await found.call(**given)
            elif found.pure:
                result = found.call(**given)
            else:
                work = partial(found.call, **given)
                result = await self._threads.run(tool_id, context_of().tenant, work)
        except (StepBroke, asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as failed:  # sys.exit() must not end the server
            message = f"tool {tool_id} raised {type(failed).__name__}: {failed}"
            raise StepBroke("ToolFailed", message[:2_000]) from failed
        try:
            plain: Json = to_jsonable_python(result, inf_nan_mode="strings")
        except (PydanticSerializationError, ValueError, RecursionError) as odd:
            message = f"tool {tool_id} gave a {type(result).__name__}, which is not a JSON value"
            raise StepBroke("InvalidToolResult", message, retryable=False) from odd
        if must_fit(f"tool {tool_id} gave what is", plain, "InvalidToolResult") > LONG_BYTES:
            await asyncio.sleep(0)
        return plain

    def left_running(self, tool_id: str) -> int:
        """Count calls of a blocking function that were given up and have not returned.

        Args:
            tool_id: The tool's id.

        Returns:
            The current number.
        """
        return self._threads.left_by(tool_id)

    def _take(self, found: Any, where: str) -> None:
        if not isinstance(found, ModuleType):
            if not is_tool(found):
                raise ToolLoadError(f"{where} is not a function marked with @tool")
            self.register(found)
            return
        for item in vars(found).values():
            if is_tool(item):
                self.register(item)
            elif (
                inspect.isclass(item)
                and issubclass(item, StepType)
                and item.__module__ == found.__name__
                and not inspect.isabstract(item)
            ):
                self.step_types.append(item())


def _tool(tool_id: str, description: str, function: Callable[..., Any], *, pure: bool) -> Tool:
    fields, context_name, is_open = _parameters(tool_id, function)
    config = ConfigDict(extra="allow" if is_open else "forbid", strict=True)
    arguments = create_model(f"{tool_id} arguments", __config__=config, **fields)
    summary = description or inspect.getdoc(function) or ""
    is_async = inspect.iscoroutinefunction(function)
    return Tool(
        tool_id, summary, function, arguments, context_name, pure,
        check=arguments.__pydantic_validator__.validate_python,
        keys=keys_of(arguments),
        is_async=is_async,
        is_in_thread=not (is_async or pure),
    )  # fmt: skip


def _parameters(
    tool_id: str, function: Callable[..., Any]
) -> tuple[dict[str, Any], str | None, bool]:
    """Return the parameters as fields of a model, the one for the context, and if there are more.

    There are more if the function takes `**fields`. Raises `ToolLoadError`.
    """
    try:
        # Json and JsonObject are recursive text annotations, so a function may use one without
        # importing the other.
        names = {"Json": JsonValue, "JsonObject": dict[str, JsonValue]}
        signature = inspect.signature(function, locals=names, eval_str=True)
    except NameError as unknown:
        raise ToolLoadError(f"tool {tool_id}: its annotations name {unknown}") from unknown
    fields: dict[str, Any] = {}
    context_name, is_open = None, False
    for name, parameter in signature.parameters.items():
        if parameter.annotation is ToolContext:
            context_name = name
        elif parameter.kind is parameter.VAR_KEYWORD:
            is_open = True
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise ToolLoadError(f"tool {tool_id}: its parameters must be named, not *{name}")
        else:
            is_untyped = parameter.annotation is parameter.empty
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[name] = (Any if is_untyped else parameter.annotation, default)
    return fields, context_name, is_open


def _checked(found: Tool, arguments: JsonObject) -> dict[str, Any]:
    try:
        given = found.check(arguments)
    except ValidationError as refused:
        given = _checked_again(found, arguments, refused)
    checked: dict[str, Any] = {**given.__dict__}
    open_fields: dict[str, Any] | None = given.__pydantic_extra__
    if not open_fields:
        return checked
    # A key that is a parameter's name but not its alias, or the context's, is an open one to
    # the model, and would overwrite what the parameter is given.
    for name in open_fields:
        if name in checked or name == found.context_name:
            hint = did_you_mean(name, found.keys)
            raise _refused(found, f"inputs.{name} is not a known key{hint}")
    return checked | open_fields


def _checked_again(found: Tool, arguments: JsonObject, refused: ValidationError) -> Any:
    """Check refused arguments once more, if they only have floats that are whole numbers."""
    try:
        whole = with_whole_numbers(arguments, refused)
        if whole is None:
            raise refused
        return found.check(whole)
    except ValidationError as invalid:
        problems = problems_of(invalid, found.arguments, prefix="inputs")
        raise _refused(found, listed(problems)) from invalid


def _refused(found: Tool, why: str) -> StepBroke:
    message = f"tool {found.id} cannot take these inputs: {why}"
    return StepBroke("InvalidToolInput", message, retryable=False)


def _import(file: Path, number: int) -> ModuleType:
    name = f"stepwell_plugin_{number}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise ToolLoadError(f"plug-in {file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as broken:
        raise ToolLoadError(f"plug-in {file}: {type(broken).__name__}: {broken}") from broken
    return module
