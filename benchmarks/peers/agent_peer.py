"""One task of an agent of another library, in a separate process that may be killed.

Each library is used as documented, with its own components. The process prints how the task ended,
and its duration without the start of the process.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.agents.tasks import BY_NAME, Task
from benchmarks.agents.tools import ALL

_MOST_TURNS = 60
_SHORT_TOKENS = 8_000
Ask = Callable[[str], Awaitable[Any]]


def pydantic_ai(task: Task, address: str, _: str) -> Ask:
    from pydantic import BaseModel
    from pydantic_ai import Agent, UsageLimits
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    class Total(BaseModel):
        total: int

    model = OpenAIChatModel("script", provider=OpenAIProvider(base_url=address, api_key="none"))
    agent: Any = Agent(model, instructions="Work.", tools=[*ALL], retries=2,
                       output_type=Total if task.wants_fields else str)  # fmt: skip

    async def ask(message: str) -> Any:
        found = await agent.run(message, usage_limits=UsageLimits(request_limit=_MOST_TURNS))
        return found.output.model_dump() if task.wants_fields else found.output

    return ask


def openai_agents(task: Task, address: str, state: str) -> Ask:
    from agents import Agent, Runner, function_tool, set_tracing_disabled
    from agents.memory import SQLiteSession
    from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
    from openai import AsyncOpenAI
    from pydantic import BaseModel

    class Total(BaseModel):
        total: int

    set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=address, api_key="none")
    agent: Any = Agent(
        "A", instructions="Work.", tools=[function_tool(one) for one in ALL],
        model=OpenAIChatCompletionsModel("script", client),
        output_type=Total if task.wants_fields else None,
    )  # fmt: skip
    session = SQLiteSession("kept", state)

    async def ask(message: str) -> Any:
        found = await Runner.run(agent, message, session=session, max_turns=_MOST_TURNS)
        return found.final_output.model_dump() if task.wants_fields else found.final_output

    return ask


def langchain(task: Task, address: str, state: str) -> Ask:
    from langchain.agents import create_agent
    from langchain.agents.middleware import ClearToolUsesEdit, ContextEditingMiddleware
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    from pydantic import BaseModel

    class Total(BaseModel):
        total: int

    edit = ClearToolUsesEdit(trigger=_SHORT_TOKENS, keep=3)
    middleware = [ContextEditingMiddleware(edits=[edit])] if task.makes_short else []
    model = ChatOpenAI(model="script", base_url=address, api_key="none")

    async def ask(message: str) -> Any:
        async with AsyncSqliteSaver.from_conn_string(state) as saver:
            agent = create_agent(
                model, [tool(one) for one in ALL], system_prompt="Work.", checkpointer=saver,
                middleware=middleware, response_format=Total if task.wants_fields else None,
            )  # fmt: skip
            config: Any = {"configurable": {"thread_id": "kept"}, "recursion_limit": 200}
            begun = await saver.aget_tuple(config)
            given = None if begun else {"messages": [("user", message)]}
            found = await agent.ainvoke(given, config, durability="sync")
        if task.wants_fields:
            return found["structured_response"].model_dump()
        return found["messages"][-1].content

    return ask


LIBRARIES = {"pydantic-ai": pydantic_ai, "openai-agents": openai_agents, "langchain": langchain}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("task", choices=BY_NAME)
    parser.add_argument("address")
    parser.add_argument("state", help="a file for what the library can keep")
    args = parser.parse_args()
    ask = LIBRARIES[args.library](BY_NAME[args.task], args.address, args.state)
    began_s = time.perf_counter()
    try:
        outcome: Any = await ask(f"{args.task}: go on")
    except Exception as failed:  # noqa: BLE001 - however it fails, that is told
        outcome = f"{type(failed).__name__}: {failed}"
    print(json.dumps({"outcome": outcome, "seconds": time.perf_counter() - began_s}))


if __name__ == "__main__":
    asyncio.run(main())
