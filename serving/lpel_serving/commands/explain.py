"""`lpel explain`: explains the decision on one pair, both ways."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import (
    BundleOption,
    CropOption,
    JsonOption,
    ProviderOption,
    SeedOption,
    SetOption,
    ThreadsOption,
    print_json,
    say,
)
from lpel_serving.equations.mask import DEFAULT_EPSILON

if TYPE_CHECKING:
    from lpel_serving.methods.explanation import PairExplanation


def _face_option(role: str) -> Any:
    return typer.Option(
        f"--{role}-face",
        min=0,
        help=f"Which face of the {role}, where --crop finds several: 0, the largest, by default.",
        show_default=False,
    )


def explain(
    reference: Annotated[Path, typer.Argument(help="A photograph of a face.", show_default=False)],
    test: Annotated[Path, typer.Argument(help="Another one.", show_default=False)],
    bundle: BundleOption,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write figure, arrays and summary here."),
    ] = None,
    crop: CropOption = None,
    reference_face: Annotated[int | None, _face_option("reference")] = None,
    test_face: Annotated[int | None, _face_option("test")] = None,
    p: Annotated[
        float | None,
        typer.Option(help="For lpel: short for --set p=P, the size of the perturbation (Eq. 4.5)."),
    ] = None,
    epsilon: Annotated[
        float, typer.Option(help="Threshold of the mask (Eq. 4.7).")
    ] = DEFAULT_EPSILON,
    method: Annotated[
        str | None,
        typer.Option(
            help="lpel, or another of `lpel methods`. If not given, the best that the bundle can "
            "do: surrogate-order if it has a surrogate, responses if it has a response decoder, "
            "else lpel."
        ),
    ] = None,
    settings: SetOption = None,
    seed: SeedOption = 0,
    provider: ProviderOption = "cpu",
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Explain why two faces were called the same or different, each compared with the other."""
    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_serving.engine.explainer import Explainer
    from lpel_serving.engine.inventory import images_needed
    from lpel_serving.images.crop_words import called
    from lpel_serving.methods.catalogue.parameters import parameters_of
    from lpel_serving.methods.catalogue.registry import LPEL, find_method
    from lpel_serving.methods.counted import counted
    from lpel_serving.methods.measured.stream import DEFAULT_BATCH
    from lpel_serving.report.document import document

    if method is not None:  # impossible options are refused before anything is loaded
        find_method(method, **_values(method, settings or (), p))
    explainer = Explainer.load(bundle, crop=crop, provider=provider, threads=threads)
    name = method or explainer.default_name
    values = _values(name, settings or (), p)
    chosen = find_method(name, **values)
    own = parameters_of(chosen)
    needed = images_needed(chosen, explainer) if sys.stderr.isatty() else {}  # a bar is for people
    with counted(chosen, needed, progress_bar, portion=DEFAULT_BATCH) as followed:
        pair = explainer.explain(
            reference,
            test,
            epsilon=epsilon,
            method=followed,
            seed=seed,
            faces=(reference_face, test_face),
        )
    manifest = explainer.manifest
    answer: dict[str, Any] = {
        **document(pair),
        "control": pair.control,
        "method": name,
        "parameters": {
            **(own if name == LPEL else {"seed": seed, **{one: own[one] for one in values}}),
            "epsilon": epsilon,
            "crop": called(crop, manifest.crop),
        },
        "bundle": {name: file.sha256 for name, file in manifest.files.items()},
    }
    files = {} if out is None else _write(pair, answer, out)
    if json:
        print_json(answer | {"files": files})
        return
    say("\n".join(_sentences(pair)))
    for what, path in files.items():
        say(f"  {what}: {path}")


def _values(name: str, settings: Sequence[str], p: float | None) -> dict[str, Any]:
    """Read the parameters of a method that are set; `p` has an option of its own."""
    from lpel_serving.methods.catalogue.registry import LPEL, own_parameters, read_parameters
    from lpel_serving.support.errors import ParameterError

    values = read_parameters(name, settings)
    if p is None:
        return values
    if all(one.name != "p" for one in own_parameters(name)):
        raise ParameterError(
            f"--p is LPEL's own: it is not taken with the method {name}. Give --method {LPEL} too."
        )
    if "p" in values:
        raise ParameterError("the parameter p is given twice, by --p and by --set: give it once.")
    return {**values, "p": p}


def _write(pair: "PairExplanation", answer: dict[str, Any], out: Path) -> dict[str, str]:
    import json

    from lpel_serving.report.array_file import write_arrays
    from lpel_serving.report.figures import write_pair_figure
    from lpel_serving.support.errors import MissingExtraError
    from lpel_serving.support.files import write_atomically

    files = {"arrays": out / "explanation.npz", "summary": out / "explanation.json"}
    write_arrays(pair, files["arrays"])
    text = json.dumps(answer, indent=2, allow_nan=False) + "\n"
    write_atomically(files["summary"], text.encode())
    try:
        write_pair_figure(pair, out / "explanation.png")
        files["figure"] = out / "explanation.png"
    except MissingExtraError as error:
        typer.echo(f"No figure was drawn. {error}", err=True)
    return {what: str(path) for what, path in files.items()}


def _sentences(pair: "PairExplanation") -> list[str]:
    """The decision in short, how it was explained, then the same sentences as the service's."""
    from lpel_serving.images.found import in_words
    from lpel_serving.report.verdict import explained, in_short, origin_and_method

    verdict = explained(pair)
    numbers = in_short(pair.decision, origin_and_method(pair)[0].comparison)
    said = [
        verdict.doubt,
        f"{numbers[0].upper()}{numbers[1:]}: the network calls them {pair.decision.word}.",
        _by_method(pair),
        *verdict.further,
        *in_words(pair.found),
        verdict.beside_map,
    ]
    return [one for one in said if one is not None]


def _by_method(pair: "PairExplanation") -> str:
    """Name the method, and the agreement of its two maps."""
    from lpel_serving.report.verdict import origin_and_method

    origin, used = origin_and_method(pair)
    title = origin.subject.retell(used.title)
    plain = "" if used.title == used.name else f" ({title})"
    how = f"Explained both ways by {used.name}{plain}"
    if pair.control:
        how = f"Both ways by the control {used.name}"
    if any(one.heat_map.min() == one.heat_map.max() for one in (pair.forward, pair.swapped)):
        return (
            f"{how}, a heat-map is the same everywhere: it points at nothing, and there is no "
            "agreement to measure."
        )
    return (
        f"{how}, the heat-maps agree with rank correlation {pair.agreement.spearman:.2f}, the "
        f"masks with IoU {pair.agreement.iou:.2f}."
    )


command = Command(explain, needs=(("onnxruntime", "cpu"),))
