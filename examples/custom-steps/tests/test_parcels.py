"""The step type and the tool, first alone, then in whole runs."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from parcels.book_parcel import book_parcel
from parcels.ship_parcels import ShipParcels

from steps import InvalidAnswer, InvalidDefinition, Json, Pauses, StepBroke
from steps.definition import compile_definition
from steps.registry import Registry
from steps.testing import FakeEffects, StepTrial, call_tool

HERE = Path(__file__).parent
WORKFLOW = json.loads((HERE.parent / "workflow.json").read_text())
STEPWELL = Path(sys.executable).with_name("stepwell")
PARCELS = [{"address": "Oslo", "grams": 900}, {"address": "Rome", "grams": 1_200}]

Carrier: Any = runpy.run_path(str(HERE / "carrier.py"))["Carrier"]


def test_the_workflow_compiles_with_the_installed_package() -> None:
    registry = Registry.standard()
    assert "ship-parcels" in registry.types
    assert compile_definition(WORKFLOW, registry).name == "Ship an order"


def test_invalid_settings_are_found_when_the_workflow_is_saved() -> None:
    step: Json = {"id": "ship", "type": "ship-parcels", "parcels": 7, "mesage": "x"}
    document: Json = {"name": "Bad", "initialStep": "ship", "steps": [step]}
    with pytest.raises(InvalidDefinition) as invalid:
        compile_definition(document, Registry.standard())
    paths = {problem.path for problem in invalid.value.problems}
    assert "steps[0].mesage" in paths


def trial(effects: FakeEffects) -> StepTrial:
    return StepTrial(
        ShipParcels(), {"parcels": "{{ data.parcels }}"}, effects, data={"parcels": PARCELS}
    )


def booked(parcel: Any) -> Any:
    """Stand in for the tool."""
    return {"tracking": f"{parcel['address']}-1"}


async def test_a_booking_is_never_repeated() -> None:
    effects = FakeEffects(tool_results={"book-parcel": booked})
    for _ in range(2):
        await trial(effects).execute()
    assert [use.arguments["address"] for use in effects.tool_uses] == ["Oslo", "Rome"]


async def test_an_unavailable_carrier_fails_the_attempt_and_keeps_bookings() -> None:
    away = StepBroke("CarrierAway", "no answer")
    effects = FakeEffects(
        records={"parcel-0": {"tracking": "Oslo-1"}}, tool_results={"book-parcel": away}
    )
    with pytest.raises(StepBroke, match="no answer"):
        await trial(effects).execute()
    assert [use.call for use in effects.tool_uses] == ["parcel-1"]


async def test_an_answer_books_a_lost_parcel_again_or_is_the_output() -> None:
    effects = FakeEffects(tool_results={"book-parcel": booked})
    step = trial(effects)
    await step.execute()
    asked = await step.answer({"actionValue": "lost-label", "data": {"index": 1}})
    assert isinstance(asked, Pauses)
    assert effects.tool_uses[-1].call == "parcel-1-again-1"
    await step.answer({"actionValue": "handed-over"}, by="ada")
    assert step.output["handedOverBy"] == "ada"


@pytest.mark.parametrize(
    "answer",
    [{}, {"actionValue": "eaten"}, {"actionValue": "lost-label", "data": {"index": 2}}],
)
async def test_an_invalid_answer_is_refused(answer: Any) -> None:
    step = trial(FakeEffects(tool_results={"book-parcel": booked}))
    await step.execute()
    with pytest.raises(InvalidAnswer):
        await step.answer(answer)


async def test_the_tool_sends_its_idempotency_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with Carrier() as running:
        monkeypatch.setenv("CARRIER_URL", running.address)
        assert await call_tool(book_parcel, PARCELS[0]) == {"tracking": "Oslo-1"}
    assert list(running.requests) == [FakeEffects().step.idempotency_key]


def run(address: str, *answers: Any, parcels: Any = PARCELS) -> Any:
    """Run the workflow on its own journal, in a process."""
    given = ["--data-json", json.dumps({"order": "A1", "parcels": parcels})]
    for answer in answers:
        given += ["--answer-json", json.dumps({"type": "request_user_action", **answer})]
    command = [str(STEPWELL), "run", str(HERE.parent / "workflow.json"), *given]
    environment = {**os.environ, "CARRIER_URL": address}
    shown = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert shown.stdout, shown.stderr
    return json.loads(shown.stdout)


LOST = {"actionValue": "lost-label", "data": {"index": 0}}
OVER = {"actionValue": "handed-over"}


def test_parcels_are_booked_once_and_a_lost_one_again() -> None:
    with Carrier() as running:
        document = run(running.address, LOST, OVER)
    assert document["result"] == {"tracking": ["Oslo-3", "Rome-2"], "receipt": "Archive-4"}
    assert set(running.requests.values()) == {1}


def test_a_busy_carrier_gets_the_same_key_again() -> None:
    with Carrier() as running:
        running.refuse = 1
        document = run(running.address, OVER)
    assert document["status"] == "completed"
    assert sorted(running.requests.values()) == [1, 1, 2]


def test_without_a_carrier_the_error_names_the_setting() -> None:
    assert run("")["error"]["type"] == "CarrierNotConfigured"
    assert (
        run("http://127.0.0.1:9", parcels=[{**PARCELS[0], "colour": "red"}])["error"]["type"]
        == "InvalidToolInput"
    )
