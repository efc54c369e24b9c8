"""Formats numbers and lists for sentences."""

from collections.abc import Sequence


def percent(share: float) -> str:
    """Write a share in [0, 1]; ``0 %`` and ``100 %`` are kept for none and all."""
    hundredths = 100 * share
    if share > 0 and round(hundredths, 1) == 0:
        return "less than 0.1 %"
    if share < 1 and round(hundredths, 1) == 100:
        return "more than 99.9 %"
    extreme = 0 < hundredths < 1 or 99 < hundredths < 100
    return f"{hundredths:.{int(extreme)}f} %"


def number(value: float) -> str:
    """Write a number to three decimal places, with a true minus sign."""
    return f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def listed(items: Sequence[str]) -> str:
    """Join as ``a, b and c``."""
    return " and ".join([*([", ".join(items[:-1])] if items[1:] else []), *items[-1:]])
