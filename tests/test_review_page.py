"""The review page in a real browser: Chromium, driven by keys.

Skipped where Playwright or Chromium is missing, unless NLP_DEID_BROWSER says that it must be there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from review_samples import NOTES, SMILE, write_notes

from nlp_deid.corpus import formats

pytest.importorskip("fastapi")
pytest.importorskip("axe_playwright_python")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "NLP_DEID_BROWSER" not in os.environ, reason="there is no Chromium"
)
PATIENCE = 60_000  # milliseconds; a busy machine is slow to start a browser
RULES = {
    "rules": [
        {
            "id": f"test.{label.lower()}",
            "why": "invented words of the tests",
            "label": label,
            "score": score,
            "pattern": pattern,
            "match": [f"x [[{example}]]"],
            "no_match": ["zz"],
        }
        for label, score, pattern, example in (
            ("PATIENT", 0.95, r"\bZq\w+", "Zqada"),
            ("DOCTOR", 0.91, r"\bZqb\w+", "Zqbo"),
            ("DATE", 0.9, r"\d+/\d+/\d+", "3/4/2019"),
            ("MEDICALRECORD", 0.95, r"\b\d{8}\b", "00481772"),
        )
    ]
}
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Without a sandbox only because tests may run as root; the pages are our own.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipeline" / "rules").mkdir(parents=True)
    (tmp_path / "pipeline" / "rules" / "test.yaml").write_text(json.dumps(RULES))
    config = {
        "detectors": [{"use": "rules", "folders": [str(tmp_path / "pipeline" / "rules")], "shipped": False}],
        "policy": "tag",
    }
    (tmp_path / "pipeline" / "config.yaml").write_text(json.dumps(config))
    return write_notes(tmp_path / "notes")


@pytest.fixture
def large(folder: Path) -> Path:
    """A note of ten megabytes in the folder, before the page starts."""
    file = folder / "large.txt"
    lines = (f"line {number} of a note that goes on and on, seen by nobody\n" for number in range(180_000))
    file.write_text("Zqada on 3/4/2019\n" + "".join(lines) + "Zqbo\n")
    assert file.stat().st_size > 10_000_000
    return file


@pytest.fixture
def addresses(folder: Path) -> Iterator[dict[str, str]]:
    """Each reviewer's address of a running page."""
    command = [sys.executable, str(Path(__file__).with_name("review_server.py")), str(folder)]
    command += [str(folder.parent / "pipeline"), "ann", "ben"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        yield dict(server.stdout.readline().strip().split(": ", 1) for _ in range(2))
        server.terminate()
        rest = server.stdout.read() + server.stderr.read()
    assert not any(word in rest for word in ("Zq", "00481772", "Traceback")), "nothing is logged"


@pytest.fixture
def visit(chromium: Browser, addresses: dict[str, str]) -> Iterator[Any]:
    """Opens a reviewer's page in a browser of its own; a script error or a breach of the CSP fails the test."""
    contexts, faults = [], list[str]()

    def go(name: str, **options: Any) -> Page:
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append("a dialog opened"))
        page.on("console", lambda m: "Content Security" in m.text and faults.append(m.text))
        page.goto(addresses[name])
        expect(page.locator("#status")).to_contain_text("is open")
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []


def open_note(page: Page, name: str) -> None:
    page.locator("#list button span", has_text=re.compile(rf"^{name}$")).click()
    expect(page.locator("#note-title")).to_have_text(re.compile(rf"{name}$"))
    expect(page.locator("#before")).to_be_focused()


def press(page: Page, keys: str, version: int) -> None:
    """Keys, and the version that their act must be saved as."""
    for key in keys.split():
        page.keyboard.press(key)
    expect(page.locator("#note-state")).to_contain_text(f"version {version}")


def marks(page: Page) -> list[str]:
    return page.locator("#before mark").evaluate_all(
        "all => all.map(m => `${m.textContent}|${m.dataset.tag}`)"
    )


