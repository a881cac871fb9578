"""The tool store: values that a tenant's runs keep between them."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from engine import Json
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext
from steps.effects.tool_calls import StoreCall
from steps.language.durations import duration_ms
from steps.tools.tools import tool


@tool(id="store")
async def store(  # noqa: PLR0913 - one parameter per input of the step
    context: ToolContext,
    operation: Annotated[
        Literal["get", "put", "put-if-absent", "increment", "delete"],
        Field(description="the operation on the value"),
    ],
    key: Annotated[str, Field(min_length=1, max_length=512, description="its name")],
    value: Annotated[
        JsonValue, Field(description="the value, for `put` and `put-if-absent`")
    ] = None,
    by: Annotated[
        int | float, Field(description="what `increment` adds; a missing value counts as 0")
    ] = 1,
    expiresIn: Annotated[  # noqa: N803 - the word that definitions use
        str | None,
        Field(description="how long it is kept from now on, such as `7d`; without it, forever"),
    ] = None,
) -> Json:
    """Store a value between runs, read it, use it as a counter, or remove it.

    The values belong to the tenant. Each change is made exactly once per visit of a step, even if a
    crash repeats the call, and simultaneous changes are applied one after the other. Results: `get`
    has `found` and `value`; `put` has `value` and `previous`; `put-if-absent` has `stored` and the
    `value` that is there then; `increment` has the new `value`; `delete` has `deleted`: whether
    there was a value.
    """
    lasts_ms = None
    if expiresIn is not None:
        try:
            lasts_ms = duration_ms(expiresIn)
        except ValueError as wrong:
            raise StepBroke("InvalidToolInput", f"expiresIn: {wrong}", retryable=False) from wrong
    return await context.store(StoreCall(operation, key, value, by, lasts_ms))
