"""Public names have docstrings with their arguments, results and exceptions."""

import ast
import dataclasses
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from importlib import import_module
from typing import Any, Protocol, is_typeddict

import pytest
from pydantic import BaseModel

from scripts import docstrings

DOCUMENTED = ("stepwell", "steps")
"""The packages whose public names are held to this."""


def public(package: str) -> set[Any]:
    """Return the classes and functions that a package names in `__all__`, here or in a module."""
    top = import_module(package)
    inner = [found.name for found in pkgutil.walk_packages(top.__path__, f"{package}.")]
    modules = [top, *(import_module(name) for name in inner if "._" not in name)]
    named = [getattr(module, name) for module in modules for name in getattr(module, "__all__", ())]
    kinds = [item for item in named if inspect.isclass(item) or inspect.isfunction(item)]
    return {item for item in kinds if item.__module__ != "typing"}  # an alias of `Any` is a class


def raised(function: Callable[..., Any]) -> set[str]:
    """Return the exceptions that a function raises in its own body."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    found = {
        ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and node.exc is not None
    }
    return {name for name in found if name.rpartition(".")[2][:1].isupper()}


def undescribed(wanted: set[str], reported: Mapping[str, str], word: str) -> Iterator[str]:
    yield from (f"{word} {name} is missing" for name in sorted(wanted - set(reported)))
    yield from (f"{word} {name} is none" for name in sorted(set(reported) - wanted))


def problems_of_function(function: Callable[..., Any]) -> Iterator[str]:
    """Return what a function's docstring omits, or documents although it does not exist."""
    text = function.__doc__
    if not text:
        yield "has no docstring"
        return
    reported, signature = docstrings.read(text), inspect.signature(function)
    takes = {name for name in signature.parameters if name not in ("self", "cls")}
    yield from undescribed(takes, reported.of("Args"), "argument")
    gives = signature.return_annotation not in (None, "None", inspect.Signature.empty)
    if gives != bool(reported.result):
        yield "result is missing" if gives else "result is none"
    missing = raised(function) - set(reported.of("Raises"))
    yield from (f"exception {name} is missing" for name in sorted(missing))


def fields_of(kind: type) -> set[str]:
    """Return the names from which a class is constructed: fields, else constructor parameters."""
    is_protocol = getattr(kind, "_is_protocol", False)
    if is_protocol or issubclass(
        kind, Enum | BaseModel
    ):  # pydantic fields have descriptions instead
        return set()
    if dataclasses.is_dataclass(kind):
        return {item.name for item in dataclasses.fields(kind) if item.init and item.name[0] != "_"}
    if is_typeddict(kind):
        (own,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body  # bases are flattened
        return {
            ast.unparse(line.target) for line in ast.walk(own) if isinstance(line, ast.AnnAssign)
        }
    constructor = vars(kind).get("__init__")
    return set(inspect.signature(constructor).parameters) - {"self"} if constructor else set()


def has_model(kind: type, name: str) -> bool:
    """Return whether a method overrides a documented one of a base class."""
    return any(name in vars(base) and vars(base)[name].__doc__ for base in kind.__mro__[1:])


def problems_of_class(kind: type) -> Iterator[str]:
    """Return what the docstrings of a class and its public methods omit."""
    if not vars(kind).get("__doc__"):
        yield "has no docstring"
        return
    reported = docstrings.read(kind.__doc__ or "")
    constructor = docstrings.read(getattr(vars(kind).get("__init__"), "__doc__", None) or "")
    described = {*reported.of("Args"), *reported.of("Attributes"), *constructor.of("Args")}
    fields = fields_of(kind)
    yield from (f"{name} is missing" for name in sorted(fields - described))
    if dataclasses.is_dataclass(kind) or is_typeddict(kind):
        known = {*dir(kind), *getattr(kind, "__dataclass_fields__", ())}
        gone = described - fields - known
        yield from (f"{name} is none" for name in sorted(gone))
    for name, item in vars(kind).items():
        if name.startswith("_"):
            continue
        method = getattr(item, "__func__", item)  # unwraps class methods and static methods
        if isinstance(item, property):
            yield from () if item.__doc__ else (f"{name}: has no docstring",)
        elif inspect.isfunction(method) and not (item.__doc__ and has_model(kind, name)):
            yield from (f"{name}: {problem}" for problem in problems_of_function(method))


def problems(item: Any) -> list[str]:
    return list(problems_of_class(item) if inspect.isclass(item) else problems_of_function(item))


@pytest.mark.parametrize("package", DOCUMENTED)
def test_public_names_document_arguments_results_and_exceptions(package: str) -> None:
    found = public(package)
    assert len(found) > 10
    unsaid = {f"{item.__module__}.{item.__qualname__}": problems(item) for item in found}
    assert {name: why for name, why in sorted(unsaid.items()) if why} == {}


def said(a: int, b: int = 2) -> int:
    """Return one.

    Args:
        a: One.
        c: No such.

    Raises:
        KeyError: Never.
    """
    if a:
        raise ValueError
    raise inspect.EndOfBlock(b)


class Told:
    """Hold it.

    Args:
        a: One.
    """

    def __init__(self, a: int, b: int) -> None:
        self.both = a, b

    @property
    def sum(self) -> int:
        return sum(self.both)

    def nothing(self) -> None:
        """Do nothing.

        Returns:
            None.
        """

    def bare(self) -> None:
        pass

    @classmethod
    def of(cls, a: int) -> None:
        """Make one.

        Args:
            a: One.
        """


class Other(Told):
    """Hold it otherwise."""

    def nothing(self) -> None:
        """Do even less, as said before."""

    def more(self) -> int:
        """Do more."""
        return 0


class Way(Protocol):
    """A way to go."""

    def go(self, far: int) -> None:
        """Go."""


@dataclasses.dataclass
class Held:
    """Hold it.

    Attributes:
        a: One.
        c: No such.
        sum: Both.
    """

    a: int
    b: int

    @property
    def sum(self) -> int:
        """Both together."""
        return self.a + self.b


def test_omissions_are_found() -> None:
    assert problems(said) == [
        "argument b is missing", "argument c is none", "result is missing",
        "exception ValueError is missing", "exception inspect.EndOfBlock is missing",
    ]  # fmt: skip
    assert problems(Told) == [
        "b is missing", "sum: has no docstring", "nothing: result is none", "bare: has no docstring",
    ]  # fmt: skip
    assert problems(Held) == ["b is missing", "c is none"]
    assert problems(Other) == ["more: result is missing"]
    assert problems(Way) == ["go: argument far is missing"]