def test_a_note_is_reviewed_by_keys_alone(visit: Any, folder: Path) -> None:
    page = visit("ann")
    open_note(page, "a")
    assert marks(page) == ["Zqada|PATIENT ?", "3/4/2019|DATE ?", "Zqbo|PATIENT ?"]
    expect(page.locator("#after")).to_contain_text("Seen by [PATIENT] on [DATE].")
    press(page, "ArrowRight a", 1)
    expect(page.locator("#before mark.selected")).to_have_text("3/4/2019")
    press(page, "x", 2)
    assert marks(page) == ["Zqada|PATIENT ✓", "3/4/2019|DATE ✗", "Zqbo|PATIENT ?"]
    expect(page.locator("#after")).to_contain_text("Seen by [PATIENT] on 3/4/2019.")

    page.keyboard.press("n")
    expect(page.locator("#before mark.selected")).to_have_text("Zqbo")
    expect(page.locator("#why tbody tr")).to_have_count(2)
    expect(page.locator("#why")).to_contain_text("test.doctor")
    press(page, "1", 3)
    assert marks(page)[2] == "Zqbo|DOCTOR ✓", "the claim that had lost was taken"

    page.keyboard.press("s")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#status")).to_contain_text("Selected: came later")
    page.keyboard.press("Enter")
    page.keyboard.type("prof")
    press(page, "Enter", 4)
    assert marks(page)[-1] == "came later|PROFESSION ✓"
    press(page, "u", 5)
    assert len(marks(page)) == 3
    press(page, "r", 6)
    press(page, "u", 7)

    page.reload()
    expect(page.locator("#note-state")).to_contain_text("0 undecided, saved as version 7")
    assert marks(page) == ["Zqada|PATIENT ✓", "3/4/2019|DATE ✗", "Zqbo|DOCTOR ✓"]
    page.keyboard.press("d")
    expect(page.locator("#progress-text")).to_have_text("1 of 3")
    expect(page.locator("#note-title")).not_to_have_text("a")

    page.locator("#to-export").click()
    page.locator("#export-format").select_option("i2b2")
    page.locator("#export-go").click()
    expect(page.locator("#export-result")).to_contain_text("1 notes written to")
    [note] = formats.read(folder / ".nlp-deid-review" / "exports" / "ann-i2b2")
    assert note.text == NOTES["a"]
    assert [(note.text[s.start : s.end], s.label) for s in note.spans] == [
        ("Zqada", "PATIENT"),
        ("Zqbo", "DOCTOR"),
    ]


def test_markup_stays_text_and_places_are_true_behind_wide_characters(visit: Any, folder: Path) -> None:
    page = visit("ann")
    open_note(page, "b")
    assert page.locator("#before").evaluate("box => box.textContent") == NOTES["b"]
    assert page.locator("#before script, #before b").count() == 0
    assert marks(page) == ["Zqada|PATIENT ?", "00481772|MEDICALRECORD ?"]
    expect(page.locator("#after")).to_contain_text(f"<script>alert('x')</script> {SMILE}{SMILE} [PATIENT]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("s")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#status")).to_contain_text("Selected: called")
    page.keyboard.press("l")
    page.keyboard.type("OTHER")
    press(page, "Enter", 1)
    saved = json.loads(next((folder / ".nlp-deid-review").rglob("*.json")).read_text())
    start, end, label, state, _ = saved["marks"][1]
    assert (NOTES["b"][start:end], label, state) == ("called", "OTHER", "accepted")


def test_a_selection_by_mouse_is_marked(visit: Any) -> None:
    page = visit("ann")
    open_note(page, "c")
    page.locator("#before").evaluate(
        "box => getSelection().setBaseAndExtent(box.firstChild.firstChild, 8, box.firstChild.firstChild, 11)"
    )
    page.get_by_role("button", name="Label…").click()
    page.locator("#chooser-list li", has_text="ORGANIZATION").click()
    expect(page.locator("#note-state")).to_contain_text("version 1")
    assert marks(page) == ["is|ORGANIZATION ✓"], "blanks at the ends are left out"


def test_two_windows_on_one_note_lose_nothing(visit: Any) -> None:
    one, other = visit("ann"), visit("ann")
    open_note(one, "a")
    open_note(other, "a")
    press(one, "ArrowRight x", 1)
    other.keyboard.press("ArrowLeft")
    other.keyboard.press("x")
    expect(other.locator("#alert")).to_contain_text("changed in another window")
    assert marks(other)[2] == "Zqbo|PATIENT ?"
    other.get_by_role("button", name="Show the newest and do it again").click()
    expect(other.locator("#note-state")).to_contain_text("version 2")
    assert marks(other) == ["Zqada|PATIENT ✗", "3/4/2019|DATE ?", "Zqbo|PATIENT ✗"]


def test_an_act_is_saved_to_its_note_though_another_is_opened_at_once(visit: Any, folder: Path) -> None:
    page = visit("ann")
    open_note(page, "a")
    page.keyboard.press("ArrowRight")
    page.route("**/api/notes/*book=mine", slowly)
    page.keyboard.press("x")
    page.keyboard.press("x")
    page.locator("#list button span", has_text=re.compile("^b$")).click()
    expect(page.locator("#note-title")).to_have_text("b")
    page.unroute_all(behavior="wait")
    expect(page.locator("#list button", has_text="started")).to_have_count(1)
    open_note(page, "a")
    expect(page.locator("#note-state")).to_contain_text("2 undecided")
    expect(page.locator("#alert")).to_be_hidden()
    assert len(list((folder / ".nlp-deid-review").rglob("*.json"))) == 1


