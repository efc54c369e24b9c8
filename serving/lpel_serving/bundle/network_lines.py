"""The networks of a bundle that explain, and how they were trained, in lines of its card."""

from collections.abc import Iterator

from lpel_serving.bundle.manifest import Manifest, SurrogateRecord
from lpel_serving.bundle.record_lines import record_lines


def network_lines(manifest: Manifest) -> Iterator[str]:
    """Describe the networks that explain, and how they were trained, line by line."""
    if manifest.decoder is None:
        yield "decoder: none"
    else:
        yield f"decoder: pictures of {manifest.decoder.shape.words}"
        yield from record_lines(manifest.decoder.training)
    if manifest.responses is None:
        yield "response decoder: none"
    else:
        side = manifest.responses.side
        yield f"response decoder: {side} by {side} superpixels"
        yield from record_lines(manifest.responses.training)
    if manifest.surrogate is None:
        yield "surrogate: none"
    else:
        yield from surrogate_lines(manifest.surrogate)


def surrogate_lines(record: SurrogateRecord) -> Iterator[str]:
    """Describe the surrogate, what it sees and how it was trained, line by line."""
    yield (
        f"surrogate: {record.side} by {record.side} superpixels, replaced by "
        f"{', '.join(record.fills)}"
    )
    yield (
        f"  sees {record.channels} numbers of each superpixel, which the embedder computes on the "
        f"way, from {' and '.join(record.layers) or 'layers that are not named'}"
    )
    yield from record_lines(record.training)
