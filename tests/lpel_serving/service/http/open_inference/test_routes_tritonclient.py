"""Triton's own client, unmodified: whatever it can ask that the protocol has, it is given."""

import asyncio
import gc

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.http import aio

from lpel_serving import Explainer
from support import tiny

COMPRESSIONS = (None, "gzip", "deflate")
MODELS = ("embedder", "decoder", "responses", "explainer")
TYPES = {np.dtype(np.uint8): "UINT8", np.dtype(np.float32): "FP32"}


@pytest.fixture
def client(service):
    with triton.InferenceServerClient(service.address.removeprefix("http://")) as one:
        yield one


@pytest.fixture(scope="module")
def engine(service_bundle):
    return Explainer.load(service_bundle)


def given(name: str, values: np.ndarray, *, binary: bool = True):
    tensor = triton.InferInput(name, list(values.shape), TYPES[values.dtype])
    return tensor.set_data_from_numpy(values, binary_data=binary)


def wanted(name: str, *, binary: bool = True):
    return triton.InferRequestedOutput(name, binary_data=binary)


def refusal(call, *arguments, **options):
    with pytest.raises(triton.InferenceServerException) as caught:
        call(*arguments, **options)
    return caught.value


def test_it_finds_the_server_alive_and_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()


@pytest.mark.parametrize("version", ["", "1"])
@pytest.mark.parametrize("model", MODELS)
def test_it_finds_every_model_ready(client, model, version):
    assert client.is_model_ready(model, version)
    assert not client.is_model_ready(model, "2")
    assert not client.is_model_ready(f"{model}s")


def test_it_is_told_what_the_server_speaks(client):
    about = client.get_server_metadata()
    assert about["name"] == "lpel"
    assert "binary_tensor_data" in about["extensions"]


@pytest.mark.parametrize("version", ["", "1"])
@pytest.mark.parametrize("model", MODELS)
def test_it_can_ask_by_what_the_metadata_say(client, model, version):
    about = client.get_model_metadata(model, version)
    assert (about["name"], about["versions"]) == (model, ["1"])
    inputs = []
    for tensor in about["inputs"]:
        shape = [2 if size == -1 else size for size in tensor["shape"]]
        values = np.full(shape, 0.5, {"UINT8": np.uint8, "FP32": np.float32}[tensor["datatype"]])
        inputs.append(given(tensor["name"], values))
    result = client.infer(model, inputs, version)
    for tensor in about["outputs"]:
        values = result.as_numpy(tensor["name"])
        assert list(values.shape) == [2 if size == -1 else size for size in tensor["shape"]]
        assert result.get_output(tensor["name"])["datatype"] == tensor["datatype"]


def test_it_is_told_the_configuration(client, service):
    for model in MODELS:
        config = client.get_model_config(model, "1")
        assert config["name"] == model
        origin = config["parameters"]["bundle_sha256"]["string_value"]
        assert origin == service.service.manifest.identity
    decoder = client.get_model_config("decoder")
    assert decoder["max_batch_size"] == service.settings.limits.batch
    assert decoder["input"][0]["dims"] == [tiny.DIMENSION]
    assert decoder["input"][0]["data_type"] == "TYPE_FP32"
    explainer = client.get_model_config("explainer")
    assert [one["optional"] for one in explainer["input"]] == [False, False, True, True]
    assert explainer["parameters"]["method"]["string_value"] == "responses"


def test_it_lists_the_models(client):
    index = client.get_model_repository_index()
    assert [one["name"] for one in index] == list(MODELS)
    assert {(one["version"], one["state"]) for one in index} == {("1", "READY")}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("output_binary", [True, False])
@pytest.mark.parametrize("binary", [True, False])
def test_every_way_of_sending_gives_the_engines_bytes(
    client, engine, faces, embeddings, binary, output_binary, compression
):
    def infer(model: str, output: str, name: str, values: np.ndarray) -> np.ndarray:
        result = client.infer(
            model,
            [given(name, values, binary=binary)],
            outputs=[wanted(output, binary=output_binary)],
            request_id="a-é-7",
            request_compression_algorithm=compression,
            response_compression_algorithm=compression,
        )
        assert result.get_response()["id"] == "a-é-7"
        assert result.get_response()["model_version"] == "1"
        return result.as_numpy(output)

    crops = faces[0]
    embedded = infer("embedder", "embedding", "image", crops)
    assert embedded.tobytes() == engine.embed(crops).tobytes()
    decoded = infer("decoder", "reconstruction", "embedding", embeddings)
    assert decoded.tobytes() == engine.decode(embeddings).tobytes()
    responses = infer("responses", "response", "embedding", embeddings)
    assert responses.shape == (3, tiny.SIDE, tiny.SIDE, tiny.DIMENSION)
    assert responses.tobytes() == engine.respond(embeddings).tobytes()


