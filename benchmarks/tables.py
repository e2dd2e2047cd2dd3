"""Loss and CPU time of the tables' anonymizers on UCI Adult, against the figures of ARX and others.

python benchmarks/tables.py --data FOLDER [--rows 100000 1000000 10000000] [--method local]

FOLDER holds adult.csv and adult_hierarchy_COLUMN.csv as ARX has them. GCP is the mean normalised
certainty penalty over all cells; CPU time includes reading the file, not start-up nor writing.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl

from nlp_deid.tables.anonymizer import Anonymizer
from nlp_deid.tables.frames import read
from nlp_deid.tables.hierarchy import Hierarchy
from nlp_deid.tables.lattice import GlobalRecoding
from nlp_deid.tables.local import LocalRecoding
from nlp_deid.tables.models import (
    KE,
    AlpDif,
    AlphaK,
    DistinctLDiversity,
    EntropyLDiversity,
    EpsilonM,
    KAnonymity,
    Model,
    PersonalKL,
    ProbabilisticLDiversity,
    PSensitive,
    RecursiveCLDiversity,
    TCloseness,
)
from nlp_deid.tables.mondrian import Mondrian
from nlp_deid.tables.table import Table

QUASI = ["sex", "age", "race", "marital-status", "education", "native-country", "workclass"]
METHODS: dict[str, type[Anonymizer]] = {
    "local": LocalRecoding,
    "global": GlobalRecoding,
    "mondrian": Mondrian,
}
# k: (target, ARX's local recoding)
LOCAL = {2: (0.0127, 0.0186), 5: (0.0307, 0.0351), 10: (0.0465, 0.0508), 100: (0.1337, 0.1366)}
# (k, suppression limit): ARX's GCP and C_DM where known
GLOBAL = {
    (5, 0): (0.6449, 222_882_126),
    (5, 0.01): (0.3524, 76_879_815),
    (5, 0.05): (0.2051, 64_340_986),
    (5, 1): (0.1723, 114_255_364),
    (2, 0.05): (0.1323, None),
    (10, 0.05): (0.2757, None),
    (100, 0.05): (0.5107, None),
}
MONDRIAN = {5: 0.0264, 10: 0.0499, 100: 0.2133}  # anonypyx
SIZES = (100_000, 1_000_000, 10_000_000)
CHANGED = 0.1  # share of cells of the large tables that are drawn anew: 68,000 tuples in 1,000,000 rows


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="*", default=SIZES)
    parser.add_argument("--method", choices=METHODS, default="local")
    parser.add_argument("--one", type=Path, help="only this file, at k = 5 (used for each size)")
    args = parser.parse_args()
    hierarchies = {
        name: Hierarchy.from_csv(args.data / f"adult_hierarchy_{name}.csv", name) for name in QUASI
    }
    if args.one:
        anonymizer = METHODS[args.method](KAnonymity(5), hierarchies, suppression_limit=0.05)
        print(run(anonymizer, args.one), f"{peak():.0f} MB")
        return
    on_adult(args.data / "adult.csv", hierarchies)
    all_models(args.data, hierarchies)
    agreement()
    for rows in args.rows:
        growing(args.data, rows, args.method)


def run(anonymizer: Anonymizer, path: Path) -> str:
    """Anonymize a file and describe the result."""
    start = time.process_time()
    frame = read(path, ";")
    loaded = time.process_time()
    out = anonymizer.fit_transform(frame)
    end = time.process_time()
    release = anonymizer.release
    assert all(release.checks)
    assert KAnonymity(1).check(out, anonymizer.quasi)
    loss = release.loss
    return (
        f"GCP {loss.gcp:.4f}  C_DM {loss.c_dm:,}  C_AVG {loss.c_avg:.2f}  {release.classes} classes  "
        f"{loss.suppressed:.2%} suppressed  {release.merged} merged  "
        f"{end - start:.2f} CPU-s (read {loaded - start:.2f})"
    )


def peak() -> float:
    """The most memory this process held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def on_adult(path: Path, hierarchies: dict[str, Hierarchy]) -> None:
    """k-anonymity by the three methods."""
    run(LocalRecoding(KAnonymity(5), hierarchies), path)  # imports and first calls
    print("Local recoding, hierarchical labels")
    for k, (target, arx) in LOCAL.items():
        print(
            f"  k={k}: {run(LocalRecoding(KAnonymity(k), hierarchies), path)}  [target {target}, ARX {arx}]"
        )
    print("Full-domain recoding")
    for (k, limit), (arx, c_dm) in GLOBAL.items():
        made = run(GlobalRecoding(KAnonymity(k), hierarchies, suppression_limit=limit), path)
        print(f"  k={k} <= {limit:.0%}: {made}  [ARX {arx}, C_DM {c_dm}]")
    print("Mondrian, set labels")
    for k, anonypyx in MONDRIAN.items():
        print(f"  k={k}: {run(Mondrian(KAnonymity(k), hierarchies), path)}  [anonypyx {anonypyx}]")


