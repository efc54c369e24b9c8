"""`lpel weights`: fetch a FaceNet's weights and verify them."""

from typing import Annotated

import typer

from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import JsonOption, print_json, say
from lpel_tf.commands import TRAINING
from lpel_tf.commands.options import CacheOption, MirrorOption, check_mirror
from lpel_tf.networks.facenet import DEFAULT_KEY, FACENETS


def weights(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help=f"One of {', '.join(FACENETS)}.")] = DEFAULT_KEY,
    cache: CacheOption = None,
    mirror: MirrorOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch the weights of a FaceNet, verify them, and print where they are."""
    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_tf.networks.facenet import facenet
    from lpel_tf.networks.weights import fetch
    from lpel_tf.support.cache import file_sha256

    network = facenet(key)
    check_mirror(context, network)
    path = fetch(network, cache=cache, mirror=mirror, progress=progress_bar)
    if json:
        print_json(
            {
                "key": key,
                "path": str(path),
                "sha256": file_sha256(path),
                "dimension": network.dimension,
                "standardisation": network.standardisation,
                "trained_on": network.faces,
            }
        )
    else:
        say(str(path))


command = Command(weights, needs=TRAINING)
