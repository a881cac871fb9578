"""How the plain values of the engine and around it are made: objects that nobody changes.

A frozen dataclass guards each field whenever it is set, in its own `__init__` too, so that making
one takes four times as long, and a run of five steps makes eighty. Of these the type checker alone
sees that nobody changes them: to it `value` is `dataclass`, written out as frozen.
"""

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from collections.abc import Callable
    from dataclasses import dataclass

    T = TypeVar("T", bound=type[Any])

    def value(*, frozen: bool, slots: bool) -> Callable[[T], T]:
        """Make a class of values with the equality and the hash of a frozen dataclass."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
