"""The demo's page of results: one HTML file that loads nothing from elsewhere."""

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Protocol

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.methods.explanation import PairExplanation
from lpel_serving.report.verdict import in_short
from lpel_serving.support.errors import BundleError
from lpel_serving.support.wording import listed

MARK = b'<meta name="generator" content="lpel demo">'
"""By which the demo knows its own page again."""


_MISLED = "The maps show what it went by, not who is in the pictures. "
"""Of a mistake."""


class ShownPair(Protocol):
    """What the page needs to know of a pair."""

    @property
    def name(self) -> str:
        """Begins the names of its files."""
        ...

    @property
    def title(self) -> str:
        """Who is compared with whom."""
        ...

    @property
    def right(self) -> bool:
        """Whether the network's decision is true."""
        ...

    @property
    def truth(self) -> str:
        """The same in a sentence."""
        ...

    @property
    def explanation(self) -> PairExplanation:
        """Of the network's decision."""
        ...


def page(manifest: Manifest, pairs: Sequence[ShownPair], folder: Path) -> str:
    """Write the page as HTML.

    Parameters
    ----------
    manifest
        Of the bundle that explained.
    pairs
        The pairs, whose figures lie in `folder` as ``name.png``.
    folder
        Where the demo's results are.
    """
    training = manifest.training
    loss, parity = training["test_loss"], manifest.parity
    facts = {
        "lead": _lead(pairs),
        "mistakes": _mistakes(pairs),
        "dimension": manifest.embedder.dimension,
        "embedder": manifest.embedder.name,
        "embedder_parity": f"{parity['embedder']['max_difference']:.0e}",
        "embedder_inputs": parity["embedder"]["inputs"],
        "decoder_parity": f"{parity['decoder']['max_difference']:.0e}",
        "decoder_inputs": parity["decoder"]["inputs"],
        "photographs": f"{training['photographs']['train']:,}",
        "people": f"{training['people']['train']:,}",
        "loss": f"{loss['decoder']:.4f}",
        "mean_face": f"{loss['mean_face']:.4f}",
        "least_squares": f"{loss['least_squares']:.4f}",
        **_of_method(manifest),
        "threshold": f"{manifest.threshold.value:.3f}",
        "threshold_how": manifest.threshold.chosen["how"],
    }
    escaped = {name: escape(str(value)) for name, value in facts.items()}
    shown = "\n".join(_figure(pair, folder) for pair in pairs)
    template = files("lpel_tf.demo").joinpath("page.html").read_text(encoding="utf-8")
    return Template(template).substitute(escaped, pairs=shown, surrogate=_surrogate_row(manifest))


def _of_method(manifest: Manifest) -> dict[str, str]:
    """Say what the maps are predicted from, and how much of what is to be predicted."""
    if manifest.responses is None:
        raise BundleError("the demo explains by responses, and its bundle has no response decoder.")
    unforeseen = float(manifest.responses.training["test_loss"]["vectors"])
    words = {
        "predicted_from": "from the two embeddings alone",
        "in_turn": "",
        "rest": "depends on what the embedding does not hold",
    }
    if manifest.surrogate is not None:
        unforeseen = float(
            manifest.surrogate.training["unexplained"]["surrogate"]["all"]["vectors"]
        )
        words = {
            "predicted_from": "from what the first one computes of the two photographs",
            "in_turn": ", after those that matter more",
            "rest": "it does not know",
        }
    return words | {
        "predicted": f"{1 - unforeseen:.0%}" if unforeseen < 1 else "nothing",
        "response_parity": f"{manifest.parity['responses']['max_difference']:.0e}",
    }


def _surrogate_row(manifest: Manifest) -> str:
    if manifest.surrogate is None:
        return ""
    parity = f"{manifest.parity['surrogate']['max_difference']:.0e}"
    return (
        "  <tr><th>Surrogate</th><td>a small network that predicts the embedding of a face with "
        "parts hidden, trained on the same people; exported to ONNX, it differs from Keras by at "
        f"most {parity}</td></tr>\n"
    )


def _lead(pairs: Sequence[ShownPair]) -> str:
    similar = sum(pair.explanation.similar for pair in pairs)
    return (
        f"{len(pairs)} pairs of photographs. The network calls {similar} of them similar and "
        f"{len(pairs) - similar} dissimilar. {_mistakes(pairs)} Below is what in each face the "
        "network goes by, predicted from what it computes of the two faces."
    )


def _mistakes(pairs: Sequence[ShownPair]) -> str:
    wrong = [pair.title for pair in pairs if not pair.right]
    return f"It is wrong about {listed(wrong)}." if wrong else "It is right each time."


def _figure(pair: ShownPair, folder: Path) -> str:
    explanation = pair.explanation
    picture = base64.b64encode((folder / f"{pair.name}.png").read_bytes()).decode("ascii")
    decision = explanation.decision.word
    numbers = in_short(explanation.decision)
    return (
        f'<figure id="{escape(pair.name)}">\n'
        f'<img alt="{escape(pair.title)}, explained both ways" '
        f'src="data:image/png;base64,{picture}">\n'
        f'<figcaption><span class="badge">{decision}</span>'
        + ("" if pair.right else '<span class="badge wrong">a mistake</span>')
        + f"{escape(pair.title)}. {escape(pair.truth)} {_MISLED if not pair.right else ''}"
        f"{numbers[0].upper()}{numbers[1:]}; {explanation.swapped.mask.mean():.1%} of the "
        f"reference's pixels are marked, and {explanation.forward.mask.mean():.1%} of the test's."
        "</figcaption>\n</figure>"
    )
