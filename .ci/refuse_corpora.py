"""Refuses files whose names are those of restricted clinical corpora (i2b2/n2c2, PhysioNet, MIMIC).

Their data use agreements forbid passing them on. Usage: refuse_corpora.py FILE...
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

RESTRICTED = {
    "i2b2/n2c2": (
        r"\d{3}-\d{2}\.(xml|txt|ann|json)",
        r".*phi[-_ ]?gold.*",
        r"deid_surrogate_.*",
        r"(training|testing)-?phi.*",
        r"2014_training.*",
        r"n2c2[-_ ].*\.(zip|tar|gz|tgz|xml)",
        r"i2b2[-_ ].*\.(zip|tar|gz|tgz)",
        r"record-?\d+\.(txt|con|ast|rel|xml)",
    ),
    "PhysioNet deid": (r"id(-phi)?\.(text|phi|deid|res|phrase)",),
    "MIMIC": (
        r"noteevents.*",
        r"mimic[-_ ]?(iii|iv|cxr|3|4)?.*\.(csv|csv\.gz|gz|zip|parquet|jsonl|db|sqlite)",
        r"(discharge|radiology)(_detail)?\.csv(\.gz)?",
        r"(patients|admissions|diagnoses_icd)\.csv(\.gz)?",
    ),
}
# Invented notes that must have such a name.
INVENTED = {"tests/fixtures/corpus/110-02.xml"}


def restricted(path: str) -> str:
    """The corpus that a file name belongs to, or ""."""
    if Path(path).as_posix() in INVENTED:
        return ""
    name = Path(path).name.lower()
    for corpus, patterns in RESTRICTED.items():
        if any(re.fullmatch(pattern, name) for pattern in patterns):
            return corpus
    return ""


def main(paths: list[str]) -> int:
    """1 if any file is refused."""
    refused = [(path, corpus) for path in paths if (corpus := restricted(path))]
    for path, corpus in refused:
        sys.stderr.write(f"{path}: named like a file of {corpus}, which must not be passed on\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
