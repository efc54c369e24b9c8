"""The photographs and the network that the shipped decoders were trained on."""

from pathlib import Path

from lpel_serving.images.datasets.faces import Face, leave_out, list_faces
from lpel_serving.support.progress import Progress
from lpel_tf.networks.embedders import from_facenet
from lpel_tf.networks.example_crops import example_crops
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.networks.facenet import DEFAULT_KEY, facenet

EXCLUDED = ("Elton_John", "Madonna")
"""Who is in the demo, and was left out of the training."""
SEED = 0
"""Of the split by people."""


def shipped_photographs(folder: Path) -> tuple[Face, ...]:
    """List LFW's photographs of people who are not in the demo."""
    return leave_out(list_faces(folder), EXCLUDED)


def shipped_network(
    photographs: tuple[Face, ...], crop: str, progress: Progress
) -> ExportedEmbedder:
    """Export FaceNet, its parity checked on some of the photographs."""
    return from_facenet(
        facenet(DEFAULT_KEY),
        lambda size: example_crops(photographs, crop, size),
        progress=progress,
    )
