"""De-identify a table of notes on Spark.

spark-submit spark_scrub.py IN.parquet OUT.parquet --text note --id note_id --patient mrn [--key-file FILE]
    [--pipeline NAME] [--policy NAME] [--keep COLUMN ...]

OUT gets the rows that went well: ids, patients, texts and the columns to keep. OUT.quarantine (JSON) says
which rows did not, and why.
"""

from __future__ import annotations

import argparse

from pyspark.sql import SparkSession

from nlp_deid.pipeline import DEFAULT_PIPELINE
from nlp_deid.spark import scrub


def main() -> None:
    """Read, scrub once, write both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--text", action="append", required=True)
    parser.add_argument("--id", required=True)
    parser.add_argument("--patient", required=True)
    parser.add_argument("--keep", action="append", default=[])
    parser.add_argument("--key-file")
    parser.add_argument("--pipeline", default=DEFAULT_PIPELINE)
    parser.add_argument("--policy", default=None)
    args = parser.parse_args()
    spark = SparkSession.builder.appName("nlp-deid").getOrCreate()
    columns = [args.id, args.patient, *args.text, *args.keep]
    notes = spark.read.parquet(args.source).select(*columns)
    clean = scrub(
        notes,
        text=args.text,
        id=args.id,
        patient=args.patient,
        key_file=args.key_file,
        pipeline=args.pipeline,
        policy=args.policy,
    ).persist()
    clean.where("quarantine is null").drop("quarantine").write.parquet(args.out)
    failed = clean.where("quarantine is not null").select(args.id, "quarantine")
    failed.write.json(f"{args.out}.quarantine")
    spark.stop()


if __name__ == "__main__":
    main()
