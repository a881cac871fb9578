"""What a step can do with models and agents: a part of its effects."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from steps.effects.agent_exchange import Exchange
from steps.effects.chat import ChatAnswer, ChatRequest
from steps.effects.usable_agent import Agent


class ModelEffects(Protocol):
    """What one attempt of a step may ask of models, agents and their threads."""

    def within(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """Bound a part of the attempt in time; waiting for what steps share does not count.

        Args:
            seconds: How long it may take.

        Returns:
            What bounds a block: `async with`. It raises `TimeoutError` when the time is over.
        """
        ...

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        """Ask a chat model, once.

        Args:
            request: What is asked, of which model.

        Returns:
            What the model answered.

        Raises:
            LimitReached: What may be spent has been; nothing was asked.
            StepBroke: There is no such model, or no usable answer came.
        """
        ...

    async def takes(self, model: str | None) -> Collection[str]:
        """Return what a model can be shown beside text.

        Args:
            model: The model's name; None: the default one.

        Returns:
            Some of `images`, `pdf` and `audio`, as its document says.

        Raises:
            StepBroke: There is no such model.
        """
        ...

    async def limit(self, tokens: int | None, cost: float | None) -> None:
        """Bound what this visit may spend on models, with all child runs below it.

        Args:
            tokens: Tokens in and out; None: no limit.
            cost: A price in the currency that prices are in; None: no limit.
        """
        ...

    async def raise_budget(self, run_id: str, cost: float) -> None:
        """Raise the budget of this run, or of one above it; a larger one stays.

        Args:
            run_id: The run that the budget bounds.
            cost: What it may cost in all, in the currency that prices are in.
        """
        ...

    async def agent(self, agent_id: str, version: str | None) -> Agent:
        """Return a version of a stored agent.

        Args:
            agent_id: The agent's id.
            version: `latest`, `published` or a number; None: the published version, or the
                latest where none is published.

        Returns:
            The version that was chosen.

        Raises:
            StepBroke: There is no such agent or version, or it is archived.
        """
        ...

    async def thread(self, thread_id: str, agent_id: str) -> int:
        """Begin to write to a thread, as the only one, until the run leaves the step.

        Args:
            thread_id: The thread; it is made where there is none.
            agent_id: The agent whose thread it is.

        Returns:
            How many exchanges it has.

        Raises:
            StepBroke: Another step writes to it, or it is another agent's.
        """
        ...

    async def exchanges(self, thread_id: str, length: int) -> Sequence[Exchange]:
        """Return what was said in a thread.

        Args:
            thread_id: The thread.
            length: How many exchanges, from the first.

        Returns:
            Them, oldest first; they never change.
        """
        ...

    async def add_exchange(self, thread_id: str, exchange: Exchange) -> None:
        """Add to a thread; one of that number that is there stays.

        Args:
            thread_id: The thread.
            exchange: What was asked and answered.
        """
        ...
