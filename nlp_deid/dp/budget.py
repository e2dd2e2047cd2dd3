"""What many releases cost together, and what an ε means.

Neighbours are named everywhere: "unbounded" ones differ by one added or removed unit, "bounded" ones
by one changed unit (a bounded ε is at most twice the unbounded one).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from nlp_deid.dp.checks import PrivacyError, check_delta, check_epsilon, exact

NEIGHBOURS = ("unbounded", "bounded")
ACCOUNTING = ("basic", "zcdp")


class BudgetError(PrivacyError):
    """A budget is spent, damaged, in use, or does not fit the call. Nothing was released or charged."""


@dataclass(frozen=True)
class Loss:
    """The price of one release: (ε, δ)-differential privacy.

    Args:
        bounded_range: the release is one choice of the exponential mechanism, which costs a quarter
            under zCDP (Cesar and Rogers, ALT 2021).
    """

    epsilon: float
    delta: float = 0.0
    bounded_range: bool = False

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon, allow_large=True)
        check_delta(self.delta)

    @property
    def rho(self) -> Fraction:
        """ε²/2-zCDP of a pure ε (Bun and Steinke, TCC 2016, proposition 1.4); δ is kept apart."""
        return exact(self.epsilon) ** 2 / (8 if self.bounded_range else 2)


def basic(losses: Iterable[Loss]) -> tuple[float, float]:
    """(ε, δ) of all releases together: the sums. Holds for adaptive choices too."""
    all_losses = list(losses)
    epsilon = sum((exact(loss.epsilon) for loss in all_losses), Fraction(0))
    delta = sum((exact(loss.delta) for loss in all_losses), Fraction(0))
    return float(epsilon), float(delta)


def zcdp(losses: Iterable[Loss], delta: float) -> float:
    """ε at `delta` by zero-concentrated privacy; holds for adaptive choices under a fixed total.

    The δ of the releases themselves are taken out of `delta` first. Infinite if nothing is left.
    """
    all_losses = list(losses)
    left = delta - basic(all_losses)[1]
    rho = float(sum((loss.rho for loss in all_losses), Fraction(0)))
    return epsilon_of_rho(rho, left) if left > 0 else math.inf


def epsilon_of_rho(rho: float, delta: float) -> float:
    """The least ε that ρ-zCDP gives at δ over all Rényi orders (Canonne, Kamath, Steinke 2020, prop. 12)."""
    if rho == 0:
        return 0.0

    def at(log_order: float) -> float:
        above = math.exp(log_order)  # the order minus 1
        order = 1 + above
        return order * rho + math.log(above / order) - (math.log(delta) + math.log(order)) / above

    low, high = -20.0, 40.0
    while high - low > 1e-10:  # golden section: the function falls, then rises
        third = (high - low) * 0.381966011250105
        low, high = (low, high - third) if at(low + third) < at(high - third) else (low + third, high)
    return max(at((low + high) / 2), 0.0)


def optimal(losses: Sequence[Loss], delta: float) -> float:
    """The exact ε at `delta` of (ε, δ)-private releases fixed beforehand (Kairouz, Oh, Viswanath 2015).

    Computed from privacy-loss distributions by dp-accounting, rounded upwards. Not valid if a later
    ε depends on an earlier answer.
    """
    from dp_accounting.pld import common, privacy_loss_distribution

    pld = None
    for loss, times in Counter((loss.epsilon, loss.delta) for loss in losses).items():
        parameters = common.DifferentialPrivacyParameters(*loss)
        one = privacy_loss_distribution.from_privacy_parameters(
            parameters, value_discretization_interval=min(1e-3, loss[0] / 20)
        )
        part = one.self_compose(times)
        pld = part if pld is None else pld.compose(part)
    return 0.0 if pld is None else float(pld.get_epsilon_for_delta(delta))


def compose(losses: Sequence[Loss], delta: float) -> dict[str, float]:
    """ε of a plan fixed beforehand by every accounting; basic counts only if its δ fits."""
    check_delta(delta)
    plain, used = basic(losses)
    readings = {"basic": plain if used <= delta else math.inf}
    if delta > 0:
        readings |= {"optimal": optimal(losses, delta), "zcdp": zcdp(losses, delta)}
    return readings


@dataclass
class Budget:
    """A filter and an odometer: refuses what would exceed (epsilon, delta), adds up what was spent.

    Args:
        epsilon, delta: what all releases together may cost.
        neighbours: "unbounded" or "bounded".
        unit: whose presence is protected: "row", or the column that names the unit ("patient").
        accounting: "basic" adds ε and δ; "zcdp" needs δ > 0 and pays for many small queries.
        allow_large: lets ε exceed 10.
    """

    epsilon: float
    delta: float = 0.0
    neighbours: str = "unbounded"
    unit: str = "row"
    accounting: str = "basic"
    allow_large: bool = False
    losses: list[Loss] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon, self.allow_large)
        check_delta(self.delta)
        if self.neighbours not in NEIGHBOURS:
            raise BudgetError(f"neighbours: allowed are {' and '.join(NEIGHBOURS)}")
        if self.accounting not in ACCOUNTING:
            raise BudgetError(f"accounting: allowed are {' and '.join(ACCOUNTING)}")
        if self.accounting == "zcdp" and self.delta == 0:
            raise BudgetError("accounting: zcdp needs a δ above 0")

    def spend(self, loss: Loss, what: str = "") -> None:
        """Take a price out of the budget, before any noise is drawn.

        Raises:
            BudgetError: it would exceed the budget; nothing is taken then.
        """
        self.check(loss)
        self.losses.append(loss)

    def check(self, loss: Loss) -> None:
        """Raise BudgetError if a price would exceed the budget."""
        epsilon, delta = self._cost([*self.losses, loss])
        if epsilon > self.epsilon or delta > self.delta:
            spent, used = self.spent
            raise BudgetError(
                f"the budget does not allow this release (ε {loss.epsilon:g}, δ {loss.delta:g}): of ε "
                f"{self.epsilon:g}, δ {self.delta:g} already spent are ε {spent:g}, δ {used:g}"
            )

    @property
    def spent(self) -> tuple[float, float]:
        """The odometer: (ε, δ) of all releases so far by the budget's accounting; under "zcdp" ε is read
        at the budget's δ."""
        return self._cost(self.losses)

    @property
    def remaining(self) -> float:
        """The largest pure ε that one more release may cost."""
        if self.accounting == "basic":
            gone = sum((exact(loss.epsilon) for loss in self.losses), Fraction(0))
            return max(float(exact(self.epsilon) - gone), 0.0)
        low, high = 0.0, self.epsilon
        for _ in range(60):
            middle = (low + high) / 2
            fits = middle > 0 and self._cost([*self.losses, Loss(middle)])[0] <= self.epsilon
            low, high = (middle, high) if fits else (low, middle)
        return low

    def _cost(self, losses: list[Loss]) -> tuple[float, float]:
        """(ε, δ) by the budget's accounting."""
        plain = basic(losses)
        if self.accounting == "basic":
            return plain
        return zcdp(losses, self.delta), plain[1]


def posterior(epsilon: float, prior: float = 0.5) -> float:
    """The most an attacker may believe that someone is in the data, after a release, from a prior belief."""
    check_epsilon(epsilon, allow_large=True)
    if not 0 <= prior <= 1:
        raise PrivacyError("a prior must lie in [0, 1]")
    if prior in (0, 1):
        return float(prior)
    return 1 / (1 + math.exp(-epsilon) * (1 - prior) / prior)


def explain(epsilon: float) -> str:
    """What an ε means, in two sentences."""
    return (
        f"ε = {epsilon:g}: any answer is at most {math.exp(min(epsilon, 700)):.3g} times as likely with a person's "
        f"data as without. Who gave even odds that the person is in the data may come to believe it with "
        f"{posterior(epsilon):.1%}, who gave 1 in 100 with {posterior(epsilon, 0.01):.1%}, and no more."
    )
