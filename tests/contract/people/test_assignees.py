"""Work of people: assignees, several answers, claims, and their records in the history."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import jwt
import pytest

from tests.harness.server import Server, settled

TENANT = "work"
YES = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
NO = {**YES, "actionValue": "rejected"}


def asking(identity: str, **settings: Any) -> dict[str, Any]:
    """Return a workflow that asks once."""
    return {
        "id": identity, "name": identity, "initialStep": "ask",
        "steps": [{"id": "ask", "type": "request-user-action", "message": "Pay?", **settings},
                  {"id": "end", "type": "end-flow", "result": "{{ steps.ask.output }}"}],
        "edges": [{"from": "ask", "to": "end"}],
    }  # fmt: skip


class People:
    """Clients of people who sign in by JWT, with their groups."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self._server = server
        self._stack = stack
        self.owner = stack.enter_context(server.client("owner", TENANT))
        made = self.owner.post("/api/jwt-secrets", json={"role": "operator"}).json()
        self._kid, self._secret = made["kid"], made["secret"]

    def __call__(self, name: str, *groups: str, role: str = "operator") -> httpx.Client:
        claims = {"sub": name, "aud": "ensembleapp.ai", "iat": int(time.time()),
                  "exp": int(time.time()) + 600, "role": role, "context": {"groups": [*groups]}}  # fmt: skip
        token = jwt.encode(claims, self._secret, "HS256", {"kid": self._kid})
        client = httpx.Client(
            base_url=self._server.address, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        return self._stack.enter_context(client)

    def start(self, definition: dict[str, Any], by: httpx.Client | None = None) -> str:
        known = self.owner.post("/api/workflows", json=definition)
        assert known.status_code in (200, 201), known.text
        starter = by or self.owner
        started = starter.post(f"/api/workflow/start/{definition['id']}", json={}).json()
        assert started["status"] == "paused", started
        return str(started["runId"])


@pytest.fixture(scope="module")
def people(shared: Server) -> Iterator[People]:
    with ExitStack() as stack:
        yield People(shared, stack)


def answer(client: httpx.Client, run_id: str, body: dict[str, Any]) -> httpx.Response:
    return client.post(f"/api/workflow/resume/{run_id}", json=body)


def inbox(client: httpx.Client, **query: str) -> list[str]:
    found = client.get("/api/workflow/inbox", params=query)
    assert found.status_code == 200, found.text
    return [item["runId"] for item in found.json()["pauses"]]


def test_assignees_see_and_answer_and_others_do_not(people: People, shared: Server) -> None:
    ada, bob = people("Ada", "finance"), people("bob", "ops")
    named = people.start(asking("named", assignees=["ada"]))
    grouped = people.start(asking("grouped", assignees=["{{ ['group:Finance'] }}"], deadline="3d", onDeadline="stay"))  # fmt: skip
    anyone = people.start(asking("anyone"))
    assert inbox(ada) == [grouped, anyone, named], "what has a deadline is first, then the newest"
    assert inbox(ada, whose="mine") == [named]
    assert inbox(ada, whose="groups") == [grouped]
    assert inbox(bob) == [anyone]
    assert inbox(people.owner) == [grouped, anyone, named]
    refused = answer(bob, named, YES)
    assert refused.status_code == 403
    assert "this question is for ada" in refused.json()["message"]
    with shared.client("editor", TENANT) as key:
        assert answer(key, named, YES).status_code == 403, "a key does not match a person's name"
        assert answer(key, anyone, YES).status_code == 200, (
            "a key may answer a question without assignees"
        )
    assert answer(ada, named, YES).status_code == 200
    assert answer(people.owner, grouped, YES).status_code == 200, "an owner answers for others"
    assert inbox(ada) == []


def test_exclude_applies_to_an_owner_too(people: People) -> None:
    run_id = people.start(asking("eyes", exclude=["{{ startedBy }}"]))
    assert answer(people.owner, run_id, YES).status_code == 403
    link = people.owner.post(f"/api/workflow/links/{run_id}", json={"name": "me"})
    assert link.status_code in (400, 403)
    ada = people("ada")
    (line,) = [
        one for one in ada.get("/api/workflow/inbox").json()["pauses"] if one["runId"] == run_id
    ]
    assert line["mayAnswer"]
    link = ada.post(f"/api/workflow/links/{run_id}", json={"name": "me"})
    assert (link.status_code, "sign in" in link.text) == (400, True)
    deep = answer(ada, run_id, {"type": "request_user_action", "data": YES})
    assert deep.status_code == 400
    assert "one level higher" in deep.text
    assert answer(ada, run_id, {**YES, "seen": "0" * 64}).status_code == 409
    assert answer(ada, run_id, {**YES, "seen": line["seen"]}).status_code == 200


def test_exclude_must_name_a_person(people: People) -> None:
    people.owner.post("/api/workflows", json=asking("kept-out", exclude=["{{ data.author }}"]))
    for nobody in (None, "", " ", [""]):
        body = {"data": {"author": nobody}}
        run = people.owner.post("/api/workflow/start/kept-out", json=body).json()
        error = settled(people.owner, run["runId"])["error"]
        assert error["type"] == "NobodyExcluded"
        assert "exclude[0] names nobody" in error["message"]
    run = people.owner.post("/api/workflow/start/kept-out", json={"data": {"author": []}}).json()
    assert run["status"] == "paused"


def test_a_quorum_counts_people_and_a_veto_ends_it(people: People) -> None:
    definition = asking("quorum", required=2, veto=["rejected"], assignees=["ada", "bob", "cid"])
    ada, bob = people("ada"), people("bob")
    run_id = people.start(definition)
    before = settled(people.owner, run_id)["pauseSignal"]
    first = answer(ada, run_id, {**YES, "comment": "fine"}).json()
    assert first["status"] == "paused"
    assert first["pauseSignal"]["pauseId"] == before["pauseId"], "the pause stays"
    assert [one["answeredBy"] for one in first["pauseSignal"]["answers"]] == ["user:ada"]
    again = answer(ada, run_id, YES)
    assert (again.status_code, "you have answered" in again.text) == (403, True)
    for name in ("Ada", "user:ada"):
        back = bob.post(f"/api/workflow/delegate/{run_id}", json={"to": name})
        assert (back.status_code, "has answered this question" in back.text) == (400, True)
    assert answer(bob, run_id, YES).status_code == 200
    result = settled(people.owner, run_id, "completed")["result"]
    assert (result["actionValue"], len(result["answers"])) == ("approved", 2)
    vetoed = people.start({**definition, "id": "quorum-2"})
    assert answer(ada, vetoed, YES).json()["status"] == "paused"
    answer(bob, vetoed, NO)
    assert settled(people.owner, vetoed, "completed")["result"]["actionValue"] == "rejected"


def test_one_of_several_answers_is_delegated(people: People) -> None:
    ada, bob, cid = people("ada", "finance"), people("bob"), people("cid")
    run_id = people.start(asking("voices", required=2, assignees=["finance", "user:bob"]))
    address = f"/api/workflow/delegate/{run_id}"
    again = ada.post(address, json={"to": "user:BOB"})
    assert (again.status_code, "is asked already" in again.text) == (400, True)
    handed = ada.post(address, json={"to": "cid"}).json()["pauseSignal"]
    assert (handed["assignees"], handed["handedOn"]) == (
        ["finance", "user:bob", "cid"],
        ["user:ada"],
    )
    refused = answer(ada, run_id, YES)
    assert (refused.status_code, "you have delegated" in refused.text) == (403, True)
    assert answer(bob, run_id, YES).json()["status"] == "paused"
    assert answer(cid, run_id, YES).status_code == 200
    settled(people.owner, run_id, "completed")
    open_to_all = people.start(asking("voices-2", required=2))
    reported = bob.post(f"/api/workflow/delegate/{open_to_all}", json={"to": "cid"})
    assert (reported.status_code, "waits for 2 answers" in reported.text) == (400, True)


def test_a_pause_whose_assignees_are_empty_is_for_admins(people: People, shared: Server) -> None:
    ada = people("ada")
    asked = asking("nobody", assignees=["{{ data.none | default('') }}", "{{ [] }}"])
    run_id = people.start(asked)
    assert run_id not in inbox(ada)
    assert run_id in inbox(people.owner)
    refused = answer(ada, run_id, YES)
    assert (refused.status_code, "name nobody" in refused.text) == (403, True)
    assert ada.post(f"/api/workflow/claim/{run_id}").status_code == 403
    logged = [line for line in shared.log.read_text().splitlines() if "names nobody" in line]
    assert run_id in logged[-1]
    handed = people.owner.post(f"/api/workflow/delegate/{run_id}", json={"to": "ada"})
    assert handed.json()["pauseSignal"]["assignees"] == ["ada"]
    assert answer(ada, run_id, YES).status_code == 200


def test_claim_release_and_delegate_are_recorded_in_the_history(people: People) -> None:
    ada, bob, cid = people("ada", "finance"), people("bob", "finance"), people("cid")
    run_id = people.start(asking("claims", assignees=["finance"]))
    address = "/api/workflow/{}/" + run_id
    assert cid.post(address.format("claim")).status_code == 403
    claimed = ada.post(address.format("claim"), json={}).json()
    assert claimed["pauseSignal"]["claimedBy"] == "user:ada"
    assert run_id in inbox(ada, whose="mine")
    assert bob.post(address.format("claim")).status_code == 403
    assert answer(bob, run_id, YES).status_code == 403
    assert bob.post(address.format("unclaim")).status_code == 403
    assert ada.post(address.format("unclaim")).status_code == 200
    nobody = bob.post(address.format("delegate"), json={"to": " "})
    assert nobody.status_code == 400
    handed = bob.post(address.format("delegate"), json={"to": "cid", "comment": "on leave"}).json()
    assert handed["pauseSignal"]["assignees"] == ["cid"]
    assert run_id not in inbox(ada)
    assert answer(ada, run_id, YES).status_code == 403
    assert answer(cid, run_id, YES).status_code == 200
    settled(people.owner, run_id, "completed")
    with people.owner.stream("GET", f"/api/workflow/events/{run_id}") as stream:
        text = "".join(stream.iter_text())
    whats = [part.split('"')[0] for part in text.split('"what":"')[1:]]
    assert whats == ["claimed", "released", "delegated"]
    exact = people.start(asking("exact", assignees=["group:finance", "person:ada"]))
    for posing in (people("Group:finance"), people("eve", "person:ada"), people("person:ada")):
        assert answer(posing, exact, YES).status_code == 403
    assert answer(bob, exact, YES).status_code == 200
    assert '"note":"on leave"' in text


def test_ask_always_asks_for_fields_that_already_have_values(people: People) -> None:
    fields = {"amount": {"type": "number"}, "pin": {"type": "string", "required": False}}
    step = {"id": "ask", "type": "collect-inputs", "ask": "always", "output": fields}
    flow = {
        **asking("look-over"),
        "payload": {},
        "steps": [step, {"id": "end", "type": "end-flow"}],
    }
    made = people.owner.post("/api/workflows", json=flow)
    assert made.status_code == 201, made.text
    body = {"data": {"amount": 70, "pin": 1}}
    run = people.owner.post("/api/workflow/start/look-over", json=body).json()
    assert "pauseSignal" in run, run
    asked = run["pauseSignal"]["fields"]
    assert (asked["amount"]["default"], set(asked)) == (70, {"amount", "pin"})
    assert "default" not in asked["pin"], "what does not fit is no answer to begin from"
    answered = {"type": "collect_inputs", "data": {"amount": 90}}
    assert answer(people.owner, run["runId"], answered).status_code == 200
    assert settled(people.owner, run["runId"], "completed")["data"]["amount"] == 90


def test_choices_and_limits_of_fields_come_from_the_data(people: People) -> None:
    data = {
        "accounts": [{"value": "A-1", "label": "Main"}, "B-2"],
        "left": 40,
        "colours": ["red", "blue"],
    }
    fields: dict[str, Any] = {
        "account": {"type": "string", "choices": "{{ data.accounts }}", "default": "A-9"},
        "amount": {"type": "number", "minimum": 1, "maximum": "{{ data.left }}"},
        "teams": {"type": "array", "items": {"type": "string", "choices": "{{ data.colours }}"}},
    }
    flow = {"id": "chosen", "name": "chosen", "payload": {}, "initialStep": "ask",
            "steps": [{"id": "ask", "type": "collect-inputs", "output": fields},
                      {"id": "end", "type": "end-flow", "result": "{{ steps.ask.output }}"}],
            "edges": [{"from": "ask", "to": "end"}]}  # fmt: skip
    assert people.owner.post("/api/workflows", json=flow).status_code == 201
    run = people.owner.post("/api/workflow/start/chosen", json={"data": data}).json()
    asked = run["pauseSignal"]["fields"]
    assert asked["account"] == {
        "type": "string", "enum": ["A-1", "B-2"], "choices": [{"value": "A-1", "label": "Main"}, {"value": "B-2"}],
    }  # fmt: skip
    assert asked["amount"] == {"type": "number", "minimum": 1, "maximum": 40}
    assert asked["teams"]["items"] == {"type": "string", "enum": ["red", "blue"]}
    address = f"/api/workflow/resume/{run['runId']}"
    answer = {"account": "C-3", "amount": 41, "teams": ["green"]}
    refused = people.owner.post(address, json={"type": "collect_inputs", "data": answer})
    wrong = [item["path"] for item in refused.json()["details"]]
    assert wrong == ["data.account", "data.amount", "data.teams[0]"]
    answer = {"account": "A-1", "amount": 40, "teams": ["blue"]}
    assert people.owner.post(address, json={"type": "collect_inputs", "data": answer}).is_success
    assert settled(people.owner, run["runId"])["result"] == answer
    for broken, reported in (({"accounts": []}, "empty list"), ({"left": "much"}, "must be a number"),
                         ({"accounts": [7]}, "choices of account"), ({"left": 0}, "nothing fits")):  # fmt: skip
        failed = people.owner.post("/api/workflow/start/chosen", json={"data": {**data, **broken}})
        error = failed.json()["error"]
        assert error["type"] == "InvalidField"
        assert reported in error["message"]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"type": "string", "choices": 7}, "choices"),
        ({"type": "string", "choices": "data.accounts"}, "choices"),
        ({"type": "string", "choices": "{{ data. }}"}, "choices"),
        ({"type": "string", "choices": ["{{ item }}"]}, "choices[0]"),
        ({"type": "string", "choices": ["a"], "enum": ["a"]}, "choices"),
        ({"type": "array", "choices": ["a"]}, "choices"),
        ({"type": "number", "maximum": "40"}, "maximum"),
        ({"type": "string", "maximum": "{{ data.left }}"}, "maximum"),
    ],
)
def test_invalid_choices_are_refused_at_save(
    people: People, spec: dict[str, Any], path: str
) -> None:
    step = {"id": "ask", "type": "collect-inputs", "output": {"x": spec}}
    reported = people.owner.post("/api/workflows", json={"id": "no", "name": "no", "steps": [step]})
    assert reported.status_code == 400
    assert f"steps[0].output.x.{path}" in [item["path"] for item in reported.json()["details"]]
    elsewhere = {"id": "no", "name": "no", "payload": {"x": spec}, "steps": [step | {"output": {}}]}
    assert people.owner.post("/api/workflows", json=elsewhere).status_code == 400


