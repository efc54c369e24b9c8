import ast
import hashlib
import json
import re
import subprocess
import sys
import zipfile

import pytest

from lpel_export.deployment.kserve import MAX_NAME, kserve_manifest
from lpel_serving.support.errors import ParameterError

KSERVE_SHA256 = "df9bc5888704d9085015e08f1a8fced5ff0698f3becc6212d4e7b8234c71623b"
URIS = [
    "s3://bucket/models",
    "gs://bucket/a/b_c-d.e~f",
    "pvc://claim/path",
    "https://account.blob.example/container/models?sig=a%2Bb&x=1",
    "oci://registry.example:5000/models@sha256:0",
]


def test_the_manifest_reads_as_it_should():
    assert kserve_manifest("lpel", "s3://bucket/models") == (
        "apiVersion: serving.kserve.io/v1beta1\n"
        "kind: InferenceService\n"
        "metadata:\n"
        '  name: "lpel"\n'
        "spec:\n"
        "  predictor:\n"
        "    model:\n"
        "      modelFormat:\n"
        "        name: triton\n"
        "      protocolVersion: v2\n"
        '      storageUri: "s3://bucket/models"\n'
    )


@pytest.mark.parametrize("name", ["a", "on", "null", "x1", "a-b-c", "a" * MAX_NAME])
def test_a_kserve_name_stays_a_string(name):
    assert f'  name: "{name}"\n' in kserve_manifest(name, URIS[0])


@pytest.mark.parametrize(
    "name",
    ["", "A", "1a", "-a", "a-", "a.b", "a b", "a\n", 'a"', "ä", "a_b", "a" * (MAX_NAME + 1)],
)
def test_a_name_that_kubernetes_would_refuse_is_refused(name):
    with pytest.raises(ParameterError, match=r"expected a name .* choose another"):
        kserve_manifest(name, URIS[0])


@pytest.mark.parametrize("uri", URIS)
def test_a_uri_stays_as_it_is(uri):
    quoted = kserve_manifest("lpel", uri).splitlines()[-1].partition(": ")[2]
    assert json.loads(quoted) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "models",
        "/models",
        "s3://",
        "://bucket",
        "s3://bucket/a b",
        "s3://bucket/a\nimage: evil",
        "s3://bucket/\x00",
        "s3://bucket/\x7f",
        "s3://bucket/\u2028",
        's3://bucket/"',
        "s3://bucket/\\n",
        "s3://bücket/",
        "s3://bucket/models\n",
    ],
)
def test_a_uri_that_could_break_out_is_refused(uri):
    with pytest.raises(ParameterError, match="expected a URI such as"):
        kserve_manifest("lpel", uri)


# --- KServe's own schema -------------------------------------------------------------------------


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def schemas(tmp_path_factory) -> dict[str, dict[str, dict[str, str]]]:
    """The OpenAPI models of KServe's own client, read and not imported: it needs a lot."""
    folder = tmp_path_factory.mktemp("kserve")
    pip("download", "--quiet", "--no-deps", "--dest", folder, "kserve==0.21.0")
    found = {}
    (path,) = folder.glob("*.whl")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == KSERVE_SHA256
    with zipfile.ZipFile(path) as wheel:
        for member in wheel.namelist():
            if re.fullmatch(r"kserve/models/v1\w+\.py", member):
                found |= read_schema(wheel.read(member).decode())
    return found


def read_schema(source: str) -> dict[str, dict[str, dict[str, str]]]:
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            tables = {
                statement.targets[0].id: ast.literal_eval(statement.value)
                for statement in node.body
                if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict)
            }
            required = re.findall(r"Invalid value for `(\w+)`, must not be `None`", source)
            found[node.name] = tables | {"required": dict.fromkeys(required, "")}
    return found


@pytest.fixture(scope="module")
def load_yaml(tmp_path_factory):
    folder = tmp_path_factory.mktemp("yaml")
    pip("install", "--quiet", "--no-deps", "--target", folder, "pyyaml==6.0.3")
    program = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); import json, yaml; "
        "print(json.dumps(yaml.safe_load(sys.stdin.read())))"
    )

    def load(text: str) -> dict:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return load


def check(value: object, kind: str, schemas: dict, where: str) -> None:
    """Check a value against a model, and its parts against theirs."""
    if kind == "str":
        assert isinstance(value, str), where
        return
    assert isinstance(value, dict), where
    if kind == "V1ObjectMeta":  # Kubernetes' own, not in KServe's package
        assert set(value) == {"name"}
        return
    schema = schemas[kind]
    keys = {key: name for name, key in schema["attribute_map"].items()}
    assert set(value) <= set(keys), f"{where}: {kind} has {sorted(keys)}"
    assert {schema["attribute_map"][name] for name in schema["required"]} <= set(value), where
    for key, part in value.items():
        check(part, schema["openapi_types"][keys[key]], schemas, f"{where}.{key}")


@pytest.mark.network
@pytest.mark.parametrize("uri", URIS)
def test_the_manifest_is_of_kserves_schema(schemas, load_yaml, uri):
    manifest = load_yaml(kserve_manifest("null", uri))
    assert manifest["metadata"] == {"name": "null"}
    assert manifest["spec"]["predictor"]["model"]["storageUri"] == uri
    check(manifest, "V1beta1InferenceService", schemas, "manifest")


@pytest.mark.network
def test_kserves_schema_notices_a_wrong_manifest(schemas, load_yaml):
    text = kserve_manifest("lpel", URIS[0])
    for wrong in (
        text.replace("storageUri", "storageURI"),
        text.replace("      modelFormat:\n        name: triton\n", ""),
        text.replace("v2", "2"),
    ):
        with pytest.raises(AssertionError):
            check(load_yaml(wrong), "V1beta1InferenceService", schemas, "manifest")
