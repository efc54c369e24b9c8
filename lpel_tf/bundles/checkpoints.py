"""Names of the files from which an interrupted training goes on."""

from pathlib import Path

from lpel_tf.bundles.surrogate_rounds import checkpoints


def response_checkpoint(checkpoint: Path) -> Path:
    """Name the file of the response decoder's training beside that of the decoder's."""
    return checkpoint.with_name(f"{checkpoint.stem}-responses{checkpoint.suffix}")


def surrogate_checkpoint(checkpoint: Path) -> Path:
    """Name the file of the surrogate's training beside that of the decoder's."""
    return checkpoint.with_name(f"{checkpoint.stem}-surrogate{checkpoint.suffix}")


def all_checkpoints(checkpoint: Path) -> tuple[Path, ...]:
    """Name every file that a training may leave: they can go once the bundle is written."""
    of_surrogate = checkpoints(surrogate_checkpoint(checkpoint))
    return (checkpoint, response_checkpoint(checkpoint), *of_surrogate)
