"""Size: pages are small, and pictures stay readable with many steps."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from app.web.console.diagram.graph import StepState, draw
from app.web.console.rendering import STATIC, STATIC_VERSION
from tests.console.pages import pages
from tests.console.scene import Scene
from tests.console.test_access import sign_in
from tests.harness.server import Server

SVG = "{http://www.w3.org/2000/svg}"


def a_large_one(count: int) -> dict[str, Any]:
    """Return a definition with branches, loops and every kind of edge."""
    steps = [
        {"id": f"step-{n}", "name": f"Step number {n}", "type": "call-tool"} for n in range(count)
    ]
    edges = [{"from": f"step-{n}", "to": f"step-{n + 1}"} for n in range(count - 1)]
    edges += [
        {"from": f"step-{n}", "to": f"step-{n + 3}", "condition": f"data.x > {n}"}
        for n in range(0, count - 3, 4)
    ]
    edges += [
        {"from": f"step-{n}", "to": f"step-{n - 5}", "condition": "data.again"}
        for n in range(9, count, 10)
    ]
    edges += [
        {"from": f"step-{n}", "to": f"step-{count - 1}", "on": "error"}
        for n in range(0, count - 1, 7)
    ]
    edges += [{"from": "step-4", "to": "step-4", "condition": "data.once_more"}]
    return {"initialStep": "step-0", "steps": steps, "edges": edges}


def boxes(svg: str) -> dict[str, tuple[float, float, float, float]]:
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if "data-step" in group.attrib:
            x, y = map(float, group.attrib["transform"][10:-1].split())
            rect = group.find(f"{SVG}rect")
            assert rect is not None
            found[group.attrib["data-step"]] = (
                x,
                y,
                float(rect.attrib["width"]),
                float(rect.attrib["height"]),
            )
    return found


@pytest.mark.parametrize("count", [1, 2, 5, 50, 100])
def test_no_two_steps_of_a_picture_overlap(count: int) -> None:
    document = (
        a_large_one(count)
        if count > 4
        else {**a_large_one(5), "steps": a_large_one(count)["steps"]}
    )
    svg = draw(document)
    places = list(boxes(svg).values())
    assert len(places) == count
    for index, (x, y, width, height) in enumerate(places):
        for other in places[index + 1 :]:
            apart = (
                x + width <= other[0]
                or other[0] + other[2] <= x
                or y + height <= other[1]
                or other[1] + other[3] <= y
            )
            assert apart
    whole = ET.fromstring(svg)
    assert all(x >= 0 and x + width <= float(whole.attrib["width"]) for x, _, width, _ in places)


def test_a_chain_with_shortcuts_is_drawn_in_one_column() -> None:
    steps = [{"id": f"s{n}", "type": "set"} for n in range(60)]
    edges = [{"from": f"s{n}", "to": f"s{n + 1}"} for n in range(59)]
    edges += [{"from": f"s{n}", "to": f"s{n + 3}", "condition": "data.x"} for n in range(0, 56, 4)]
    places = boxes(draw({"initialStep": "s0", "steps": steps, "edges": edges})).values()
    left = [x for x, _, _, _ in places]
    assert max(left) - min(left) < 1, "no staircase"


def test_a_picture_shows_each_edge_and_each_state() -> None:
    document = a_large_one(12)
    svg = draw(document, {"step-0": StepState("completed", 3), "step-1": StepState("failed", 1)})
    whole = ET.fromstring(svg)
    edges = [item for item in whole.iter(f"{SVG}path") if "edge" in item.attrib.get("class", "")]
    assert len(edges) == len(document["edges"])
    labels = {
        item.attrib["data-step"]: item.attrib["aria-label"]
        for item in whole.iter(f"{SVG}g")
        if "data-step" in item.attrib
    }
    assert labels["step-0"] == "Step number 0, call-tool, completed, 3 times"
    assert labels["step-1"] == "Step number 1, call-tool, failed"


@pytest.mark.parametrize("document", [{}, {"steps": 3}, {"steps": [1, {"id": 4}], "edges": [None, {"from": [], "to": {}}]},
                                      {"steps": [{"id": "a"}], "edges": [{"from": "a", "to": "a", "on": 7}], "initialStep": []}])  # fmt: skip
def test_a_picture_of_a_malformed_document_does_not_fail(document: dict[str, Any]) -> None:
    svg = draw(document)
    assert svg == "" or ET.fromstring(svg).tag == f"{SVG}svg"


@pytest.mark.data_folder
def test_every_page_is_small_on_its_first_load(console: Server, scene: Scene) -> None:
    """Measure the bytes of a page with its assets, also for runs of a thousand steps."""
    steps: list[dict[str, Any]] = [{"id": f"s{n}", "type": "set", "name": f"Step number {n}", "values": {"n": n}} for n in range(999)]  # fmt: skip
    steps.append({"id": "s999", "type": "end-flow"})
    edges = [{"from": f"s{n}", "to": f"s{n + 1}"} for n in range(999)]
    with console.client() as client:
        client.post("/api/workflows", json={"id": "thousand", "name": "A thousand", "initialStep": "s0", "steps": steps, "edges": edges})  # fmt: skip
        long = client.post("/api/workflow/start/thousand", json={"data": {}}).json()["runId"]
    sizes = {}
    with httpx.Client(base_url=console.address, timeout=60) as browser:
        sign_in(browser, "acme", console.key("owner"))

        def loaded(path: str) -> int:
            answer = browser.get(path)
            assert answer.status_code == (404 if path == "/nothing" else 200), path
            return answer.num_bytes_downloaded

        shared = sum(loaded(f"/static/{STATIC_VERSION}/{name}") for name in STATIC)
        thousand = (f"/runs/{long}", f"/runs/{long}?part=3")
        for path in (*pages(scene), *thousand, "/workflows/thousand", "/workflows/thousand?part=7"):
            sizes[path] = shared + loaded(path)
    print(json.dumps({"shared": shared, "largest": max(sizes.values())}))
    assert {path: size for path, size in sizes.items() if size > 150_000} == {}
