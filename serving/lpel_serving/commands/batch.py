"""`lpel batch`: explains millions of pairs into Parquet."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from lpel_serving.commands.shared.applies import check_applies
from lpel_serving.commands.shared.batch_words import announce, in_words, remarks
from lpel_serving.commands.shared.command import Command, of_local_paths
from lpel_serving.commands.shared.options import (
    BundleOption,
    CropOption,
    JsonOption,
    ListPassedOverOption,
    ProviderOption,
    SeedOption,
    SetOption,
    print_json,
    say,
)
from lpel_serving.commands.shared.passed_over import in_json, report

if TYPE_CHECKING:
    from lpel_serving.batch.stages.stage import StageRunner

RUN = "run"
_OutArgument = Annotated[Path, typer.Argument(help="The folder of the results.")]


class _RunByDefault(TyperGroup):
    """Takes `lpel batch PAIRS OUT` for `lpel batch run PAIRS OUT`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    help="Explain millions of pairs into Parquet: `lpel batch PAIRS OUT --bundle B`.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(RUN)
@of_local_paths
def run_command(
    context: typer.Context,
    pairs: Annotated[
        Path,
        typer.Argument(
            help="Pairs as Parquet, a file or a folder of parts, or CSV (columns reference and "
            "test, perhaps pair_id), or in LFW's format; with --gallery a list of probes (column "
            "image, perhaps image_id), or a folder of them."
        ),
    ],
    out: _OutArgument,
    bundle: BundleOption,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Where relative paths begin; beside the list by default."),
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option("--gallery", help="Search each probe in this list, or folder, of images."),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=1, help="How many of the gallery to explain for a probe.")
    ] = 10,
    method: Annotated[
        str | None,
        typer.Option(
            help="What explains: surrogate if the bundle has one, else responses, else lpel; of "
            "lists of embeddings responses first, which takes a hundredth of the time there. "
            "surrogate-order, the default of `lpel explain`, is slow for many pairs."
        ),
    ] = None,
    set_parameters: SetOption = None,
    map_side: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Side of the maps of `responses` and `surrogate`, short for --set size=SIDE: that "
            "of their superpixels by default.",
        ),
    ] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="Measure each pair's own deletion curve: slow.")
    ] = False,
    draws: Annotated[int, typer.Option(min=1, help="Random orders beside each curve.")] = 10,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            "--embeddings",
            help="A file to take embeddings from and add them to, for later jobs; none are kept "
            "otherwise.",
        ),
    ] = None,
    crop: CropOption = None,
    seed: SeedOption = 0,
    engine: Annotated[str, typer.Option("--engine", help="local or ray.")] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads, at most four for each core, or actors of Ray; as many as cores by "
            "default.",
        ),
    ] = None,
    gpus: Annotated[
        float, typer.Option(min=0, help="Cards for each actor of Ray, such as 1 or 0.5.")
    ] = 0,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Images in one inference: 8 on a CPU, 64 elsewhere by default."),
    ] = None,
    provider: ProviderOption = "cpu",
    list_passed_over: ListPassedOverOption = False,
    json: JsonOption = False,
) -> None:
    """Explain pairs into Parquet; the same command again resumes the job."""
    from lpel_serving.batch.input.lists import Lists, header_of, passed_over
    from lpel_serving.batch.input.parquet import is_parquet
    from lpel_serving.batch.job import Job
    from lpel_serving.batch.results import (
        first_message,
        has_regions,
        implausible_rows,
        rows_with_several_faces,
    )
    from lpel_serving.batch.run import run, unannounced
    from lpel_serving.batch.settings import BatchSettings
    from lpel_serving.commands.shared.progress import batch_bar
    from lpel_serving.methods.catalogue.registry import read_parameters

    check_applies(context, gallery is not None, "goes with --gallery", "--top")
    check_applies(context, curves, "goes with --curves", "--draws")
    check_applies(context, method is not None, "goes with --method", "--set")
    check_applies(context, engine == "ray", "goes with --engine ray", "--gpus")
    has_paths = gallery is None or any(
        is_parquet(one) or not one.is_dir() for one in (pairs, gallery)
    )
    check_applies(context, has_paths, "goes with lists, not with folders", "--images")
    parameters = {} if method is None else read_parameters(method, set_parameters or ())
    settings = BatchSettings(
        method, map_side, curves, draws, seed=seed, top=top, parameters=parameters
    )
    job = Job(
        Lists(pairs, gallery, images),
        out,
        bundle,
        settings,
        crop=crop,
        provider=provider,
        batch_size=batch_size or (8 if provider == "cpu" else 64),
        kept=embeddings,
    )
    say_how = unannounced if json else announce  # the document names it
    summary = run(job, _engine(engine, workers, gpus), batch_bar, say_how)
    passed, header = passed_over(job.lists), header_of(job.lists)
    report(passed or (), names=list_passed_over, header=header)
    several, implausible = rows_with_several_faces(out), implausible_rows(out)
    if json:
        counts = {"rows_with_several_faces": several, "implausible_rows": implausible}
        said: dict[str, Any] = {} if header is None else {"header": header}
        said |= {} if passed is None else in_json(passed, names=list_passed_over)
        print_json(asdict(summary) | counts | said)
    else:
        say(in_words(summary, out))
    for line in remarks(summary, several, implausible, regions=has_regions(out)):
        sys.stderr.write(f"lpel: {line}\n")
    if summary.errors == summary.rows:
        why = first_message(out)
        sys.stderr.write(f"lpel: not one row could be explained; the first says: {why}\n")
        raise typer.Exit(1)


@app.command("status")
@of_local_paths
def status_command(out: _OutArgument, json: JsonOption = False) -> None:
    """Show the progress of a job."""
    from lpel_serving.batch.results import status

    found = status(out)
    if json:
        print_json(asdict(found))
        return
    say(f"{found.state}" if found.stage == "nothing" else f"{found.state}, {found.stage}")
    if found.shards is None:
        return
    say(
        f"{found.images_embedded:,} of {found.images:,} distinct images embedded\n"
        f"{found.shards_committed:,} of {found.shards:,} shards committed: "
        f"{found.rows_committed:,} rows, {found.errors:,} of them errors"
    )


def _engine(name: str, workers: int | None, gpus: float) -> "StageRunner":
    from lpel_serving.batch.stages.runners import Local, OnRay
    from lpel_serving.support.cores import cores
    from lpel_serving.support.errors import ParameterError

    if name == "local":
        return Local(workers or cores())
    if name == "ray":
        return OnRay(workers or cores(), gpus=gpus)
    raise ParameterError(f"no engine is called {name!r}; there are: local, ray.")


command = Command(app, needs=(("onnxruntime", "cpu"), ("pyarrow", "batch")))
