"""`lpel serve`: serves explanations over HTTP, and the web page."""

from pathlib import Path
from typing import Annotated

import typer

from lpel_serving.commands.shared.applies import check_applies
from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import THREADS_HELP, say

_MIB = 2**20


def serve(
    context: typer.Context,
    bundle: Annotated[
        Path,
        typer.Option(
            "--bundle",
            "-b",
            envvar="LPEL_BUNDLE",
            help="The folder of the models.",
            show_default=False,
        ),
    ],
    host: Annotated[
        str,
        typer.Option(
            envvar="LPEL_HOST",
            help="Where to listen. Beyond this machine only with the API key in the environment "
            "variable LPEL_API_KEY.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, envvar="LPEL_PORT", help="0 takes any that is free.")
    ] = 8000,
    crop: Annotated[
        str | None,
        typer.Option(
            envvar="LPEL_CROP",
            help="How to cut faces out: none, a share such as 0.48, or mtcnn. The bundle's own by "
            "default.",
            show_default=False,
        ),
    ] = None,
    allow_crop: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-crop",
            envvar="LPEL_ALLOW_CROP",
            help="Another crop that a request may ask for, such as mtcnn; may be repeated. Shares "
            "and none always may be.",
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            envvar="LPEL_SAMPLES", help="A folder of pairs that the page offers: see `lpel demo`."
        ),
    ] = None,
    web_runtime: Annotated[
        Path | None,
        typer.Option(
            envvar="LPEL_WEB_RUNTIME",
            help="onnxruntime-web's folder dist, for a page that can compute in the browser if the "
            "bundle has explainer.onnx.",
        ),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            envvar="LPEL_ORIGIN",
            help="Another web page that may call, as https://name; may be repeated.",
        ),
    ] = None,
    capacity: Annotated[
        int,
        typer.Option(
            min=1, max=1024, envvar="LPEL_CAPACITY", help="Requests running or waiting, together."
        ),
    ] = 32,
    seconds: Annotated[
        float, typer.Option(min=1, envvar="LPEL_SECONDS", help="That a request may take.")
    ] = 120.0,
    max_mib: Annotated[
        int, typer.Option(min=1, max=256, envvar="LPEL_MAX_MIB", help="Of a request's body.")
    ] = 16,
    cache_mib: Annotated[
        int,
        typer.Option(
            min=0, envvar="LPEL_CACHE_MIB", help="Memory for faces that are requested again."
        ),
    ] = 64,
    private: Annotated[
        bool,
        typer.Option(
            "--private", envvar="LPEL_PRIVATE", help="Keep no face beyond its request, in no cache."
        ),
    ] = False,
    provider: Annotated[
        str,
        typer.Option(envvar="LPEL_PROVIDER", help="onnxruntime's execution provider: cpu, cuda, …"),
    ] = "cpu",
    threads: Annotated[
        int | None,
        typer.Option(min=1, envvar="LPEL_THREADS", help=THREADS_HELP, show_default=False),
    ] = None,
) -> None:
    """Answer over HTTP why two faces were called the same or different, and serve a page."""
    import os
    from functools import partial

    from lpel_serving.bundle.loading import read_manifest
    from lpel_serving.bundle.manifest import EXPLAINER_FILE
    from lpel_serving.images.crops import parse_crop
    from lpel_serving.service.http.app import open_service
    from lpel_serving.service.http.server import serve as serve_forever
    from lpel_serving.service.http.server import take_address
    from lpel_serving.service.http.settings import Limits, Settings
    from lpel_serving.service.samples import read_samples

    check_applies(context, not private, "goes with a cache, not with --private", "--cache-mib")
    if web_runtime is not None:
        made = EXPLAINER_FILE in read_manifest(bundle).files
        how = "goes with a bundle whose explainer.onnx, by `lpel export`, onnxruntime-web can run"
        check_applies(context, made, how, "--web-runtime")
    settings = Settings(
        bundle=bundle,
        host=host,
        port=port,
        api_key=os.environ.get("LPEL_API_KEY", "").strip() or None,
        origins=tuple(origin or ()),
        crop=crop,
        crops={name: parse_crop(name) for name in allow_crop or () if name != crop},
        samples=() if samples is None else read_samples(samples),
        web_runtime=web_runtime,
        cache_bytes=0 if private else cache_mib * _MIB,
        provider=provider,
        threads=threads,
        limits=Limits(
            request_bytes=max_mib * _MIB,
            admitted=capacity,
            seconds=seconds,
            uploads=max(Limits.uploads, 2 * capacity),
        ),
    )
    with take_address(host, port) as sock:
        address = f"http://{_shown(host)}:{sock.getsockname()[1]}/"
        announce = partial(say, f"The page, and the service: {address}")
        serve_forever(open_service(settings), settings, sock, announce)


def _shown(host: str) -> str:
    """A host as written in an address."""
    return f"[{host}]" if ":" in host else host


command = Command(
    serve,
    needs=(
        ("onnxruntime", "cpu"),
        ("uvicorn", "serve"),
        ("starlette", "serve"),
        ("pydantic", "serve"),
        ("python_multipart", "serve"),
        ("prometheus_client", "serve"),
        ("orjson", "serve"),
    ),
)
