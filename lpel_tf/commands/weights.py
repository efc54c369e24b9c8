"""`lpel weights`: fetch a published network's weights and verify them; list those there are."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lpel_serving.commands.shared.applies import check_applies
from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import JsonOption, print_json, say
from lpel_serving.support.errors import ParameterError
from lpel_tf.commands import TRAINING
from lpel_tf.commands.options import CacheOption, MirrorOption, check_mirror
from lpel_tf.networks.facenet import DEFAULT_KEY

if TYPE_CHECKING:
    from lpel_tf.networks.zoo.keys import Published


def weights(
    context: typer.Context,
    key: Annotated[
        str | None,
        typer.Argument(
            help=f"Of a published network, {DEFAULT_KEY} by default; --list lists them.",
            show_default=False,
        ),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Fetch nothing: list the published networks.")
    ] = False,
    cache: CacheOption = None,
    mirror: MirrorOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch the weights of a published network, verify them, and print where they are."""
    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_tf.networks.zoo.keys import NETWORKS, fetch, published
    from lpel_tf.support.cache import file_sha256

    if listed:
        check_applies(context, False, "fetches, and --list does not", "--cache", "--mirror")
        if key is not None:
            raise ParameterError(f"--list lists all networks, and {key} names one: leave one out.")
        cards = [_card(network) for network in NETWORKS.values()]
        if json:
            print_json({"networks": cards})
        else:
            say("\n".join(map(_line, NETWORKS.values())))
        return
    network = published(key or DEFAULT_KEY)
    check_mirror(context, network)
    paths = fetch(network, cache=cache, mirror=mirror, progress=progress_bar)
    if json:
        files = [{"path": str(path), "sha256": file_sha256(path)} for path in paths]
        print_json(_card(network) | {"files": files})
    else:
        say("\n".join(map(str, paths)))


def _card(network: "Published") -> dict[str, Any]:
    """What is known of a network, as JSON values."""
    return {
        "key": network.key,
        "title": network.title,
        "dimension": network.dimension,
        "standardisation": network.standardisation,
        "comparison": network.compares_by,
        "from": network.route,
        "licence": network.licence,
        "trained_on": network.faces,
    }


def _line(network: "Published") -> str:
    return (
        f"{network.key:16}  {network.dimension:4}-d  {network.compares_by:9}  "
        f"licence: {network.licence}\n{'':37}trained on {network.faces}"
    )


command = Command(weights, needs=TRAINING)
