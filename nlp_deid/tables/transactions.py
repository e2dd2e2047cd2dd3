"""Set-valued records made to satisfy privacy models, by suppression or recoding of whole items.

What is done to an item is done in every record: under these models a change of single records can
break what holds. The result is checked again from the published records, apart from the search.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain

from nlp_deid.tables.baskets import BasketError, Baskets
from nlp_deid.tables.item_hierarchy import ItemHierarchy
from nlp_deid.tables.item_loss import ItemLoss, item_loss
from nlp_deid.tables.item_recoding import Recoding, loss_of, recode_km, recode_rho
from nlp_deid.tables.item_suppression import InfeasibleError, suppress
from nlp_deid.tables.setvalued import HKPCoherence, KMAnonymity, RhoUncertainty, SetCheck, SetModel

METHODS = ("suppress", "recode", "mixed")


@dataclass(frozen=True)
class Published:
    """A published database.

    Attributes:
        records: the labels of each record, sorted; in the order of the input, some perhaps empty.
        mapping: for each item of the input its label, None if it is suppressed.
        checks: what each model says of `records`.
        loss: what was lost.
        duplicates: items that stood twice in one input record and count once.
    """

    records: list[list[str]]
    mapping: Mapping[str, str | None]
    checks: tuple[SetCheck, ...]
    loss: ItemLoss
    duplicates: int


def anonymize(
    records: Iterable[Iterable[str]],
    models: SetModel | Sequence[SetModel],
    method: str = "suppress",
    hierarchy: ItemHierarchy | None = None,
    prefer: Iterable[str] = (),
    survival: Mapping[str, float] | None = None,
) -> Published:
    """Make models hold.

    Args:
        records: the items of each record.
        models: one or several; all hold in the end.
        method: "suppress" leaves items out; "recode" publishes ancestors and with k^m-anonymity
            alone suppresses nothing; "mixed" publishes ancestors, and leaves items out where that
            loses less. Ancestors stand for all items, with ρ-uncertainty alone for those that are
            not sensitive.
        hierarchy: for "recode" and "mixed"; it must know every item.
        prefer: items to leave out last (suppression).
        survival: `support` and `confidence` from which on sets and rules count in the loss.

    Raises:
        BasketError: no records, no models, unknown method, items the hierarchy does not know, a
            model that the method cannot enforce.
        InfeasibleError: models that cannot hold.
    """
    models = [models] if isinstance(models, SetModel) else list(models)
    baskets = Baskets.of(records)
    _check_call(baskets, models, method, hierarchy)
    if method != "suppress" and hierarchy is not None:
        hierarchy.check_items(baskets.bits)
        models = output_models(models, hierarchy)
        hierarchy = hierarchy.trimmed(baskets.bits) if baskets.bits else hierarchy
        mapping = _recoded(baskets, models, hierarchy, set(prefer), drop=method == "mixed")
    else:
        kept = suppress(baskets, models, set(prefer))
        mapping = {item: item if item in kept else None for item in baskets.bits}
    published = [sorted({label for i in r if (label := mapping[i])}) for r in baskets.records()]
    after = Baskets.of(published)
    checks = tuple(model.check(after) for model in models)
    if not all(checks):
        raise RuntimeError("the published records fail their own check; nothing may be released")
    loss = item_loss(baskets, after, mapping, hierarchy, **(survival or {}))
    return Published(published, mapping, checks, loss, baskets.duplicates)


def output_models(models: Sequence[SetModel], hierarchy: ItemHierarchy) -> list[SetModel]:
    """The models as recoded records are to satisfy them.

    With k^m-anonymity among them sensitive items are recoded too; else they stay what they are.
    """
    if any(isinstance(model, KMAnonymity) for model in models):
        return [lifted(model, hierarchy) for model in models]
    return list(models)


def lifted(model: SetModel, hierarchy: ItemHierarchy) -> SetModel:
    """A model for recoded records: a label is sensitive if an item under it is.

    That is the safe side: whoever tells the item tells the label.

    Raises:
        BasketError: (h,k,p)-coherence, whose items are public or private, not both.
    """
    if isinstance(model, HKPCoherence):
        raise BasketError("hkp_coherence holds for items as they are; use the method suppress")
    if not isinstance(model, RhoUncertainty) or model.sensitive is None:
        return model
    known = [item for item in model.sensitive if item in hierarchy.parent]
    labels = set(chain.from_iterable(hierarchy.ancestors(item) for item in known))
    return replace(model, sensitive=frozenset(model.sensitive | labels))


def _check_call(
    baskets: Baskets, models: Sequence[SetModel], method: str, hierarchy: ItemHierarchy | None
) -> None:
    if not baskets.size:
        raise BasketError("there are no records")
    if not models:
        raise BasketError("no privacy models are named")
    if method not in METHODS:
        raise BasketError(f"unknown method {method!r}; allowed: {', '.join(METHODS)}")
    if method != "suppress" and hierarchy is None:
        raise BasketError(f"the method {method} needs a hierarchy")
    for model in models:
        if isinstance(model, KMAnonymity | HKPCoherence) and model.k > baskets.size:
            raise InfeasibleError(f"{model}: k is more than the {baskets.size} records there are")
        named: Set[str] = frozenset()
        if isinstance(model, RhoUncertainty):
            named = model.sensitive or named
        elif isinstance(model, HKPCoherence):
            named = model.private
        if named and baskets.bits and not named & baskets.bits.keys():
            raise BasketError(f"{model}: none of the items it names is in the records")


def _recoded(
    baskets: Baskets, models: Sequence[SetModel], hierarchy: ItemHierarchy, prefer: Set[str], drop: bool
) -> dict[str, str | None]:
    """For each item its label, under models as the output is to satisfy them."""
    if not baskets.bits:
        return {}
    if counting := [model for model in models if isinstance(model, KMAnonymity)]:
        recoding = recode_km(baskets, hierarchy, counting, drop)
        if len(counting) < len(models):
            before = recoding.published(recoding.labels)
            recoding.labels = suppress(before, models, prefer)
        return recoding.mapping()
    return _top_down(baskets, models, hierarchy, prefer)


def _top_down(
    baskets: Baskets, models: Sequence[SetModel], hierarchy: ItemHierarchy, prefer: Set[str]
) -> dict[str, str | None]:
    """ρ-uncertainty by recoding, or by suppression alone where that loses less."""
    first = models[0]
    if len(models) > 1 or not isinstance(first, RhoUncertainty) or first.sensitive is None:
        raise BasketError(
            "recode enforces k_m_anonymity (with others), or one rho_uncertainty with its sensitive items named"
        )
    recoding: Recoding = recode_rho(baskets, hierarchy, first, first.sensitive)
    kept = suppress(baskets, models, prefer)
    plain = {item: item if item in kept else None for item in baskets.bits}
    return min((recoding.mapping(), plain), key=lambda mapping: loss_of(mapping, baskets, hierarchy))
