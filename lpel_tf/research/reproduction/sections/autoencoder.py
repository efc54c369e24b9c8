"""Table 5.2: EMSNN's autoencoder, at the decoder's own reconstruction loss."""

import numpy as np

from lpel_tf.decoders.decoder import mean_squared_error
from lpel_tf.research.emsnn.autoencoder import losses
from lpel_tf.research.harness.decoders import ADAMAX, Setting
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.section import Finding, Section, Table

_THESIS_CLOSE = 0.012
_MATCHED = 0.15


def run(laboratory: Laboratory) -> Section:
    """Train it, and see how near its bottleneck comes to the embedding."""
    autoencoder, by = laboratory.autoencoder, laboratory.main.split.by
    test = laboratory.main.split.test
    loss = losses(autoencoder, test)
    decoder = laboratory.main.decoders[ADAMAX].weights
    ours = mean_squared_error(decoder(test.embeddings), test.targets)
    ratio = autoencoder.recipe.mu / autoencoder.recipe.gamma
    matched = abs(loss.reconstruction / ours - 1) < _MATCHED
    left = loss.closeness / loss.closeness_of_mean
    return Section(
        key="autoencoder",
        title="EMSNN's autoencoder",
        counterpart="table 5.2, section 5.5.1",
        findings=(
            Finding(
                "When the autoencoder reconstructs as well as the decoder, its bottleneck still "
                f"differs from the embedding: L_close is {_THESIS_CLOSE}.",
                f"{'At' if matched else 'The losses could not be matched: at'} a reconstruction "
                f"loss of {loss.reconstruction:.4f} (the decoder has "
                f"{ours:.4f}) L_close is {loss.closeness:.5f} as a mean over features and "
                f"{loss.closeness_sum:.3f} as a sum, {left:.0%} of what always the mean embedding "
                "would give. Fed with the true embedding, its decoder's loss is "
                f"{loss.reconstruction_from_embedding:.4f}.",
                ("holds" if left > 0.05 else "does not hold") if matched else "not comparable",
            ),
        ),
        tables=(
            Table(
                f"Losses on {'images' if by == 'image' else 'people'} not trained on",
                ("", "L_recon", "from the true embedding", "L_close, mean", "L_close, sum"),
                (
                    ("the thesis, CelebA", "0.0295", "", str(_THESIS_CLOSE), ""),
                    (
                        f"autoencoder, mu/gamma = {ratio:.3g}",
                        f"{loss.reconstruction:.4f}",
                        f"{loss.reconstruction_from_embedding:.4f}",
                        f"{loss.closeness:.5f}",
                        f"{loss.closeness_sum:.3f}",
                    ),
                    ("the decoder, Adamax", f"{ours:.4f}", f"{ours:.4f}", "0", "0"),
                ),
            ),
        ),
        notes=(
            (
                f"Adamax, learning rate 0.001, {autoencoder.recipe.epochs} epochs for each of "
                f"{laboratory.sizes.autoencoder_steps} balances tried. "
                + _always_zero(laboratory.main)
            ),
        ),
        data={"losses": vars(loss), "recipe": vars(autoencoder.recipe), "decoder_loss": ours},
    )


def _always_zero(setting: Setting) -> str:
    """Say what L_close would be of a bottleneck that is always 0, to compare its values with."""
    if setting.compared.record.kind == "cosine":
        return (
            "Features have unit norm together: always 0 would give a mean of 1/D, 0.002 for the "
            "thesis's 512."
        )
    squares = np.square(setting.split.test.embeddings.astype(np.float64))
    return f"Always 0 would give a mean of {squares.mean():.5f}."
