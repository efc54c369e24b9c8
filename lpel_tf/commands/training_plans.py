"""What the options of `lpel train` say of the networks that it trains."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from lpel_serving.equations.fill import FillName
    from lpel_tf.bundles.response_bundling import ResponsePlan
    from lpel_tf.bundles.surrogate_bundling import SurrogatePlan


class TrainedMethod(StrEnum):
    """The methods that need training."""

    lpel = "lpel"
    responses = "responses"
    surrogate = "surrogate"


class TablePrecision(StrEnum):
    """The numbers in which the surrogate's masked images may be embedded."""

    float32 = "float32"
    float16 = "float16"
    int8 = "int8"


CoalitionsOption = Annotated[
    int,
    typer.Option(
        min=1,
        help="For responses and surrogate: coalitions measured per photograph for the response "
        "decoder, each one embedding.",
    ),
]
FillOption = Annotated[
    list[str] | None,
    typer.Option(
        help="For responses and surrogate: what superpixels are replaced by in training: normal, "
        "uniform, grey, black, white, mean or blur; may be repeated. normal, mean and blur by "
        "default. A surrogate needs mean, and always learns transplants too.",
        show_default=False,
    ),
]
TableCoalitionsOption = Annotated[
    int | None,
    typer.Option(
        min=4,
        help="For surrogate: coalitions measured per photograph for the surrogate, as many for "
        "each fill (and for transplants), in complementary pairs; 8 for each by default, 32 in "
        "all with the usual fills.",
        show_default=False,
    ),
]
GridOption = Annotated[
    int,
    typer.Option(min=2, max=40, help="For responses and surrogate: superpixels along one side."),
]
TableRoundsOption = Annotated[
    int,
    typer.Option(
        min=1,
        max=9,
        help="For surrogate: how often each photograph is measured, every time with another "
        "person's face to take superpixels from. Rounds after the first go half along the "
        "orders of a surrogate trained on the first: each takes longer than that, and the "
        "surrogate predicts better.",
    ),
]


def surrogate_plan(
    simulates: bool,
    fills: list[str] | None,
    *,
    rounds: int,
    coalitions: int | None,
    **measured: Any,
) -> "SurrogatePlan | None":
    """How to train a surrogate, by what is measured for it; None for none."""
    if not simulates:
        return None
    from lpel_tf.bundles.surrogate_bundling import SurrogatePlan
    from lpel_tf.surrogates.recipe import SurrogateRecipe
    from lpel_tf.surrogates.table_settings import SurrogateTableSettings

    measured |= _of_fills(fills)
    table = SurrogateTableSettings(coalitions=coalitions or 0, **measured)
    return SurrogatePlan(table, SurrogateRecipe(seed=measured["seed"]), rounds=rounds)


def response_plan(
    responds: bool, fills: list[str] | None, **measured: Any
) -> "ResponsePlan | None":
    """How to train a response decoder, by what is measured for it; None for none."""
    if not responds:
        return None
    from lpel_tf.bundles.response_bundling import ResponsePlan
    from lpel_tf.decoders.response_table import TableSettings
    from lpel_tf.decoders.response_training import ResponseRecipe

    table = TableSettings(**measured, **_of_fills(fills))
    return ResponsePlan(table, ResponseRecipe(seed=measured["seed"]))


def _of_fills(names: list[str] | None) -> dict[str, Any]:
    """The fills of a table by their names; nothing where none is named, for the usual ones."""
    if not names:
        return {}
    from lpel_serving.equations.fill import Fill
    from lpel_serving.support.errors import ParameterError

    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ParameterError(f"--fill names each fill once; received {repeated[0]} again.")
    return {"fills": tuple(Fill(cast("FillName", name)) for name in names)}
