"""Runs the review page for the browser tests, as the command line would: FOLDER PIPELINE NAME..."""

from __future__ import annotations

import sys

import typer

from nlp_deid.cli_review import review

if __name__ == "__main__":
    folder, pipeline, *names = sys.argv[1:]
    app = typer.Typer(add_completion=False)
    app.command()(review)
    app([folder, "--pipeline", pipeline, *(part for name in names for part in ("--name", name))])
