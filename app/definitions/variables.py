"""Variables: values that a tenant's workflows share, which expressions name as `vars.NAME`."""

import json
import re

from engine import Json
from journal import VariableRow, VariableTable
from steps.contract.step_type import Problem

LONGEST = 65_536
"""The most bytes that a value may have, as JSON."""

MOST = 1_000
"""How many variables a tenant may have."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class UnfitVariable(Exception):
    """A variable cannot have that name, or that value."""

    def __init__(self, path: str, message: str) -> None:
        self.problems = (Problem(path, message),)
        super().__init__(f"{path} {message}")


async def put_variable(
    table: VariableTable, tenant: str, name: str, value: Json, now_ms: int
) -> VariableRow:
    """Keep a variable, durable when this returns.

    Raises:
        UnfitVariable: An expression cannot name it, it is too long, or there are too many.
    """
    if not _NAME.fullmatch(name):
        message = "must have 1 to 128 letters, digits or _, and not begin with a digit"
        raise UnfitVariable("name", message)
    if len(json.dumps(value, ensure_ascii=False).encode()) > LONGEST:
        raise UnfitVariable("value", f"must have at most {LONGEST} bytes as JSON")
    known = {row.name for row in await table.of(tenant)}
    if name not in known and len(known) >= MOST:
        raise UnfitVariable("name", f"there may be at most {MOST} variables; delete some first")
    return await table.put(tenant, name, value, now_ms)
