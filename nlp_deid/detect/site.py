"""A site's dictionary folder in a pipeline: whether its lists can be used, and by what option a part takes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from nlp_deid.detect.dictionary_files import DictionaryError, check_folder, read_index


def check_site(folder: Path, parts: Collection[object], pipeline: str) -> None:
    """Refuse a folder with faults, or with a list that no part of the pipeline would use.

    Args:
        folder: the dictionary folder.
        parts: names of the pipeline's parts.
        pipeline: its name, for messages.

    Raises:
        DictionaryError: names the first problem, without terms.
    """
    if problems := check_folder(folder):
        more = f" (and {len(problems) - 1} more, see `nlp-deid dictionary check`)" if problems[1:] else ""
        raise DictionaryError(f"{problems[0]}{more}")
    for name, entry in read_index(folder).items():
        part = "lexicon" if entry.score is not None else "keep_list"
        if part not in parts and (entry.score is not None or entry.kind == "keep"):
            raise DictionaryError(
                f"{pipeline}: has no part {part}, so it cannot use the list {name} of {folder}"
            )


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
