"""Knowledge, over HTTP: texts stored by runs and the passages that a search finds in them."""

from typing import Any

import httpx

from app.tools.passages import LONGEST, passages_of
from tests.contract.agents.test_files_of_models import upload
from tests.harness.agents import agent, flow, turns
from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import Server
from tests.harness.workflows import create, start, straight

HANDBOOK = (
    """Holidays

Everybody has thirty days of holidays a year. Requests go to the office.

Travelling

Train tickets are bought by Ms Köhler. """
    + "Hotels are booked by whoever travels. " * 80
)


def called(client: httpx.Client, tool: str, **given: Any) -> Any:
    return client.post(f"/api/tools/{tool}/invoke", json={"args": given}).json()


def found(client: httpx.Client, query: str, collection: str = "handbook") -> list[Any]:
    answer = called(client, "knowledge-search", collection=collection, query=query)
    passages: list[Any] = answer["data"]["passages"]
    return passages


def test_passages_of_texts_are_found_also_after_a_crash(shared: Server) -> None:
    with shared.client() as client, shared.client(tenant="other") as other:
        file = upload(client, "handbook.md", HANDBOOK.encode())
        keep = {"id": "keep", "type": "call-tool", "toolId": "knowledge",
                "inputs": {"operation": "add", "collection": "handbook", "fileId": "{{ data.file }}"},
                "output": {"passages": {"type": "integer"}}}  # fmt: skip
        outcome = start(client, create(client, "keeps", [keep], straight("keep")), file=file)
        assert outcome["data"]["passages"] == len(passages_of(HANDBOOK)) > 2
        added = called(client, "knowledge", operation="add", collection="handbook", source="news",
                       text="The canteen has new plates.")  # fmt: skip
        assert added["data"] == {"source": "news", "passages": 1, "replaced": False}
        assert [one["source"] for one in found(client, 'holiday "request" OR')] == ["handbook.md"]
        assert "Köhler" in found(client, "kohler")[0]["text"]
        assert found(client, "?!") == found(client, "zebra") == found(other, "holiday") == []
        shared.kill()
        shared.start()
        assert found(client, "plates canteen")[0]["text"] == "The canteen has new plates."
        changed = called(client, "knowledge", operation="add", collection="handbook", source="news",
                         text="The canteen is closed.")  # fmt: skip
        assert changed["data"]["replaced"] is True
        assert found(client, "plates") == []
        listed = called(client, "knowledge", operation="list", collection="handbook")["data"]
        assert [one["source"] for one in listed["sources"]] == ["handbook.md", "news"]
        assert called(other, "knowledge", operation="list", collection="handbook")["data"] == {"sources": []}  # fmt: skip
        called(client, "knowledge", operation="remove", collection="handbook", source="handbook.md")
        assert found(client, "holiday") == []
        for wrong, reported in (
            ({"operation": "add", "collection": "handbook"}, "either fileId or text"),
            ({"operation": "add", "collection": "a b", "text": "x"}, "collection"),
            ({"operation": "add", "collection": "x", "text": "y"}, "source is required"),
        ):
            answer = called(client, "knowledge", **wrong)
            assert (answer["error"], reported in answer["message"]) == ("Invalid input", True), (
                answer
            )
        many = "\n\n".join("x" * LONGEST for _ in range(800))
        for source in "abcdef":
            called(
                client, "knowledge", operation="add", collection="large", source=source, text=many
            )
        full = called(
            client, "knowledge", operation="add", collection="large", source="g", text=many
        )
        assert full["error"]["type"] == "KnowledgeFull"


def test_an_agent_gets_passages_with_their_sources(shared: Server) -> None:
    asks = ("knowledge-search", {"collection": "facts", "query": "Who bought the shop?"})
    with (
        shared.client() as client,
        ModelServer(turns(Reply(tool_calls=[asks]), Reply("Ada."))) as models,
    ):
        called(client, "knowledge", operation="add", collection="facts", source="news 7",
               text="Ada bought a shop in May.")  # fmt: skip
        name = agent(client, models, "reads", tools=["knowledge-search"])
        assert start(client, flow(client, name), q="?")["status"] == "completed"
        reported = models.requests[1].body["messages"][-1]["content"]
        assert '"source": "news 7"' in reported
        assert "Ada bought a shop in May." in reported


def test_a_text_is_split_between_paragraphs_sentences_and_words() -> None:
    text = "One two. " * 300 + "\n\nshort\n\nalso short\n\n" + "y" * 3_000
    passages = passages_of(text)
    assert all(len(one) <= LONGEST for one in passages)
    assert all(one.endswith("two.") for one in passages[:2])
    assert "short\n\nalso short" in passages[-4] + passages[-3]
    assert "".join("".join(passages).split()) == "".join(text.split())
    assert passages_of("a" * 1_199 + " " * 5_000 + "b" * 10) == ["a" * 1_199, "b" * 10]
