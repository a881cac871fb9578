"""How the plain values of the engine and its neighbours are made: immutable by type check.

A frozen dataclass guards each field whenever it is set, in its own `__init__` too. That makes
creating one four times as slow, and a run of five steps creates eighty. For these values only the
type checker enforces immutability: it sees `value` as `dataclass` with `frozen=True`.

Only `__init__` is generated for each class, when its first instance is made. Comparing, hashing and
showing use shared functions. A server start defines three hundred such classes and would otherwise
compile six functions for each.
"""

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from collections.abc import Callable
    from dataclasses import dataclass, field, fields, make_dataclass
    from operator import attrgetter

    T = TypeVar("T", bound=type[Any])

    def value(*, frozen: bool, slots: bool) -> Callable[[T], T]:
        """Make a class of values with the equality and the hash of a frozen dataclass."""
        return _frozen if frozen else dataclass(slots=slots)

    def _frozen(plain: T) -> T:
        own = plain.__dict__
        plain.__doc__ = plain.__doc__ or plain.__name__  # a generated one is slow
        made: Any = dataclass(slots=True, init=False, repr=False, eq=False)(plain)
        compared = [field.name for field in fields(made) if field.compare]
        made.__compared__ = attrgetter(*compared) if compared else _nothing
        for name, shared in (("__repr__", _shown), ("__eq__", _equal), ("__hash__", _hashed)):
            if name not in own:
                setattr(made, name, shared)
        if "__init__" not in own:
            made.__init__ = _made_at_first(made)
        return made

    def _made_at_first(made: Any) -> Callable[..., None]:
        """Return an `__init__` that replaces itself with the generated one on its first call."""

        def first(self: Any, *given: Any, **named: Any) -> None:
            made.__init__ = _init(made)
            made.__init__(self, *given, **named)

        return first

    def _init(made: Any) -> Callable[..., None]:
        alike = [
            (each.name, each.type, field(
                default=each.default, default_factory=each.default_factory, init=each.init,
                kw_only=each.kw_only,
            ))
            for each in fields(made)
        ]  # fmt: skip
        space: dict[str, Any] = {"__doc__": made.__doc__}
        if hasattr(made, "__post_init__"):
            space["__post_init__"] = None  # the one of `self` is called
        return make_dataclass(made.__name__, alike, namespace=space, repr=False, eq=False).__init__

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
