"""The step type and the tool, first by themselves, then in whole runs."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from parcels.ship_parcels import ShipParcels, ShipParcelsSettings

from steps import GoesOn, InvalidAnswer, StepInput
from steps.definition import InvalidDefinition, compile_definition
from steps.registry import Registry

HERE = Path(__file__).parent
WORKFLOW = json.loads((HERE.parent / "workflow.json").read_text())
STEPWELL = Path(sys.executable).with_name("stepwell")
PARCELS = [{"address": "Oslo", "grams": 900}, {"address": "Rome", "grams": 1_200}]

Carrier: Any = runpy.run_path(str(HERE / "carrier.py"))["Carrier"]


def test_the_workflow_compiles_with_the_installed_package() -> None:
    registry = Registry.standard()
    assert "ship-parcels" in registry.types
    assert compile_definition(WORKFLOW, registry).name == "Ship an order"


def test_what_no_run_could_mend_is_found_at_the_save() -> None:
    step = {"id": "ship", "type": "ship-parcels", "parcels": 7, "mesage": "x"}
    document = {"name": "Bad", "initialStep": "ship", "steps": [step]}
    with pytest.raises(InvalidDefinition) as invalid:
        compile_definition(document, Registry.standard())
    paths = {problem.path for problem in invalid.value.problems}
    assert "steps[0].mesage" in paths


SIGNAL: Any = {"bookings": [{"tracking": "Oslo-1"}, {"tracking": "Rome-2"}], "question": 1}
SIGNED: Any = {"answeredBy": "ada", "answeredAt": "2026-01-31T12:00:00Z"}


def accept(**answer: Any) -> Any:
    settings = ShipParcelsSettings.model_validate({"parcels": []})
    step = StepInput("run-1", "ship", 1, 1, "run-1:ship:1", {"data": {}})
    return ShipParcels().accept(settings, step, SIGNAL, {**SIGNED, **answer})


def test_an_answer_is_the_output_or_a_record() -> None:
    assert accept(actionValue="handed-over")["handedOverBy"] == "ada"
    lost = accept(actionValue="lost-label", data={"index": 1})
    assert lost == GoesOn("lost-1", {"index": 1})


@pytest.mark.parametrize(
    "answer",
    [{}, {"actionValue": "eaten"}, {"actionValue": "lost-label", "data": {"index": 2}}],
)
def test_an_answer_that_does_not_fit_is_refused(answer: Any) -> None:
    with pytest.raises(InvalidAnswer):
        accept(**answer)


def run(address: str, *answers: Any, parcels: Any = PARCELS) -> Any:
    """Run the workflow on a journal of its own, as a process."""
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


def test_a_carrier_that_is_busy_is_asked_again_with_the_same_key() -> None:
    with Carrier() as running:
        running.refuse = 1
        document = run(running.address, OVER)
    assert document["status"] == "completed"
    assert sorted(running.requests.values()) == [1, 1, 2]


def test_without_a_carrier_the_step_says_what_to_set() -> None:
    assert run("")["error"]["type"] == "CarrierNotConfigured"
    assert run("http://127.0.0.1:9", parcels=[{}])["error"]["type"] == "InvalidToolInput"