def model_lists() -> list[list[Model]]:
    """Every model, with occupation, salary or a made-up pay as sensitive attribute."""
    k, job, salary, pay = KAnonymity(5), "occupation", "salary-class", "pay"
    return [
        [k, DistinctLDiversity(3, job)],
        [k, ProbabilisticLDiversity(2, job)],
        [k, EntropyLDiversity(3, job)],
        [k, RecursiveCLDiversity(4, 3, job)],
        [k, TCloseness(0.2, job)],
        [k, TCloseness(0.5, job)],
        [k, TCloseness(0.2, job, "hierarchical")],
        [k, TCloseness(0.2, pay, "ordered")],
        [k, TCloseness(0.3, salary)],
        [PSensitive(2, 5, [job, salary])],
        [AlphaK(0.5, 5, job)],
        [AlphaK(0.8, 5, salary, [">50K"])],
        [KE(3, 20_000, pay)],
        [k, EpsilonM(2_000, 3, pay)],
        [k, EpsilonM(0.1, 2, pay, relative=True)],
        [PersonalKL("wanted-k", "wanted-l", job)],
        [AlpDif(0.3, 0.1, job, k=5)],
        [AlpDif(0.3, 0.1, job, k=5, reference="mean", two_sided=True)],
    ]


def all_models(data: Path, hierarchies: dict[str, Hierarchy]) -> None:
    """Every model enforced by every method, then checked on the output."""
    rng = np.random.default_rng(1)
    frame = read(data / "adult.csv", ";")
    frame = frame.with_columns(
        pl.Series("pay", rng.integers(10, 200, frame.height) * 500),
        pl.Series("wanted-k", rng.integers(2, 6, frame.height)),
        pl.Series("wanted-l", rng.integers(0, 3, frame.height)),
    )
    job = Hierarchy.from_csv(data / "adult_hierarchy_occupation.csv", "occupation")
    print("Every model: GCP / classes / merged or suppressed records / CPU-s, and whether the output passes")
    for models in model_lists():
        print(f"  {' + '.join(map(str, models))}")
        for name, method in METHODS.items():
            limit = 0.05 if name == "global" else 0
            anonymizer = method(
                models, {**hierarchies, "occupation": job}, quasi=QUASI, suppression_limit=limit
            )
            start = time.process_time()
            out = anonymizer.fit_transform(frame)
            spent = time.process_time() - start
            table = Table(out, QUASI, anonymizer.attributes, hierarchies={"occupation": job})
            passes = all(model.check(table) for model in models)
            release = anonymizer.release
            print(
                f"    {name:8} {release.loss.gcp:.4f} / {release.classes} / "
                f"{release.merged or release.suppressed} / {spent:.2f}  {'passes' if passes else 'FAILS'}"
            )


def agreement(tables: int = 400) -> None:
    """Random tables against pycanon, for the models that it gets right."""
    if not find_spec("pycanon"):
        print("pycanon is not installed: no comparison")
        return
    from pycanon import anonymity

    rng = np.random.default_rng(0)
    same = dict.fromkeys(("k", "distinct l", "t equal", "t ordered", "alpha"), 0)
    for _ in range(tables):
        rows = int(rng.integers(4, 30))
        frame = pl.DataFrame(
            {
                "q": rng.choice(["a", "b", "c"], rows),
                "s": rng.choice(["x", "y", "z"], rows),
                "n": rng.permutation(np.append(rng.integers(0, 6, rows - 2), [7, 8])),
            }
        )
        theirs = frame.to_pandas()
        ours = {
            "k": KAnonymity(1).check(frame, ["q"]).worst,
            "distinct l": DistinctLDiversity(1, "s").check(frame, ["q"]).worst,
            "t equal": TCloseness(1, "s").check(frame, ["q"]).worst,
            "t ordered": TCloseness(1, "n", "ordered").check(frame, ["q"]).worst,
            "alpha": AlphaK(1, 1, "s").check(frame, ["q"]).worst,
        }
        pycanon = {
            "k": anonymity.k_anonymity(theirs, ["q"]),
            "distinct l": anonymity.l_diversity(theirs, ["q"], ["s"]),
            "t equal": anonymity.t_closeness(theirs, ["q"], ["s"]),
            "t ordered": anonymity.t_closeness(theirs, ["q"], ["n"]),
            "alpha": anonymity.alpha_k_anonymity(theirs, ["q"], ["s"])[0],
        }
        for name, value in ours.items():
            same[name] += bool(np.isclose(value, pycanon[name], atol=1e-9))
    print("Agreement with pycanon:", ", ".join(f"{name} {count}/{tables}" for name, count in same.items()))


def growing(data: Path, rows: int, method: str) -> None:
    """Time and memory over a table of so many rows, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        tuples = make_large(data / "adult.csv", rows, path)
        command: Sequence[str] = [sys.executable, __file__, "--data", str(data), "--one", str(path)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([*command, "--method", method], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"{rows:,} rows, {tuples:,} tuples, {method}: {done.stdout.strip()}, whole process {whole:.2f} CPU-s"
        )


def make_large(adult: Path, rows: int, path: Path) -> int:
    """Draw records of Adult, some cells anew from their column; returns the number of distinct tuples."""
    frame = read(adult, ";")
    rng = np.random.default_rng(0)
    base = rng.integers(0, frame.height, rows)
    columns = {}
    for name in frame.columns:
        anew = rng.random(rows) < CHANGED
        columns[name] = frame[name].gather(np.where(anew, rng.integers(0, frame.height, rows), base))
    large = pl.DataFrame(columns)
    large.write_csv(path, separator=";")
    return large.select(QUASI).n_unique()


if __name__ == "__main__":
    main()
