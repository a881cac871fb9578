"""Which step types there are: the built-in ones, and those that others offer."""

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Self

from steps.call_agent import CallAgent
from steps.call_api import CallApi
from steps.call_llm import CallLlm
from steps.call_tool import CallTool
from steps.call_workflow import CallWorkflow
from steps.collect_inputs import CollectInputs
from steps.contract import AnyStepType, StepType
from steps.end_flow import EndFlow
from steps.group import Group
from steps.parallel import Parallel
from steps.request_user_action import RequestUserAction
from steps.send_signal import SendSignal
from steps.set_values import SetValues
from steps.wait import Wait
from steps.wait_for_signal import WaitForSignal

GROUP = "stepwell.steps"


class StepTypeError(Exception):
    """A step type that others offer cannot be used; the server does not start."""


class Registry:
    """Step types by the word that definitions use."""

    def __init__(self, step_types: Iterable[AnyStepType]) -> None:
        """Register step types.

        Args:
            step_types: The step types.

        Raises:
            StepTypeError: Two have one name.
        """
        self._types: dict[str, AnyStepType] = {}
        for step_type in step_types:
            if step_type.type in self._types:
                raise StepTypeError(f"two step types are called {step_type.type!r}")
            self._types[step_type.type] = step_type

    @classmethod
    def standard(cls, extra: Iterable[AnyStepType] = ()) -> Self:
        """Return the step types that a server has.

        Args:
            extra: Further ones, such as those of plug-in files.

        Returns:
            The built-in types, those offered by entry points, and `extra`.

        Raises:
            StepTypeError: Two have one name, or one that is offered cannot be loaded.
        """
        return cls([*_built_in(), *_offered(), *extra])

    @classmethod
    def built_in(cls) -> Self:
        """Return the step types that come with Stepwell, and no others."""
        return cls(_built_in())

    @property
    def types(self) -> list[str]:
        """The words for all step types."""
        return sorted(self._types)

    @property
    def all(self) -> list[AnyStepType]:
        """All step types, by their words."""
        return [kind for _, kind in sorted(self._types.items())]

    def get(self, name: str) -> AnyStepType | None:
        """Find a step type.

        Args:
            name: The word that definitions use, such as `call-api`.

        Returns:
            The step type, None when there is none of this name.
        """
        return self._types.get(name)


def _built_in() -> list[AnyStepType]:
    return [
        CollectInputs(),
        RequestUserAction(),
        CallApi(),
        CallTool(),
        CallLlm(),
        CallAgent(),
        CallWorkflow(),
        Parallel(),
        Group(),
        SetValues(),
        Wait(),
        WaitForSignal(),
        SendSignal(),
        EndFlow(),
    ]


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
