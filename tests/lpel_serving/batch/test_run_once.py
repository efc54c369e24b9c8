"""What a whole job does once, in a process of its own: read each model, write each file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support import tiny
from support.batch import pair_up, write_csv, write_pictures

COUNT = """
import json, sys
from collections import Counter
from pathlib import Path

opened, written = Counter(), Counter()

def hear(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".onnx"):
        opened[Path(arguments[0]).name] += 1
    if event == "os.rename":  # all is written under another name
        written[str(arguments[1])] += 1

sys.addaudithook(hear)
from lpel_serving.commands.main import main
try:
    main()
finally:
    print(json.dumps([opened, written]))
"""


@pytest.fixture(scope="module")
def counted(tmp_path_factory) -> tuple[dict[str, int], dict[str, int]]:
    """How often each model of the bundle was opened, and each file of the job's folder written."""
    folder: Path = tmp_path_factory.mktemp("once")
    bundle = tiny.write_bundle(folder / "bundle", responds=True)
    pictures = write_pictures(folder, 150)
    rows = write_csv(folder / "pairs.csv", pair_up(pictures, 200))
    options = ["--bundle", str(bundle), "--method", "centre", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", COUNT, "batch", str(rows), str(folder / "out"), *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    opened, written = json.loads(done.stdout.splitlines()[-1])
    return opened, written


def test_a_job_reads_each_model_of_its_bundle_once(counted):
    models = ["embedder.onnx", "decoder.onnx", "responses.onnx"]
    assert counted[0] == dict.fromkeys(models, 1)


def test_a_job_writes_each_of_its_files_once(counted):
    written = counted[1]
    names = [Path(path).name for path in written]
    assert names.count("000001.arrow") == 3  # the second rows, images and embeddings
    assert sum(name.endswith(".parquet") for name in names) == 2
    assert set(written.values()) == {1}
