"""The registry of step types: the built-in ones, and those of plug-ins."""

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Self

from steps.contract.step_type import AnyStepType, StepType

GROUP = "stepwell.steps"
BUILT_IN = {
    "collect-inputs": ("collect_inputs", "CollectInputs"),
    "request-user-action": ("request_user_action", "RequestUserAction"),
    "call-api": ("call_api", "CallApi"),
    "call-tool": ("call_tool", "CallTool"),
    "call-llm": ("call_llm", "CallLlm"),
    "call-agent": ("call_agent", "CallAgent"),
    "call-workflow": ("call_workflow", "CallWorkflow"),
    "parallel": ("parallel", "Parallel"),
    "group": ("group", "Group"),
    "set": ("set_values", "SetValues"),
    "wait": ("wait", "Wait"),
    "wait-for-signal": ("wait_for_signal", "WaitForSignal"),
    "send-signal": ("send_signal", "SendSignal"),
    "end-flow": ("end_flow", "EndFlow"),
}
"""The module and class of each; a module is loaded when a definition first uses its type."""


class StepTypeError(Exception):
    """A step type of a plug-in cannot be used; the server does not start."""


class Registry:
    """Step types by the names that definitions use."""

    def __init__(self, step_types: Iterable[AnyStepType], built_in: Iterable[str] = ()) -> None:
        """Register step types.

        Args:
            step_types: The step types.
            built_in: The names of those that come with Stepwell.

        Raises:
            StepTypeError: Two have the same name.
        """
        self._types: dict[str, AnyStepType | None] = dict.fromkeys(built_in)
        for step_type in step_types:
            if step_type.type in self._types:
                raise StepTypeError(f"two step types are called {step_type.type!r}")
            self._types[step_type.type] = step_type

    @classmethod
    def standard(cls, extra: Iterable[AnyStepType] = ()) -> Self:
        """Return the step types of a server.

        Args:
            extra: Additional ones, such as those of plug-in files.

        Returns:
            The built-in types, those of entry points, and `extra`.

        Raises:
            StepTypeError: Two have the same name, or one cannot be loaded.
        """
        return cls([*_offered(), *extra], BUILT_IN)

    @classmethod
    def built_in(cls) -> Self:
        """Return the step types that come with Stepwell, and no others."""
        return cls((), BUILT_IN)

    @property
    def types(self) -> list[str]:
        """The names of all step types."""
        return sorted(self._types)

    @property
    def all(self) -> list[AnyStepType]:
        """All step types, by their names."""
        return [kind for name in self.types if (kind := self.get(name))]

    def get(self, name: str) -> AnyStepType | None:
        """Find a step type.

        Args:
            name: The name that definitions use, such as `call-api`.

        Returns:
            The step type, None if there is none of this name.
        """
        kind = self._types.get(name)
        if kind is None and name in self._types:
            kind = self._types[name] = _load(*BUILT_IN[name])
        return kind


def _load(module: str, name: str) -> AnyStepType:
    made: AnyStepType = getattr(import_module(f"steps.{module}"), name)()
    return made


def _offered() -> list[AnyStepType]:
    offered = []
    for point in entry_points(group=GROUP):
        try:
            made = point.load()()
        except Exception as broken:
            raise StepTypeError(f"entry point {point.value} of {GROUP}: {broken}") from broken
        if not isinstance(made, StepType):
            raise StepTypeError(f"entry point {point.value} of {GROUP} gives no StepType")
        offered.append(made)
    return offered
