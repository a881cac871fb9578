"""The part of a step's effects that concerns models and agents."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from steps.effects.agent_exchange import Exchange
from steps.effects.chat import ChatAnswer, ChatRequest
from steps.effects.usable_agent import Agent


class ModelEffects(Protocol):
    """What one attempt of a step may do with models, agents and their threads."""

    def within(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """Limit the time of a part of the attempt; waiting for shared resources does not count.

        Args:
            seconds: The limit.

        Returns:
            A context manager for `async with`. It raises `TimeoutError` when the time is over.
        """
        ...

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        """Ask a chat model, once.

        Args:
            request: The request.

        Returns:
            The model's answer.

        Raises:
            LimitReached: A limit or budget is used up; the model was not asked.
            StepBroke: There is no such model, or no usable answer came.
        """
        ...

    async def takes(self, model: str | None) -> Collection[str]:
        """Return the kinds of content that a model accepts beside text.

        Args:
            model: The model's name; None: the default one.

        Returns:
            Some of `images`, `pdf` and `audio`, as its document says.

        Raises:
            StepBroke: There is no such model.
        """
        ...

    async def limit(self, tokens: int | None, cost: float | None) -> None:
        """Limit what this visit and all child runs below it may spend on models.

        Args:
            tokens: Input and output tokens together; None: no limit.
            cost: A price in the currency of the prices; None: no limit.
        """
        ...

    async def raise_budget(self, run_id: str, cost: float) -> None:
        """Raise the budget of this run or of one above it; a larger budget is kept.

        Args:
            run_id: The run with the budget.
            cost: The new budget in total, in the currency of the prices.
        """
        ...

    async def agent(self, agent_id: str, version: str | None) -> Agent:
        """Return a version of a stored agent.

        Args:
            agent_id: The agent's id.
            version: `latest`, `published` or a number; None: the published version, or the latest
                if none is published.

        Returns:
            The version that was chosen.

        Raises:
            StepBroke: There is no such agent or version, or it is archived.
        """
        ...

    async def thread(self, thread_id: str, agent_id: str) -> int:
        """Reserve a thread for this step, as its only writer, until the run leaves the step.

        Args:
            thread_id: The thread; it is created if it does not exist.
            agent_id: The agent to which the thread belongs.

        Returns:
            How many exchanges it has.

        Raises:
            StepBroke: Another step writes to it, or it belongs to another agent.
        """
        ...

    async def exchanges(self, thread_id: str, length: int) -> Sequence[Exchange]:
        """Return the exchanges of a thread.

        Args:
            thread_id: The thread.
            length: How many exchanges, from the first.

        Returns:
            The exchanges, oldest first; they never change.
        """
        ...

    async def add_exchange(self, thread_id: str, exchange: Exchange) -> None:
        """Add an exchange to a thread; an existing exchange with its number is kept.

        Args:
            thread_id: The thread.
            exchange: The message and its answer.
        """
        ...
