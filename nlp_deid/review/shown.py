"""What the page gets, as plain values for JSON; offsets count characters (code points)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nlp_deid.replace.replacer import Change
from nlp_deid.review.desk import Desk, Opened, Row
from nlp_deid.review.marks import Review


def row(row: Row) -> dict[str, Any]:
    """A line of the list of notes."""
    return {
        "key": row.page.key,
        "id": row.page.note.id,
        "characters": len(row.page.note.text),
        "status": row.status,
        "gold": row.gold,
        "doubt": round(row.doubt, 2),
        "undecided": row.undecided,
    }


def note(opened: Opened) -> dict[str, Any]:
    """A note with its text, its review and all claims about it."""
    claims = [
        [c.span.start, c.span.end, c.span.label, round(c.span.score, 3), c.span.source, c.outcome, c.by]
        for c in opened.evidence.claims
    ]
    return {
        "key": opened.page.key,
        "id": opened.page.note.id,
        "text": opened.page.note.text,
        "claims": claims,
        "failed": opened.evidence.failed,
        **review(opened),
    }


def review(opened: Opened) -> dict[str, Any]:
    """How the review of a note stands."""
    doubts = {
        (mark.start, mark.end): round(doubt, 3)
        for mark, doubt in zip(opened.evidence.marks, opened.evidence.doubts, strict=True)
    }
    found = opened.review
    return {
        "version": found.version,
        "done": found.done,
        "undo": bool(found.past),
        "redo": bool(found.future),
        "marks": [[m.start, m.end, m.label, m.state, doubts.get((m.start, m.end), 0)] for m in found.marks],
    }


def after(text: str, changes: Sequence[Change], review: Review) -> dict[str, Any]:
    """The rewritten text and its changed places, with the version it was made from."""
    places = [[c.start, c.end, c.out_start, c.out_end, c.label, c.action] for c in changes]
    return {"text": text, "changes": places, "version": review.version}


def agreement(desk: Desk) -> dict[str, Any]:
    """Figures of every two reviewers, and the notes that they can adjudicate."""
    pairs = [
        {
            "one": one,
            "other": other,
            **asdict(found),
            "spans": found.spans.to_dict(),
            "places": found.places.to_dict(),
        }
        for (one, other), found in desk.agreements().items()
    ]
    notes = [
        {**row(found), "shared": shared, "different": different}
        for found, shared, different in desk.disagreements()
    ]
    return {"reviewers": desk.store.reviewers(), "pairs": pairs, "notes": notes}
