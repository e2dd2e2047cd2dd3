"""Estimated against true population uniqueness: samples of a table that is taken as the population.

python benchmarks/table_risk.py --data FOLDER_WITH_adult.csv
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from nlp_deid.tables.frames import read
from nlp_deid.tables.population import population_uniqueness
from nlp_deid.tables.table import Table

QUASI = {
    "7 columns": ["sex", "age", "race", "marital-status", "education", "native-country", "workclass"],
    "4 columns": ["sex", "age", "race", "education"],
}
FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.5, 0.9)
DRAWS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with adult.csv")
    frame = read(parser.parse_args().data / "adult.csv", ";")
    print("quasi      fraction  true    pitman  zayatz  snb     rule    chosen   seconds")
    for name, quasi in QUASI.items():
        of_row = Table(frame, quasi).collapse().row_tuple
        truth = (np.bincount(of_row) == 1).sum() / len(of_row)
        for fraction in FRACTIONS:
            rng, found, start = np.random.default_rng(1), [], time.process_time()
            for _ in range(DRAWS):
                sizes = np.bincount(rng.choice(of_row, int(fraction * len(of_row)), replace=False))
                found.append(population_uniqueness(sizes[sizes > 0], len(of_row)))
            seconds = (time.process_time() - start) / DRAWS
            means = [np.mean([f.estimates[m] for f in found]) for m in ("pitman", "zayatz", "snb")]
            rule = np.mean([f.share for f in found])
            figures = "  ".join(f"{share:6.2%}" for share in (truth, *means, rule))
            chosen = max((f.chosen for f in found), key=[f.chosen for f in found].count)
            print(f"{name}  {fraction:7.0%}   {figures}  {chosen:7}  {seconds:.3f}")


if __name__ == "__main__":
    main()
