"""Losses, times and memory of the set-valued anonymizers on diagnosis codes and on shopping baskets.

    python benchmarks/transactions.py --data TABLES

TABLES holds synthea/conditions_transactions.txt and synthea/conditions.csv, and transactions/groceries.csv.
Each line: what was asked, NCP, share of occurrences suppressed, items that stay, frequent sets (of up to
three items, in 5 % of the records) and rules (confidence .5) that survive, CPU seconds, and the NCP of cutting
off rare items until the model holds. Every result is checked by its own model before it is printed.
The hierarchies are neutral: items sorted by name (codes by their description) in groups of five, three times,
as in the experiments of the papers, or the first digits of the codes.
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import polars as pl

from nlp_deid.tables.basket_files import BasketForm, read_baskets
from nlp_deid.tables.baskets import Baskets
from nlp_deid.tables.diversity import KAnonymity
from nlp_deid.tables.hierarchy import Hierarchy
from nlp_deid.tables.item_hierarchy import ItemHierarchy
from nlp_deid.tables.item_suppression import by_frequency, suppress
from nlp_deid.tables.local import LocalRecoding
from nlp_deid.tables.relational_sets import anonymize_joint
from nlp_deid.tables.setvalued import HKPCoherence, KMAnonymity, RhoUncertainty, SetModel
from nlp_deid.tables.transactions import Published, anonymize

# Stigma or danger: intimate partner abuse, overdose, miscarriage, tubal pregnancy, alcohol, drug and opioid
# misuse, panic, criminal record, homelessness, Alzheimer's disease, attention deficit disorder.
SENSITIVE = frozenset(
    (
        "706893006",
        "55680006",
        "19169002",
        "79586000",
        "10939881000119104",
        "361055000",
        "5602001",
        "80583007",
        "266948004",
        "32911000",
        "26929004",
        "192127007",
    )
)
FAN_OUT = 5
Records = list[list[str]]


def fan_out(names: Sequence[tuple[str, str]]) -> ItemHierarchy:
    """Items with names: sorted by name, in groups of five, of 25 and of 125."""
    ranked = [item for _, item in sorted((name, item) for item, name in names)]
    sizes = [FAN_OUT**level for level in (1, 2, 3)]
    return ItemHierarchy.from_paths(
        (item, *(f"group{size}-{at // size}" for size in sizes)) for at, item in enumerate(ranked)
    )


def timed(call: Callable[[], Published]) -> tuple[Published, float]:
    start = time.process_time()
    return call(), time.process_time() - start


def line(title: str, call: Callable[[], Published], frequency: float | None = None) -> Published:
    """Run and print one line."""
    result, seconds = timed(call)
    assert all(result.checks)
    loss = result.loss
    plain = "" if frequency is None else f"  rare items cut off {frequency:.4f}"
    print(
        f"{title:<50} NCP {loss.ncp:.4f}  suppressed {loss.suppressed / loss.occurrences:.4f}  "
        f"items {len(result.mapping) - len(loss.suppressed_items)}/{len(result.mapping)}  "
        f"sets {loss.itemsets_kept}/{loss.itemsets}  rules {loss.rules_kept}/{loss.rules}  "
        f"{seconds:.1f} s{plain}"
    )
    return result


def suppressed(title: str, records: Records, model: SetModel, prefer: frozenset[str] = frozenset()) -> None:
    """Global suppression, beside the cut by frequency."""
    baskets = Baskets.of(records)
    kept = baskets.kept(by_frequency(baskets, [model])).occurrences
    result = line(
        f"{title} {model}",
        lambda: anonymize(records, model, prefer=prefer),
        1 - kept / baskets.occurrences,
    )
    if isinstance(model, RhoUncertainty) and model.sensitive:
        left = [item for item in model.sensitive if result.mapping.get(item)]
        print(f"    sensitive items that stay: {len(left)} of {len(model.sensitive)}")


def required(codes: Records, baskets: Records, names: ItemHierarchy, shop: ItemHierarchy) -> None:
    """What the targets are about."""
    digits = ItemHierarchy.from_prefixes(names.leaves["*"], [4, 3, 2, 1])
    for m in (2, 3):
        model = KMAnonymity(5, m)
        suppressed("codes suppress", codes, model)
        for kind, tree in (("names", names), ("digits", digits)):
            for how in ("recode", "mixed"):
                title = f"codes {how} by {kind} k=5 m={m}"
                line(title, lambda t=tree, x=model, how=how: anonymize(codes, x, how, t))
    for rho in (0.3, 0.5):
        model_rho = RhoUncertainty(rho, SENSITIVE)
        suppressed("codes suppress", codes, model_rho)
        suppressed("codes suppress, sensitive last:", codes, model_rho, SENSITIVE)
        tree = line(
            f"codes TDControl, sensitive kept, rho={rho}",
            lambda x=model_rho: anonymize(codes, x, "recode", names, prefer=SENSITIVE),
        )
        print(f"    sensitive items that stay: {sum(bool(tree.mapping.get(i)) for i in SENSITIVE)} of 12")
        suppressed("codes suppress", codes, RhoUncertainty(rho))
    suppressed("codes suppress", codes, HKPCoherence(0.5, 5, 2, SENSITIVE))
    suppressed("groceries suppress", baskets, KMAnonymity(10, 2))
    for how in ("recode", "mixed"):
        line(f"groceries {how} k=10 m=2", lambda h=how: anonymize(baskets, KMAnonymity(10, 2), h, shop))
    suppressed("groceries suppress", baskets, RhoUncertainty(0.5))


def joint(data: Path) -> None:
    """Demographics and codes of one table."""
    people = pl.read_csv(data / "synthea/patients.csv", infer_schema=False)
    codes = pl.read_csv(data / "synthea/conditions.csv", infer_schema=False)
    codes = codes.group_by("PATIENT").agg(pl.col("CODE").unique().sort().alias("codes"))
    table = people.join(codes, left_on="Id", right_on="PATIENT").select(
        pl.col("BIRTHDATE").str.slice(0, 4).alias("born"), "GENDER", "RACE", "codes"
    )
    born = Hierarchy([(y, f"{y[:3]}0s", "*") for y in sorted(set(table["born"]))], "born")
    flat = {c: Hierarchy([(v, "*") for v in sorted(set(table[c]))], c) for c in ("GENDER", "RACE")}
    print(f"\ndemographics and codes, {table.height} rows, k = 5, m = 2, by suppression:")
    for inside in (False, True):
        recoding = LocalRecoding(KAnonymity(5), {"born": born, **flat})
        start = time.process_time()
        result = anonymize_joint(table, "codes", recoding, KMAnonymity(5, 2), within_classes=inside)
        seconds = time.process_time() - start
        lost = (result.items.loss.suppressed + result.suppressed_in_classes) / result.items.loss.occurrences
        print(
            f"    within classes {inside!s:<5}  GCP {result.relational.loss.gcp:.4f}  "
            f"classes {result.relational.classes}  codes suppressed {lost:.4f}  {seconds:.1f} s"
        )


def shapes(codes: Records, names: ItemHierarchy) -> None:
    """How losses move with the parameters, to set beside the papers' curves."""
    print("\nNCP of recoding over k (m = 2), over m (k = 5):")
    _row("k", (2, 5, 10, 20, 50), lambda k: anonymize(codes, KMAnonymity(k, 2), "recode", names))
    _row("m", (1, 2, 3, 4), lambda m: anonymize(codes, KMAnonymity(5, m), "recode", names))
    print("NCP of rho-uncertainty, sensitive last, by suppression and by TDControl:")
    rhos = (0.2, 0.3, 0.5, 0.7, 0.9)
    _row("rho", rhos, lambda rho: anonymize(codes, RhoUncertainty(rho, SENSITIVE), prefer=SENSITIVE))
    _row(
        "rho",
        rhos,
        lambda rho: anonymize(codes, RhoUncertainty(rho, SENSITIVE), "recode", names, SENSITIVE),
    )
    print("NCP of (h,k,p)-coherence over h (k 5, p 2), k (h .5, p 2), p (h .5, k 5):")
    _row("h", (0.2, 0.4, 0.6, 0.8), lambda h: anonymize(codes, HKPCoherence(h, 5, 2, SENSITIVE)))
    _row("k", (2, 5, 10, 20), lambda k: anonymize(codes, HKPCoherence(0.5, k, 2, SENSITIVE)))
    _row("p", (1, 2, 3, 4), lambda p: anonymize(codes, HKPCoherence(0.5, 5, p, SENSITIVE)))


