"""Search by meaning, over HTTP: embeddings are requested, counted and limited by budgets."""

import math
import random
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx

from app.tools.vectors import VectorIndex
from tests.contract.agents.test_knowledge import called, found
from tests.harness.model_server import ModelServer
from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, status, straight

MEANINGS = (
    ("holiday", "vacation", "leave"),
    ("train", "travelling", "hotel"),
    ("canteen", "lunch"),
)


def meaning(text: str) -> Sequence[float]:
    """Return a vector that is equal for words of the same meaning."""
    lower = text.lower()
    return [sum(lower.count(word) for word in words) + 0.01 for words in MEANINGS]


@contextmanager
def embedding(client: httpx.Client, name: str, price: float = 1_000) -> Iterator[ModelServer]:
    with ModelServer() as models:
        models.vector_of = meaning
        document = {"provider": "openai", "model": "vec-1", "baseUrl": models.openai,
                    "embeddings": True, "prices": {"input": price, "output": 0}}  # fmt: skip
        assert client.put(f"/api/models/{name}", json=document).status_code == 200
        yield models


def inputs(models: ModelServer) -> list[int]:
    """Return the number of texts in each request."""
    return [len(request.body["input"]) for request in models.requests]


def test_passages_are_found_by_meaning_and_the_cost_is_counted(shared: Server) -> None:
    with shared.client() as client, embedding(client, "vectors") as models:
        keep = {"id": "keep", "type": "call-tool", "toolId": "knowledge", "output": {},
                "inputs": {"operation": "add", "collection": "meant", "model": "vectors",
                           "source": "{{ data.source }}", "text": "{{ data.text }}"}}  # fmt: skip
        find = {"id": "find", "type": "call-tool", "toolId": "knowledge-search",
                "inputs": {"collection": "meant", "query": "{{ data.q }}"},
                "output": {"passages": {"type": "array"}}}  # fmt: skip
        keeps = create(client, "keeps-meant", [keep], straight("keep"))
        finds = create(client, "finds-meant", [find], straight("find"))
        start(client, keeps, source="rules", text="Thirty days of vacation.")
        start(client, keeps, source="trips", text="The train is paid.\n\n" + "x" * 1_190)
        called(client, "knowledge", operation="add", collection="meant", source="food",
               text="The canteen opens at noon.")  # fmt: skip
        before = len(models.requests)
        run = start(client, finds, q="How much leave do I get?")
        best = run["data"]["passages"][0]
        assert (best["source"], best["text"]) == ("rules", "Thirty days of vacation.")
        assert best["similarity"] > 0.99
        state = status(client, run["runId"])
        assert state["usage"]["models"][0]["model"] == "vec-1"
        assert (state["usage"]["inputTokens"], state["usage"]["cost"]) == (4, 0.004)
        (call,) = state["stepExecutionHistory"][0]["calls"]
        assert (call["operation"], call["inputTokens"]) == ("embeddings", 4)
        assert len(models.requests) == before + 1
        shared.kill()
        shared.start()
        assert found(client, "lunch", "meant")[0]["source"] == "food"
        assert found(client, "noon", "meant")[0]["source"] == "food"  # by the word itself
        day = client.get("/api/usage?by=workflow,model").json()["usage"]
        spent = {line["workflowId"]: line for line in day if line["model"] == "vectors"}
        assert (spent[finds]["cost"], spent[""]["calls"]) == (0.004, 3)


def test_only_new_passages_are_embedded_and_a_collection_has_one_model(shared: Server) -> None:
    with shared.client() as client, embedding(client, "own") as models:
        text = [f"{word} {'y' * 1_150}" for word in ("train", "lunch", "leave")]
        add = {"operation": "add", "collection": "again", "source": "a"}
        called(client, "knowledge", **add, text="\n\n".join(text), model="own")
        called(client, "knowledge", **add, text="\n\n".join([*text, "hotel"]))
        assert inputs(models) == [3, 1]
        listed = called(client, "knowledge", operation="list", collection="again")["data"]
        assert listed["sources"][0]["embedder"] == "vec-1"
        other = called(client, "knowledge", **add, text="z", model="another")
        assert "has vectors of model own" in other["message"]
        many = "\n\n".join(f"{n} {'y' * 1_190}" for n in range(40))
        called(client, "knowledge", **{**add, "source": "b"}, text=many)
        assert inputs(models)[2:] == [32, 8]
        for wrong in ([[1, 2], [1, 2, 3]], [[1, "x"]], [[1]], [[math.inf] * 3, [1, 2, 3]]):
            vectors = iter([*wrong, *[[1, 2, 3]] * 40])
            models.vector_of = lambda _, vectors=vectors: next(vectors)  # type: ignore[misc]
            broken = called(
                client, "knowledge", **{**add, "source": "c"}, text=f"{text[0]}\n\n{'q' * 90}"
            )
            assert broken["error"]["type"] == "InvalidResponse", (wrong, broken)
        models.embeddings = lambda body: {  # type: ignore[method-assign]
            "data": [{"index": 0, "embedding": [1, 0, 0]} for _ in body["input"]]
        }
        odd = called(client, "knowledge", **{**add, "source": "d"}, text=f"{text[0]}\n\n{'q' * 90}")
        assert odd["data"]["passages"] == 2
        chat = {"id": "ask", "type": "call-llm", "model": "own", "prompt": "?"}
        failed = start(client, create(client, "asks-vectors", [chat], straight("ask")))
        assert failed["error"]["type"] == "ModelRejected"


def test_a_budget_limits_embeddings_too(shared: Server) -> None:
    with shared.client() as client, embedding(client, "dear") as models:
        keep = {"id": "keep", "type": "call-tool", "toolId": "knowledge",
                "output": {"passages": {"type": "integer"}},
                "inputs": {"operation": "add", "collection": "dear", "model": "dear",
                           "source": "s", "text": "{{ data.text }}"}}  # fmt: skip
        name = create(client, "dear", [keep], straight("keep"), budget=0.1)
        text = "\n\n".join(f"{n} {'y' * 1_190}" for n in range(70))
        run = start(client, name, text=text)
        assert run["pauseSignal"]["budget"]["scope"] == "run"
        assert inputs(models) == [32]
        answer = {"type": "request_user_action", "actionId": "keep/budget-1",
                  "actionValue": "raise", "data": {"to": 9}}  # fmt: skip
        client.post(f"/api/workflow/resume/{run['runId']}", json=answer)
        assert settled(client, run["runId"], "completed")["data"]["passages"] == 70
        assert inputs(models) == [32, 32, 6]  # finished batches are not requested again


def test_the_nearest_of_many_vectors_are_found() -> None:
    chance = random.Random(7)

    def like(middle: Sequence[float], spread: float) -> bytes:
        numbers = [number + chance.gauss(0, spread) for number in middle]
        length = math.hypot(*numbers)
        return array("f", [number / length for number in numbers]).tobytes()

    middles = [[chance.gauss(0, 1) for _ in range(600)] for _ in range(50)]
    index = VectorIndex([like(middle, 0.7) for middle in middles for _ in range(20)])
    for number in (0, 31, 49):
        near = index.nearest(like(middles[number], 0.7), 20)
        assert {one.place // 20 for one in near} == {number}
        assert near[0].cosine >= near[-1].cosine > 0.5
