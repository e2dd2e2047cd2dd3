"""A site's dictionary folder in a pipeline: whether its lists can be used, by which part and by what option."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from nlp_deid.detect.dictionary_files import DictionaryError, check_folder, read_index


def site_parts(folder: Path, parts: Collection[object], pipeline: str) -> list[dict[str, Any]]:
    """Config entries of detectors that a pipeline needs besides its own, so that the folder's lists are used.

    That is a lexicon of no shipped list where the folder has lists to mask and the pipeline has no lexicon.

    Args:
        folder: the dictionary folder.
        parts: names of the pipeline's parts.
        pipeline: its name, for messages.

    Raises:
        DictionaryError: a folder with faults, of which the first is named without terms, or a list to keep
            and no part that would.
    """
    if problems := check_folder(folder):
        more = f" (and {len(problems) - 1} more, see `nlp-deid dictionary check`)" if problems[1:] else ""
        raise DictionaryError(f"{problems[0]}{more}")
    entries = read_index(folder)
    for name, entry in entries.items():
        if entry.kind == "keep" and "keep_list" not in parts:
            raise DictionaryError(
                f"{pipeline}: has no part keep_list, so it cannot use the list {name} of {folder}"
            )
    if "lexicon" in parts or all(entry.score is None for entry in entries.values()):
        return []
    return [{"use": "lexicon", "lists": []}]


def site_options(factory: Callable[..., Any], options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The options by which a part takes the folder, as `extra` or in a `lexicon`; none if it reads no lists.

    Raises:
        DictionaryError: the part's own options name a folder already.
    """
    taken = signature(factory).parameters
    if "extra" in taken:
        if options.get("extra") is not None:
            raise DictionaryError("its config names a folder of dictionaries already; give one")
        return {"extra": folder}
    if "lexicon" in taken:
        from nlp_deid.detect.lexicon import Lexicon

        return {"lexicon": Lexicon.load(folder)}
    return {}
