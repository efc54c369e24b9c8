"""`lpel demo`: from published weights to explained pairs of real faces, in one command."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import JsonOption, print_json, say
from lpel_tf.commands import EXPORT, TRAINING
from lpel_tf.commands.options import CacheOption


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the results.")] = Path(
        "demo-output"
    ),
    cache: CacheOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch FaceNet, export it with a trained decoder, and explain pairs of real faces.

    The first run downloads 90 MB and exports the network, which is kept in the cache.
    """
    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_tf.demo.run import document_of, run_demo
    from lpel_tf.support.cache import cache_folder
    from lpel_tf.support.quiet import load_tensorflow

    cache_folder(root=cache)  # if there can be none, that is said at once
    load_tensorflow()
    result = run_demo(out, cache=cache, progress=progress_bar)
    if json:
        document = document_of(result.manifest, result.pairs)
        print_json(document | {"page": str(result.page), "bundle": str(out / "bundle")})
        return
    say(_parity(result.manifest.parity))
    for pair in result.pairs:
        say(_line(pair))
    bundle, samples = out / "bundle", out / "samples"
    say(
        f"\nOpen {result.page}: each pair explained both ways, how to read it, and what it cannot "
        "show.\nFigures, arrays and summary.json lie beside it. With your own photographs:\n"
        f"  lpel explain --bundle {bundle} --crop mtcnn ONE.jpg ANOTHER.jpg --out explained\n"
        "Or on a page to drop them on:\n"
        f"  lpel serve --bundle {bundle} --samples {samples} --crop mtcnn"
    )


def _parity(parity: Any) -> str:
    lines = [
        f"{name}: ONNX agrees with Keras to {report['max_difference']:.1e} on {report['inputs']} "
        f"(batch sizes {', '.join(map(str, report['batch_sizes']))}; allowed "
        f"{report['tolerance']:.0e})"
        for name, report in parity.items()
    ]
    return "\n".join(lines) + "\n"


def _line(pair: Any) -> str:
    explanation = pair.explanation
    decision = "similar" if explanation.similar else "dissimilar"
    truth = "" if pair.right else f". {pair.truth.removesuffix('.')}"
    return (
        f"{pair.name}.png  {pair.title}: similarity {explanation.similarity:+.3f}, the network "
        f"calls them {decision}{truth}"
    )


command = Command(demo, needs=(*TRAINING, *EXPORT, ("matplotlib", "figures")))
