"""How the plain values of the engine and around it are made: objects that nobody changes.

A frozen dataclass guards each field whenever it is set, in its own `__init__` too, so that making
one takes four times as long, and a run of five steps makes eighty. Of these the type checker alone
sees that nobody changes them: to it `value` is `dataclass`, written out as frozen.

Only `__init__` is made for each class. What compares, hashes and shows is shared by all: a start
makes three hundred such classes, and compiles six functions for a frozen dataclass.
"""

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from collections.abc import Callable
    from dataclasses import dataclass, fields
    from operator import attrgetter

    T = TypeVar("T", bound=type[Any])

    def value(*, frozen: bool, slots: bool) -> Callable[[T], T]:
        """Make a class of values with the equality and the hash of a frozen dataclass."""
        return _frozen if frozen else dataclass(slots=slots)

    def _frozen(plain: T) -> T:
        own = plain.__dict__
        made: Any = dataclass(slots=True, repr=False, eq=False)(plain)
        compared = [field.name for field in fields(made) if field.compare]
        made.__compared__ = attrgetter(*compared) if compared else _nothing
        for name, shared in (("__repr__", _shown), ("__eq__", _equal), ("__hash__", _hashed)):
            if name not in own:
                setattr(made, name, shared)
        return made

    def _nothing(_: object) -> tuple[()]:
        return ()

    def _shown(self: Any) -> str:
        said = (f"{x.name}={getattr(self, x.name)!r}" for x in fields(self) if x.repr)
        return f"{type(self).__qualname__}({', '.join(said)})"

    def _equal(self: Any, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        compared = self.__class__.__compared__
        return compared(self) == compared(other)

    def _hashed(self: Any) -> int:
        return hash(self.__class__.__compared__(self))


__all__ = ["value"]
