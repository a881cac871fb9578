"""The part of `docs/client.md` that lists every call, generated from the client's docstrings."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path

import stepwell
from scripts import docstrings
from scripts.docstrings import Docstring

_FILE = Path(__file__).resolve().parent.parent / "docs" / "client.md"
_MARK = "<!-- What follows is made from the code by `make reference`. -->"
_CALLS = (
    ("client", stepwell.Client),
    ("run", stepwell.Run),
    ("client.pauses", stepwell.Pauses),
    ("client.workflows", stepwell.Workflows),
    ("client.schedules", stepwell.Schedules),
    ("client.triggers", stepwell.Triggers),
    ("client.agents", stepwell.Agents),
    ("client.views", stepwell.Views),
)
_DOCUMENTS = (
    *(stepwell.RunStatus, stepwell.PauseSignal, stepwell.Action, stepwell.HistoryEntry),
    *(stepwell.StepError, stepwell.RunError, stepwell.Event, stepwell.RunLine, stepwell.RunPage),
    *(stepwell.RunFilter, stepwell.BulkRerun, stepwell.BulkPart, stepwell.BulkFailure),
    stepwell.BulkCount,
    stepwell.OpenPause,
    *(stepwell.WorkflowSummary, stepwell.Workflow),
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def page() -> Iterator[str]:
    """Yield the lines of the page: the handwritten part, then the generated one."""
    yield _FILE.read_text(encoding="utf-8").partition(_MARK)[0] + _MARK
    yield "\n## Every call\n"
    yield "Names are those of `Client`. `AsyncClient`, `AsyncRun` and the like have the"
    yield "same calls, which are awaited; what gives an iterator is read with `async for` instead."
    for name, offering in _CALLS:
        yield from _class(name, offering)
    yield "\n## Every result\n"
    yield "What the server answers about runs is a frozen dataclass; a workflow is a plain dict. A"
    yield "`JsonObject` has keys that only your workflow knows."
    for kind in _DOCUMENTS:
        yield from _document(kind)
    yield "\n## Every error\n"
    yield "| error | what it means |\n| --- | --- |"
    for name in stepwell.__all__:
        item = getattr(stepwell, name)
        if inspect.isclass(item) and issubclass(item, stepwell.StepwellError):
            yield _error(item)


def _class(name: str, kind: type) -> Iterator[str]:
    tree = _tree(kind)
    told = docstrings.read(kind.__doc__ or "")
    yield f"\n### {kind.__name__}\n"
    yield "\n\n".join(told.paragraphs)
    above = [node for base in kind.__bases__ if base is not object for node in _tree(base).body]
    methods = [node for node in (*tree.body, *above) if isinstance(node, Function)]
    if kind is stepwell.Client:
        (made,) = [node for node in methods if node.name == "__init__"]
        yield from _arguments(made, told)
        yield from _raises(told)
    for method in methods:
        if method.name[0] != "_":
            yield from _call(f"{name}.{method.name}", method)


def _call(name: str, method: Function) -> Iterator[str]:
    told = docstrings.read(ast.get_docstring(method) or "")
    yield f"\n#### {name}({_signature(method)})\n"
    yield "\n\n".join(told.paragraphs)
    yield from _arguments(method, told)
    if told.result:
        yield f"\nReturns {_type(method.returns)}: {told.result[0].lower()}{told.result[1:]}"
    yield from _raises(told)


def _signature(method: Function) -> str:
    """Return a call's parameters without types; those after `*` are given by name."""
    bare = ast.parse(f"def f({ast.unparse(method.args)}): pass").body[0]
    assert isinstance(bare, ast.FunctionDef)  # noqa: S101 - parsed in the line before
    del bare.args.args[0]
    for argument in (*bare.args.args, *bare.args.kwonlyargs):
        argument.annotation = None
    return ast.unparse(bare.args)


def _arguments(method: Function, told: Docstring) -> Iterator[str]:
    meanings = told.of("Args")
    if not meanings:
        return
    yield "\n| argument | type | meaning |\n| --- | --- | --- |"
    for argument in (*method.args.args[1:], *method.args.kwonlyargs):
        yield f"| `{argument.arg}` | {_type(argument.annotation)} | {meanings[argument.arg]} |"


def _raises(told: Docstring) -> Iterator[str]:
    if told.of("Raises"):
        yield "\n| raises | when |\n| --- | --- |"
        yield from (f"| `{name}` | {when} |" for name, when in told.of("Raises").items())


def _document(kind: type) -> Iterator[str]:
    told = docstrings.read(kind.__doc__ or "")
    fields = {
        ast.unparse(line.target): line.annotation
        for line in _tree(kind).body
        if isinstance(line, ast.AnnAssign)
    }
    yield f"\n### {kind.__name__}\n"
    yield "\n\n".join(told.paragraphs)
    yield "\n| field | type | meaning |\n| --- | --- | --- |"
    for name, meaning in told.of("Attributes").items():
        yield f"| `{name}` | {_type(fields[name])} | {meaning} |"
    for line in _tree(kind).body:
        if isinstance(line, ast.FunctionDef) and line.name[0] != "_":  # a property
            yield f"| `{line.name}` | {_type(line.returns)} | {ast.get_docstring(line)} |"


def _error(kind: type) -> str:
    told = docstrings.read(kind.__doc__ or "")
    attributes = told.of("Attributes")
    has = "; ".join(f"`{name}`: {_small(meaning)}" for name, meaning in attributes.items())
    bases = " and ".join(f"`{base.__name__}`" for base in kind.__bases__)
    sort = "" if kind is stepwell.StepwellError else f" A {bases}."
    has = f" It has {has}." if has else ""
    return f"| `{kind.__name__}` | {' '.join(told.paragraphs)}{sort}{has} |"


def _small(text: str) -> str:
    return text[0].lower() + text[1:].rstrip(".")


def _type(annotation: ast.expr | None) -> str:
    text = "" if annotation is None else ast.unparse(annotation).replace("builtins.", "")
    return f"`{text}`".replace("|", "\\|")


def _tree(kind: type) -> ast.ClassDef:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101 - a class's source is one
    return tree