def gap() -> None:
    """Occurrences that suppression keeps of small random databases, beside the best choice by brute force."""
    draw = random.Random(7)
    two = frozenset("ab")
    print("\nshare of the best choice's occurrences that suppression keeps, 60 databases each:")
    for model in (
        KMAnonymity(3, 2),
        RhoUncertainty(0.5),
        RhoUncertainty(0.5, two),
        HKPCoherence(0.5, 3, 2, two),
    ):
        best = kept = 0
        for _ in range(60):
            baskets = Baskets.of([[i for i in "abcdefgh" if draw.random() < 0.3] for _ in range(25)])
            fixed = {item for item in baskets.bits if not model.may_suppress(item)}
            free = sorted(baskets.bits.keys() - fixed)
            choices = (
                baskets.kept({*fixed, *c}) for n in range(len(free) + 1) for c in combinations(free, n)
            )
            best += max(choice.occurrences for choice in choices if model.check(choice))
            kept += baskets.kept(suppress(baskets, [model])).occurrences
        print(f"    {model}: {kept / best:.4f}")


def _row(name: str, values: Sequence[float], run: Callable[[float], Published]) -> None:
    print("   ", "  ".join(f"{name}={value}: {run(value).loss.ncp:.4f}" for value in values), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    data: Path = parser.parse_args().data
    codes = read_baskets(data / "synthea/conditions_transactions.txt", BasketForm()).records
    baskets = read_baskets(data / "transactions/groceries.csv", BasketForm(separator=",")).records
    with (data / "synthea/conditions.csv").open(encoding="utf-8", newline="") as file:
        described = {row["CODE"]: row["DESCRIPTION"] for row in csv.DictReader(file)}
    names = fan_out([(code, described[code]) for code in sorted({code for r in codes for code in r})])
    shop = fan_out([(item, item) for item in sorted({item for r in baskets for item in r})])
    required(codes, baskets, names, shop)
    shapes(codes, names)
    joint(data)
    gap()
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
