"""A manifest for KServe, which serves a Triton model repository on Kubernetes."""

import re

from lpel_serving.support.errors import ParameterError

MAX_NAME = 53
"""KServe makes a service called ``NAME-predictor``, and Kubernetes takes 63 characters."""

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")

_MANIFEST = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: "{name}"
spec:
  predictor:
    model:
      modelFormat:
        name: triton
      protocolVersion: v2
      storageUri: "{uri}"
"""


def kserve_manifest(name: str, storage_uri: str) -> str:
    """Write the InferenceService that serves a repository of `lpel_export.deployment.triton`.

    Its model format is `triton`, which is a whole repository and which Triton alone takes; `onnx`
    would be one model, and other runtimes take it too. All models of the repository are served,
    each under its own name.

    Parameters
    ----------
    name
        What the service is called: a DNS label that begins with a letter.
    storage_uri
        Where the repository was uploaded to: ``s3://bucket/models``, ``pvc://claim/path``, …

    Returns
    -------
    str
        YAML, for ``kubectl apply -f``.

    Raises
    ------
    ParameterError
        If the name is no such label, or the address is no URI.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise ParameterError(
            f"expected a name of 1 to {MAX_NAME} lower-case letters, digits and hyphens that "
            f"begins with a letter and does not end with a hyphen, received {name!r}: choose "
            "another, such as lpel."
        )
    if not _URI.fullmatch(storage_uri):  # these characters need no escapes in quotes
        raise ParameterError(
            f"expected a URI such as s3://bucket/models, received {storage_uri!r}: name the "
            "scheme, and write spaces and other characters as %20 and so on."
        )
    return _MANIFEST.format(name=name, uri=storage_uri)
