"""`lpel assess`: deletion curves of methods, compared with those of their controls."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lpel_serving.commands.shared.applies import DRAWN, check_applies
from lpel_serving.commands.shared.assessed import (
    about_assessment,
    keep_in_bundle,
    partial_of,
    report_curve,
    write_summary,
)
from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import (
    BundleOption,
    CropOption,
    FacesOption,
    IdentitiesOption,
    JsonOption,
    ListPassedOverOption,
    MostBadOption,
    ProviderOption,
    SeedOption,
    SetOption,
    ThreadsOption,
    print_json,
    say,
)
from lpel_serving.commands.shared.passed_over import in_json, report
from lpel_serving.images.datasets.passed_over import MOST_BAD, Unusable

if TYPE_CHECKING:
    from lpel_serving.commands.shared.given import GivenPairs
    from lpel_serving.equations.fill import FillName
    from lpel_serving.methods.method import Method

_SPARE = 8
"""Factor of pairs that are drawn, since only those that the network decides rightly are used."""


def assess(
    context: typer.Context,
    bundle: BundleOption,
    faces: FacesOption,
    pairs: Annotated[
        Path | None,
        typer.Option(help="Pairs in LFW's format to draw from; all possible ones when left out."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=2, help="Pairs for each curve.")] = 100,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="What is assessed; may be repeated for rivals on the same pairs. If not given, "
            "that of `lpel explain`: surrogate-order if the bundle has a surrogate, else "
            "responses if it has that, else lpel."
        ),
    ] = None,
    settings: SetOption = None,
    curve: Annotated[
        list[str] | None,
        typer.Option(
            help="similar, dissimilar, transplant or transplant-similar; may be repeated. The "
            "first three by default.",
        ),
    ] = None,
    superpixel: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Side of a superpixel, in pixels of the decoder's images; as many as give about 8 "
            "along a side by default, 5 of 40.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        int,
        typer.Option(min=1, help="Measure after every so many superpixels; 1 in the thesis."),
    ] = 4,
    fill: Annotated[
        str, typer.Option(help="normal, uniform, grey, black, white, mean or blur.")
    ] = "normal",
    variance: Annotated[
        float, typer.Option(min=0, help="Of the normal noise, on pixels in [0, 1].")
    ] = 0.09,
    shared_noise: Annotated[
        bool, typer.Option("--shared-noise", help="Fill both images with the same noise.")
    ] = False,
    draws: Annotated[int, typer.Option(min=1, help="Random orders for each pair.")] = 10,
    identities: IdentitiesOption = None,
    crop: CropOption = None,
    seed: SeedOption = 0,
    most_bad: MostBadOption = MOST_BAD,
    list_passed_over: ListPassedOverOption = False,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Keep what came out of the first method in the bundle, whose maps then say it.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Write curves, figures and summary here; if interrupted, resume."
        ),
    ] = None,
    provider: ProviderOption = "cpu",
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Draw the deletion curves of an explanation method beside those of its controls."""
    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_serving.engine.crowds import count_crowds, crowds, crowds_in_words
    from lpel_serving.engine.explainer import Explainer
    from lpel_serving.equations.fill import Fill
    from lpel_serving.faithfulness.curve_settings import CurveSettings, settings_for
    from lpel_serving.faithfulness.study import QUESTIONS, ask, check_drawn, find_question
    from lpel_serving.methods.catalogue.parameters import parameters_of

    questions = {name: find_question(name) for name in curve or list(QUESTIONS)[:3]}
    _check_applies(context, {one.kind for one in questions.values()}, fill, pairs, settings)
    for name in method or ():
        _chosen(name, settings)  # impossible options are refused before anything is loaded
    explainer = Explainer.load(bundle, crop=crop, provider=provider, threads=threads)
    found = {name: _chosen(name, settings) for name in method or [explainer.default_name]}
    methods = {_title(name, one): one for name, one in found.items()}
    count_crowds(explainer.embedder)
    size = max(explainer.manifest.drawn[:2])
    fills = Fill(cast("FillName", fill), variance, size)
    usual = settings_for("test", explainer.manifest.drawn, every=every, draws=draws).superpixel
    side = superpixel or usual
    filling = CurveSettings("test", side, size, every, fills, shared_noise, draws)
    unusable = Unusable(most_bad, names=list_passed_over)
    given = _candidates(faces, identities, pairs, n, seed, unusable)
    decisions = dict.fromkeys(question.similar for question in questions.values())
    try:
        chosen = {same: _choose(explainer, given, n, same, seed) for same in decisions}
    finally:  # too few pairs may be due to what was skipped
        passed = given.all_passed_over()
        report(passed, names=list_passed_over, header=given.header)
    check_drawn(questions.values(), chosen, filling, explainer.comparison)
    _try_out(methods, explainer, list(chosen.values()), seed)
    said = in_json(passed, names=False, header=given.header)
    document = about_assessment(explainer.manifest, crop, seed) | said
    if settings:
        document["parameters"] = {name: parameters_of(one) for name, one in found.items()}
    answers: dict[str, Any] = {}
    for name, question in questions.items():
        answer = answers[name] = ask(
            explainer,
            chosen[question.similar],
            question,
            methods,
            filling,
            seed,
            networks_identity=repr(document["bundle"]),
            partial=None if out is None else partial_of(out, name),
            progress=progress_bar,
        )
        document["curves"][name] = report_curve(name, answer, out, quiet=json)
    kept_in, first = bundle if keep else None, next(iter(found))
    keep_in_bundle(kept_in, explainer.manifest, first, answers, document["crop"])
    document["photographs_with_several_faces"] = crowds(explainer.embedder)
    if out is not None:
        write_summary(out, document)
        for name in questions:
            partial_of(out, name).unlink(missing_ok=True)
    if json:
        said = in_json(passed, names=list_passed_over, header=given.header)
        print_json(document | said)
    elif crowded := crowds_in_words(crowds(explainer.embedder)):
        say(crowded)