def test_outputs_come_as_they_were_asked_for_and_in_that_order(client, faces):
    names = ["test_mask", "similarity", "reference_heat_map"]
    asked = [wanted(name, binary=name != "similarity") for name in names]
    inputs = [given("reference", faces[0]), given("test", faces[1])]
    result = client.infer("explainer", inputs, outputs=asked)
    outputs = result.get_response()["outputs"]
    assert [one["name"] for one in outputs] == names
    assert ["data" in one for one in outputs] == [False, True, False]
    whole = client.infer("explainer", inputs)
    for name in names:
        assert result.as_numpy(name).tobytes() == whole.as_numpy(name).tobytes()
        assert result.as_numpy(name).dtype == whole.as_numpy(name).dtype


def test_requests_may_be_under_way_together(client, engine, faces):
    crops = faces[0]
    requests = [
        client.async_infer("embedder", [given("image", crops[i : i + 1])], request_id=str(i))
        for i in range(6)
    ]
    alone = engine.embed(crops)
    for i, request in enumerate(requests):
        result = request.get_result(timeout=30)
        assert result.get_response()["id"] == str(i)
        assert result.as_numpy("embedding").tobytes() == alone[i].tobytes()


def test_parameters_that_have_no_meaning_here_do_no_harm(client, embeddings):
    result = client.infer(
        "decoder",
        [given("embedding", embeddings)],
        sequence_id=5,
        sequence_start=True,
        priority=1,
        timeout=10**6,
        parameters={"mine": "own"},
    )
    assert result.as_numpy("reconstruction").shape == (3, 8, 8, 3)


def test_a_body_may_be_made_and_read_without_the_client(service, embeddings):
    kind = triton.InferenceServerClient
    body, length = kind.generate_request_body([given("embedding", embeddings)])
    headers = {"Inference-Header-Content-Length": str(length)}
    answer = service.client.post("/v2/models/decoder/infer", content=body, headers=headers)
    length = int(answer.headers["Inference-Header-Content-Length"])
    result = kind.parse_response_body(answer.content, header_length=length)
    assert result.as_numpy("reconstruction").shape == (3, 8, 8, 3)


def test_the_client_for_asyncio_is_served_alike(service, embeddings, engine):
    """Which is the one that MLServer's own command is made of."""

    async def ask() -> np.ndarray:
        async with aio.InferenceServerClient(service.address.removeprefix("http://")) as client:
            assert await client.is_server_ready()
            assert (await client.get_model_metadata("decoder"))["name"] == "decoder"
            inputs = [given("embedding", embeddings)]
            result = await client.infer("decoder", inputs, request_compression_algorithm="gzip")
            return result.as_numpy("reconstruction")

    assert asyncio.run(ask()).tobytes() == engine.decode(embeddings).tobytes()
    gc.collect()


def test_it_raises_its_own_error_for_whatever_is_wrong(client, faces, embeddings):
    crops = faces[0]
    wrong = {
        "the input embedding is missing": ("decoder", []),
        "no input is called 'image'": ("decoder", [given("image", crops)]),
        "expected FP32, received 'UINT8'": ("decoder", [given("embedding", crops[:, 0, 0])]),
        "expected the shape": ("decoder", [given("embedding", embeddings[:, :5])]),
        "a list, of at most 1": ("decoder", [given("embedding", embeddings)] * 2),
        "stands there twice": ("explainer", [given("test", crops)] * 2),
        "expected a batch of 1 to 64": ("embedder", [given("image", np.repeat(crops, 11, 0))]),
        "finite": ("decoder", [given("embedding", np.full_like(embeddings, np.nan))]),
        "holds NaN or infinity": ("decoder", [given("embedding", np.full_like(embeddings, 3e38))]),
        "not JSON": (
            "decoder",
            [given("embedding", np.full_like(embeddings, np.inf), binary=False)],
        ),
    }
    for complaint, (model, inputs) in wrong.items():
        error = refusal(client.infer, model, inputs)
        assert error.status() == "400"
        assert complaint in error.message()
    for call, arguments in (
        (client.infer, ("nobody", [])),
        (client.infer, ("decoder", [], "2")),
        (client.get_model_metadata, ("nobody",)),
        (client.get_model_config, ("decoder", "7")),
        (client.get_inference_statistics, ()),
        (client.load_model, ("decoder",)),
        (client.get_trace_settings, ()),
        (client.get_system_shared_memory_status, ()),
    ):
        error = refusal(call, *arguments)
        assert error.status() == "404"
        assert "decoding the response" not in error.message()


def test_what_is_not_offered_is_refused_and_not_ignored(client, faces):
    inputs = [given("image", faces[0])]
    classified, shared = (
        triton.InferRequestedOutput("embedding", class_count=2),
        wanted("embedding"),
    )
    shared.set_shared_memory("mine", 100)
    for output, complaint in ((classified, "classification"), (shared, "shared_memory")):
        error = refusal(client.infer, "embedder", inputs, outputs=[output])
        assert complaint in error.message()
    region = triton.InferInput("image", [1, 16, 16, 3], "UINT8").set_shared_memory("mine", 768)
    assert "shared_memory" in refusal(client.infer, "embedder", [region]).message()
