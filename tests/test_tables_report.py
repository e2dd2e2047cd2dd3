"""tables/report.py: one page that stands alone, no record and no rare value on it, every value escaped."""

import json
from html.parser import HTMLParser

import pytest

pl = pytest.importorskip("polars")

from nlp_deid.tables.frames import TableError  # noqa: E402
from nlp_deid.tables.loss import compare  # noqa: E402
from nlp_deid.tables.models import KAnonymity, RecursiveCLDiversity  # noqa: E402
from nlp_deid.tables.report import jsonable, report  # noqa: E402
from nlp_deid.tables.risk import risk  # noqa: E402
from nlp_deid.tables.table import Table  # noqa: E402

EVIL = "<script>alert('x')</script>&\"{style}"
BEFORE = pl.DataFrame(
    {
        "age": ["30"] * 6 + ["31"] * 5 + ["99"],
        "town": [EVIL] * 6 + ["Bern"] * 5 + ["Hapax"],
        "ill": ["flu", "gout"] * 6,
    }
)
AFTER = BEFORE.with_columns(
    age=pl.lit("*"), town=pl.when(pl.col("town") == "Hapax").then(pl.lit("Bern")).otherwise("town")
)


class Page(HTMLParser):
    VOID = ("meta", "rect", "link", "img", "br")

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def made():
    quasi = ["age", "town"]
    before, after = Table(BEFORE, quasi), Table(AFTER, quasi)
    checks = [model.check(AFTER, quasi) for model in (KAnonymity(5), RecursiveCLDiversity(1, 3, "ill"))]
    loss = compare(BEFORE, AFTER, quasi, {})
    return report(
        before, after, checks, risk(before, population_size=100), risk(after, population_size=100), loss
    )


def read(html):
    page = Page()
    page.feed(html)
    page.close()
    assert not page.open
    return page


def test_the_page_is_well_formed_and_asks_for_nothing(made):
    page = read(made.html())
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not {"src", "href", "srcset", "action"} & {name for name, _ in page.attributes}
    assert "url(" not in made.html()
    assert "http-equiv" in {name for name, _ in page.attributes}


def test_values_are_escaped(made):
    html = made.html()
    assert EVIL not in html
    assert "&lt;script&gt;" in html
    assert EVIL in read(html).texts


def test_rare_values_of_the_original_are_not_named(made):
    assert "Hapax" not in made.html() + json.dumps(made.to_dict())
    assert '"99"' not in json.dumps(made.distributions)
    assert made.distributions["age"] == ((("30", 6), ("31", 5), ("others (1)", 1)), (("*", 12),))
    assert made.distributions["town"][1] == ((EVIL, 6), ("Bern", 6))


def test_figures_stand_on_the_page(made):
    text = " ".join(read(made.html()).texts)
    assert "KAnonymity(k=5)" in text
    assert "does not hold" in text
    assert f"{made.loss.gcp:.4g}" in text
    assert "8.33%" in text  # one sample unique of twelve


def test_class_sizes_add_up_to_the_records(made):
    page = read(made.html())
    at = page.texts.index("Class sizes")
    assert "5-9" in page.texts[at:]
    assert sum(size * classes for size, classes in made.before.class_sizes) == 12


def test_json_is_strict_and_complete(made, tmp_path):
    made.write(tmp_path / "r.json")
    plain = json.loads((tmp_path / "r.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert plain["checks"][1]["worst"] is None  # an infinite figure
    assert plain["loss"]["ncp"]["age"] == 1
    assert plain["before"]["prosecutor"]["above"].keys() == {"0.2", "0.09", "0.05"}


def test_endings(made, tmp_path):
    made.write(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == made.html()
    with pytest.raises(TableError, match="html or"):
        made.write(tmp_path / "r.pdf")


def test_without_an_original_loss_and_with_everything_suppressed():
    starred = BEFORE.with_columns(age=pl.lit("*"), town=pl.lit("*"))
    before, after = (Table(frame, ["age", "town"]) for frame in (BEFORE, starred))
    made = report(before, after, [], risk(before), risk(after))
    assert "no original" in made.html()
    assert made.after.suppressed == 12
    assert jsonable({"x": (float("nan"), 1)}) == {"x": [None, 1]}