def _chosen(name: str, settings: list[str] | None) -> "Method":
    from lpel_serving.methods.catalogue.registry import find_method, read_parameters

    return find_method(name, **read_parameters(name, settings or ()))


def _check_applies(
    context: typer.Context,
    kinds: set[str],
    fill: str,
    pairs: Path | None,
    settings: list[str] | None,
) -> None:
    check = partial(check_applies, context)
    noisy = "both" in kinds and fill in ("normal", "uniform")
    filled = kinds != {"transplant"}
    check(pairs is None, DRAWN, "--identities")
    check(not settings, "goes with a method as it is, not with --set", "--keep")
    check(filled, "goes with a curve that fills superpixels", "--fill", "--variance")
    check(fill == "normal", "goes with --fill normal", "--variance")
    check(noisy, "goes with --curve dissimilar and a fill of noise", "--shared-noise")


def _choose(explainer: Any, given: "GivenPairs", n: int, same: bool, seed: int) -> Any:
    import numpy as np

    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_serving.faithfulness.photograph_pairs import rightly_decided

    return rightly_decided(
        explainer.embedder,
        explainer.comparison,
        given.pairs,
        n,
        threshold=explainer.manifest.threshold.value,
        same=same,
        rng=np.random.default_rng(seed),
        subject=explainer.manifest.subject,
        unusable=given.unusable,
        progress=progress_bar,
    )


def _try_out(methods: dict[str, Any], explainer: Any, chosen: list[Any], seed: int) -> None:
    """Try every method once, so that errors show before hours of work."""
    import numpy as np

    for pairs in chosen:
        for method in methods.values():
            method(pairs[0], explainer, np.random.default_rng(seed))


def _title(name: str, method: Any) -> str:
    """A control that is assessed as a method needs a name of its own."""
    from lpel_serving.methods.method import is_control

    kind = "control" if is_control(method) else "method"
    return {"lpel": "LPEL", "emsnn": "EMSNN"}.get(name, f"the {kind} {name}")


def _candidates(
    faces: Path,
    identities: Path | None,
    pairs: Path | None,
    n: int,
    seed: int,
    unusable: Unusable,
) -> "GivenPairs":
    import numpy as np

    from lpel_serving.commands.shared.given import given_pairs
    from lpel_serving.images.datasets.pairs import sample_of_each

    rng = np.random.default_rng(seed)
    return given_pairs(
        faces, identities, pairs, lambda found: sample_of_each(found, _SPARE * n, rng), unusable
    )


command = Command(assess, needs=(("onnxruntime", "cpu"),))