def test_long_questions_are_listed_in_full(shared: Server) -> None:
    with shared.client("owner", "long") as client:
        flow = asking("long", message="{{ data.long }}")
        client.post("/api/workflows", json=flow).raise_for_status()
        for letter in "ab":
            body = {"data": {"long": letter * 400_000}}
            client.post("/api/workflow/start/long", json=body).raise_for_status()
        page = client.get("/api/workflow/inbox").json()
        messages = [one["pauseSignal"]["message"] for one in page["pauses"]]
        assert messages == ["b" * 400_000, "a" * 400_000]
        assert page["nextCursor"] is None


def test_a_page_of_the_inbox_is_limited_in_characters_and_in_shown_content(
    shared: Server,
) -> None:
    flow = asking("longer", message="{{ data.long }}")
    flow["steps"][0]["show"] = [{"value": "{{ data.shown }}", "title": "{{ data.shown }}"}] * 5
    flow["steps"][0]["show"].append("{{ data.rows }}")
    with shared.client("owner", "longer") as client:
        client.post("/api/workflows", json=flow).raise_for_status()

        def start(long: int, shown: int) -> str:
            data = {"long": "x" * long, "shown": "y" * shown, "rows": [{"n": "z" * 20}] * 600}
            answer = client.post("/api/workflow/start/longer", json={"data": data}).json()
            assert answer["status"] == "paused", answer
            return str(answer["runId"])

        small = [start(1, 1) for _ in range(18)]
        long = [start(600_000, 90_000) for _ in range(4)]
        pages, cursor = list[list[dict[str, Any]]](), ""
        while not pages or cursor:
            asked = {"limit": 500} | ({"cursor": cursor} if cursor else {})
            page = client.get("/api/workflow/inbox", params=asked).json()
            pages.append(page["pauses"])
            cursor = page["nextCursor"]
    found = [[one["runId"] for one in page] for page in pages]
    assert found == [long[:0:-1], [long[0], *small[::-1]]], "three of them are two million"
    short, cut = (page[-1]["pauseSignal"]["show"] for page in reversed(pages))
    assert [one["kind"] for one in short] == ["text"] * 5 + ["table"]
    assert (len(short[5]["value"]), short[5]["cut"]) == (500, True)
    assert [len(one["value"]) for one in cut] == [90_000] * 3 + [30_000, 0, 0]
    assert [one.get("cut") for one in cut] == [None] * 3 + [True] * 3
    assert {len(one.get("title", "y" * 200)) for one in cut} == {200}


def test_the_inbox_is_searched_by_titles_messages_and_shown_content(people: People) -> None:
    lines = [{"supplier": "M\u00fcller & Sons", "eur": 1840.5}]
    shown = people.start({**asking("searched", show=[{"value": lines}]), "title": "Invoice"})
    said = people.start(asking("searched-too", message="Pay the carpenter?"))
    for text, found in (
        ("muller SON", [shown]), ("1840", [shown]), ("carpent", [said]), ("invoice pay", [shown]), ("pay", [said, shown]),
        ("muller carpenter", []), ("uller", []), ("&", []),
    ):  # fmt: skip
        assert [one for one in inbox(people.owner, text=text) if one in (shown, said)] == found, (
            text
        )
