"""A Restate service of five durable steps, served by hypercorn as its documentation says."""

import restate

from benchmarks.gate import wait_at_the_gate

service = restate.Service("five")


async def add(a: int, b: int) -> dict[str, int]:
    return {"sum": a + b}


async def gated_add(a: int, b: int) -> dict[str, int]:
    await wait_at_the_gate()
    return {"sum": a + b}


@service.handler("run")
async def run(ctx: restate.Context, data: dict[str, int]) -> dict[str, int]:
    last: dict[str, int] = {}
    for i in range(5):
        last = await ctx.run_typed(f"s{i}", add, restate.RunOptions(), i, data["n"])
    return last


@service.handler("gated")
async def gated(ctx: restate.Context, data: dict[str, int]) -> dict[str, int]:
    last: dict[str, int] = {}
    for i in range(5):
        action = gated_add if i == 2 else add
        last = await ctx.run_typed(f"s{i}", action, restate.RunOptions(), i, data["n"])
    return last


app = restate.app(services=[service])
