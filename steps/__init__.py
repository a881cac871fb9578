"""Step types, one file each, and the language in which definitions are written.

To add a step type (see `docs/extending.md` for details):

1. Subclass `StepSettings` with the step's own fields; `Template` fields may hold `{{ expressions
   }}`.
2. Subclass `StepType` with `type`, `settings`, and `execute`, which returns `Done`, `Pauses`,
   `Sleeps` or `AwaitsChildren`, or raises `StepBroke`.
3. Reach the outside world only through the `Effects` passed to `execute`.
4. Test it with `steps.testing`.
5. Register the class under the entry point group `stepwell.steps`, or put it in a plug-in file.

`STABLE` lists the names that extensions may rely on.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steps.stable import *  # noqa: F403 - it has `__all__`
    from steps.stable import STABLE as STABLE
else:

    def __getattr__(name: str) -> object:
        """Return a stable name, found when it is first used.

        So a process that needs one small part of `steps` loads neither the others nor pydantic.
        """
        stable = import_module("steps.stable")
        if name not in {"STABLE", "__all__", *stable.__all__}:
            raise AttributeError(f"module 'steps' has no attribute '{name}'")
        return globals().setdefault(name, getattr(stable, name))
