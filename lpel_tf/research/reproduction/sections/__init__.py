"""The sections of the report, one module each, in their order."""

from collections.abc import Callable, Mapping

from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.section import Section
from lpel_tf.research.reproduction.sections import (
    ablations,
    autoencoder,
    checks,
    crops,
    dissimilar,
    explanations,
    faces,
    game,
    isolated,
    prototypes,
    similar,
    top_k,
    verification,
)

SECTIONS: Mapping[str, Callable[[Laboratory], Section]] = {
    "faces": faces.run,
    "verification": verification.run,
    "explanations": explanations.run,
    "autoencoder": autoencoder.run,
    "prototypes": prototypes.run,
    "top-k": top_k.run,
    "isolated": isolated.run,
    "checks": checks.run,
    "similar": similar.run,
    "dissimilar": dissimilar.run,
    "crops": crops.run,
    "ablations": ablations.run,
    "game": game.run,
}
"""By key; the cheap ones first."""
