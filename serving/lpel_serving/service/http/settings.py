"""The settings of the service."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lpel_serving.images.crops import Crop
from lpel_serving.service.samples import Sample
from lpel_serving.support.errors import ParameterError

_ORIGIN = r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[1-9][0-9]*)?"
_DEFAULT_PORTS = (":80", ":443")


@dataclass(frozen=True)
class Limits:
    """The limits of the service.

    Attributes
    ----------
    request_bytes
        Bytes of a request's body.
    pixels
        Pixels of an image; checked before it is decoded.
    batch
        Images, embeddings or pairs in one request of the Open Inference Protocol.
    admitted
        Requests that are running or waiting, together; more are rejected. A request counts once its
        body is complete.
    seconds
        From its admission to its answer.
    uploads
        Uploads in progress, together; for one more, the slowest of them is dropped.
    full_uploads
        How many of the largest bodies fit into the memory for uploads.
    stall_seconds
        How long a body may stall; afterwards ``upload_rate`` is checked.
    upload_rate
        Bytes a second that must arrive of a body, over any ``stall_seconds``.
    body_seconds
        Until a body has arrived, at any speed: enough for the largest one from a phone with a poor
        connection, since uploads that block others are dropped long before.
    drain_seconds
        For uploads in progress when the service is being stopped.
    untaken_bytes
        Unsent bytes of answers, of all clients together; beyond them the slowest clients are
        dropped.
    """

    request_bytes: int = 16 * 2**20
    pixels: int = 24_000_000
    batch: int = 64
    admitted: int = 32
    seconds: float = 120.0
    uploads: int = 64
    full_uploads: int = 8
    stall_seconds: float = 5.0
    upload_rate: int = 1024
    body_seconds: float = 600.0
    drain_seconds: float = 5.0
    untaken_bytes: int = 128 * 2**20

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < 2**40:
                raise ParameterError(f"the limit {name} must be above 0; received {value}.")

    @property
    def uploads_bytes(self) -> int:
        """Memory for all uploads in progress."""
        return self.full_uploads * self.request_bytes


@dataclass(frozen=True)
class Settings:
    """The settings of the service.

    Attributes
    ----------
    bundle
        The folder of the models.
    host, port
        Address and port; port 0 takes any that is free.
    api_key
        The API key; None admits everybody, and is refused beyond this machine.
    origins
        Other origins that may call it, such as ``https://example.org``.
    crop
        Name of the default crop; the bundle's own if None.
    crops
        More crops that a request may choose, by name.
    samples
        Pairs of faces that the page offers.
    web_runtime
        A folder with onnxruntime-web's files, for a page that computes in the browser; or None.
    cache_bytes
        Memory for faces that may be requested again; 0 keeps none.
    provider
        See `Explainer.load`.
    threads
        Threads of one inference, at most one for each core; if None, so many that concurrent
        inferences use all cores.
    batch_size, batch_wait
        See `lpel_serving.service.batcher.Batcher`.
    limits
        The limits of the service.
    """

    bundle: Path
    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    crop: str | None = None
    crops: Mapping[str, Crop] = field(default_factory=dict[str, Crop])
    samples: tuple[Sample, ...] = ()
    web_runtime: Path | None = None
    cache_bytes: int = 64 * 2**20
    provider: str = "cpu"
    threads: int | None = None
    batch_size: int = 8
    batch_wait: float = 0.002
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and self.api_key is None:
            raise ParameterError(
                f"listening on {self.host} lets other machines in: set an API key (the environment "
                "variable LPEL_API_KEY), or listen on 127.0.0.1."
            )
        if self.api_key is not None and not re.fullmatch(r"[!-~]{16,}", self.api_key):
            raise ParameterError(
                "an API key has at least 16 characters, all of them printable ASCII and none a "
                "space: make a random one."
            )
        for origin in self.origins:
            if not re.fullmatch(_ORIGIN, origin) or origin.endswith(_DEFAULT_PORTS):
                raise ParameterError(
                    "an origin is what a browser sends: scheme and host in lower case, and a port "
                    f"if it is not the usual one, as https://example.org; received {origin[:60]!a}."
                )
        if self.batch_size < 1 or self.batch_wait < 0 or self.cache_bytes < 0:
            raise ParameterError(
                "a batch holds at least 1 image, and neither its wait nor the cache can be below "
                f"0; received {self.batch_size}, {self.batch_wait} and {self.cache_bytes}."
            )


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
