"""What the options of `lpel train` say of the networks that it trains."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
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


def surrogate_plan(simulates: bool, *, rounds: int, **measured: Any) -> "SurrogatePlan | None":
    """How to train a surrogate, by what is measured for it; None for none."""
    if not simulates:
        return None
    from lpel_tf.bundles.surrogate_bundling import SurrogatePlan
    from lpel_tf.surrogates.recipe import SurrogateRecipe
    from lpel_tf.surrogates.table_settings import SurrogateTableSettings

    recipe = SurrogateRecipe(seed=measured["seed"])
    return SurrogatePlan(SurrogateTableSettings(**measured), recipe, rounds=rounds)


def response_plan(responds: bool, **measured: Any) -> "ResponsePlan | None":
    """How to train a response decoder, by what is measured for it; None for none."""
    if not responds:
        return None
    from lpel_tf.bundles.response_bundling import ResponsePlan
    from lpel_tf.decoders.response_table import TableSettings
    from lpel_tf.decoders.response_training import ResponseRecipe

    return ResponsePlan(TableSettings(**measured), ResponseRecipe(seed=measured["seed"]))