def slowly(route: Route) -> None:
    """Acts take half a second; whatever else is asked goes on at once."""
    if route.request.method == "POST":
        time.sleep(0.5)
    route.continue_()


def test_a_note_edited_under_the_page_is_said_and_not_saved(visit: Any, folder: Path) -> None:
    page = visit("ann")
    open_note(page, "a")
    (folder / "a.txt").write_text("Another text.")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.locator("#alert")).to_contain_text("its file was changed or removed")
    assert not list((folder / ".nlp-deid-review").rglob("*.json"))


def test_two_people_agree_or_not_and_adjudicate(visit: Any, folder: Path) -> None:
    ann, ben = visit("ann"), visit("ben")
    open_note(ann, "a")
    press(ann, "A", 1)
    ann.keyboard.press("d")
    expect(ann.locator("#progress-text")).to_have_text("1 of 3")
    open_note(ben, "a")
    press(ben, "ArrowRight x", 1)
    press(ben, "A", 2)
    ben.keyboard.press("d")
    expect(ben.locator("#progress-text")).to_have_text("1 of 3")

    ben.locator("#to-agreement").click()
    expect(ben.locator("#agreement-view")).to_contain_text("ann and ben")
    cells = ben.locator("#agreement-view table").first.locator("tbody td").all_inner_texts()
    assert cells[1] == "1"
    assert cells[5:] == ["0.800", "0.800"], "two of three and two spans"
    ben.get_by_role("button", name="Begin the adjudication of a").click()
    expect(ben.locator("#note-title")).to_have_text("Adjudication: a")
    assert marks(ben) == ["Zqada|PATIENT ?", "3/4/2019|DATE ✓", "Zqbo|PATIENT ✓"]
    ben.keyboard.press("n")
    expect(ben.locator("#why tbody")).to_contain_text("ann")
    press(ben, "a", 2)
    ben.keyboard.press("d")
    expect(ben.locator("#note-state")).to_have_text("done")
    ben.locator("#to-export").click()
    ben.locator("#export-book").select_option("gold")
    ben.locator("#export-go").click()
    expect(ben.locator("#export-result")).to_contain_text("1 notes written to")
    [note] = formats.read(folder / ".nlp-deid-review" / "exports" / "adjudicated-jsonl.jsonl")
    assert len(note.spans) == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(visit: Any, scheme: str) -> None:
    """No serious finding of axe-core in any view, light and dark."""
    page = visit("ann", color_scheme=scheme, bypass_csp=True)
    open_note(page, "a")
    press(page, "ArrowRight x", 1)
    page.keyboard.press("ArrowRight")
    found = {"note": serious(page)}
    page.keyboard.press("l")
    found["chooser"] = serious(page)
    page.keyboard.press("Escape")
    page.locator("#before").press("?")
    found["keys"] = serious(page)
    page.keyboard.press("Escape")
    page.locator("#to-export").click()
    found["export"] = serious(page)
    page.keyboard.press("Escape")
    page.locator("#to-agreement").click()
    expect(page.locator("#agreement-view p")).to_be_visible()
    found["agreement"] = serious(page)
    assert not any(found.values()), found


def serious(page: Page) -> list[str]:
    findings = Axe().run(page).response["violations"]
    return [
        f"{found['id']}: {found['nodes'][0]['target']}"
        for found in findings
        if found["impact"] in ("serious", "critical")
    ]


def test_a_note_of_ten_megabytes_is_opened_and_marked(large: Path, visit: Any) -> None:
    page = visit("ann")
    open_note(page, "large")
    press(page, "ArrowRight x", 1)
    assert page.locator("#before").evaluate("box => box.textContent.length") == large.stat().st_size
    assert marks(page) == ["Zqada|PATIENT ✗", "3/4/2019|DATE ?", "Zqbo|PATIENT ?"]
    press(page, "a", 2)
    expect(page.locator("#before mark.selected")).to_have_text("Zqbo")
    expect(page.locator("#after > div").first).to_contain_text("Zqada on [DATE]")
    expect(page.locator("#before mark.selected")).to_be_in_viewport()
    expect(page.locator("#after mark.selected")).to_be_in_viewport()
    page.keyboard.press("s")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#status")).to_contain_text("Selected: nobody")
