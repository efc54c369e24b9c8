"""The networks of a job: its bundle is loaded once in each process."""

import json
import pickle
import subprocess
import sys
from copy import copy

import pytest

from lpel_serving.batch.stages.stage import BundleSource
from lpel_serving.bundle.loading import bundle_digest, load_bundle
from lpel_serving.support.errors import BundleError
from support.batch import pair_up, write_csv

COUNT_OPENED = """
import json, sys
from collections import Counter
from pathlib import Path

bundle, opened = Path(sys.argv[sys.argv.index("--bundle") + 1]), Counter()

def hear(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and Path(arguments[0]).parent == bundle:
        opened[Path(arguments[0]).name] += 1

sys.addaudithook(hear)
from lpel_serving.commands.main import main
try:
    main()
finally:
    print(json.dumps(opened))
"""


def test_a_whole_job_opens_each_model_of_its_bundle_once(responding_bundle, pictures, tmp_path):
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 36))
    options = ["--bundle", str(responding_bundle.resolve()), "--curves", "--draws", "1"]
    done = subprocess.run(
        [sys.executable, "-c", COUNT_OPENED, "batch", str(rows), str(tmp_path / "out"), *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    opened = json.loads(done.stdout.splitlines()[-1])
    models = {name: opened[name] for name in opened if name.endswith(".onnx")}
    assert models == dict.fromkeys(["embedder.onnx", "decoder.onnx", "responses.onnx"], 1)


def test_both_stages_have_the_same_networks_and_a_copy_elsewhere_its_own(responding_bundle):
    read = load_bundle(responding_bundle)
    source = BundleSource(responding_bundle, "none", "cpu", read.sha256, read)
    before = pickle.dumps(source)
    explainer = source.open()
    assert source.open() is explainer
    assert pickle.dumps(source) == before  # neither the models nor their sessions
    assert len(before) < 1000 < len(read.embedder)
    there = copy(source)
    assert there.open() is not explainer
    assert there.open().bundle_sha256 == bundle_digest(responding_bundle)


def test_another_bundle_is_refused(responding_bundle):
    with pytest.raises(BundleError, match="has changed since the job began"):
        BundleSource(responding_bundle, "none", "cpu", "0" * 64).open()
