"""How the service is set up."""

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
    """What a request may ask for.

    Attributes
    ----------
    request_bytes
        Of its body.
    pixels
        Of an image; looked at before it is decoded.
    batch
        Images, embeddings or pairs in one request of the Open Inference Protocol.
    admitted
        Requests that are worked on or wait, together; more are turned away. A request counts once
        its body is there.
    seconds
        From its admission to its answer.
    uploads
        Bodies that are on their way, together; for one more, the slowest of them goes.
    full_uploads
        How many of the largest bodies the memory for those on their way has room for.
    stall_seconds
        In which a body may come to a stop: afterwards ``upload_rate`` is looked at.
    upload_rate
        Bytes a second that must come of a body, over any ``stall_seconds``.
    body_seconds
        Until a body has arrived, however fast it comes: enough for the largest one from a phone
        with a poor connection, since whoever holds others up goes long before.
    drain_seconds
        For bodies that are on their way when the service is being stopped.
    untaken_bytes
        Of answers that wait to be taken, of all clients together; beyond them the slowest are
        hung up on.
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
        """Memory for all bodies that are on their way."""
        return self.full_uploads * self.request_bytes


@dataclass(frozen=True)
class Settings:
    """How the service is set up.

    Attributes
    ----------
    bundle
        The folder of the models.
    host, port
        Where it listens; port 0 takes any that is free.
    api_key
        What callers must know; None lets everybody in, and is refused beyond this machine.
    origins
        Other web pages that may call it, such as ``https://example.org``.
    crop
        Name of the crop that faces are cut out by; the bundle's own if None.
    crops
        More crops that a request may ask for, by name.
    samples
        Pairs of faces that the page offers.
    web_runtime
        A folder with onnxruntime-web's files, for a page that computes in the browser; or None.
    cache_bytes
        Memory for faces that may be asked for again; 0 keeps none.
    provider
        See `Explainer.load`.
    threads
        Threads of one inference, at most one for each core; if None, so many that those at the
        same time fill all cores.
    batch_size, batch_wait
        See `lpel_serving.service.batcher.Batcher`.
    limits
        What a request may ask for.
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
    """Whether only this machine itself can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
