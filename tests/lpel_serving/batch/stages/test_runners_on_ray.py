"""The engine of a cluster, on a real one of Ray on this machine."""

import os
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from lpel_serving.batch import settings
from lpel_serving.batch.run import run
from lpel_serving.batch.stages.embedding import Embedding
from lpel_serving.batch.stages.runners import OnRay
from lpel_serving.batch.stages.stage import BundleSource
from lpel_serving.support.errors import BundleError
from support import slow
from support.batch import make_job, pair_up, run_here, tree, write_csv, write_pictures
from support.dying import Dying
from support.process import LPEL

TESTS = Path(__file__).parents[3]
WORKERS = 2

pytestmark = [
    pytest.mark.slow,
    # Ray Data gives its own settings values by names that it deprecates.
    pytest.mark.filterwarnings("ignore:`use_:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def ray(tmp_path_factory):
    """A cluster that somebody else began."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # where it keeps a token
        before = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(TESTS), before])))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
        yield ray
        ray.shutdown()


@pytest.fixture
def job(responding_bundle, tmp_path, monkeypatch):
    """A job of two chunks of images and four shards."""
    for name in ("MANY_ROWS", "FEW_ROWS"):
        monkeypatch.setattr(settings, name, 50)
    pictures = write_pictures(tmp_path, 150)
    pairs = pair_up(pictures, 200)
    pairs["test"] = [pictures[row % 150].name for row in range(200)]
    pictures[7].write_bytes(b"no image")
    rows = write_csv(tmp_path / "pairs.csv", pairs)
    return make_job(responding_bundle, rows, tmp_path / "out")


@pytest.fixture
def whole(job, responding_bundle, tmp_path):
    """What the local engine makes of it."""
    local = make_job(responding_bundle, job.lists.rows, tmp_path / "local")
    run_here(local)
    return tree(local.out)


def test_workers_that_are_killed_are_replaced_and_their_pieces_done_again(
    ray, job, whole, tmp_path
):
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    summary = run(job, Dying(OnRay(WORKERS), deaths, before=0, after=1))
    assert (summary.rows, summary.images) == (200, 150)
    assert tree(job.out) == whole
    names = {path.name for path in deaths.iterdir()}
    killed = {name for name in names if not name.startswith("worker")}
    stages = ("Embedding", "Explaining")
    assert killed == {f"{stage} {when}" for stage in stages for when in ("before", "after")}
    assert len(names - killed) >= 2 + len(stages)
    assert ray.is_initialized()


def test_an_error_of_a_piece_is_raised_as_it_is(ray, tmp_path):
    stage = Embedding(tmp_path, BundleSource(tmp_path / "nothing", "none", "cpu", ""), 8)
    with pytest.raises(BundleError, match="nothing is not a bundle") as caught:
        list(OnRay(WORKERS).run(stage, [0, 1, 2]))
    assert type(caught.value) is BundleError
    assert "\n" not in str(caught.value)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_when_the_listener_goes_away_so_do_the_workers(ray, job, whole, tmp_path):
    workers = tmp_path / "workers"
    workers.mkdir()

    @contextmanager
    def watch(what, total, done):
        def report(rows, errors):
            raise KeyboardInterrupt

        yield report if what == "explaining" else lambda rows, errors: None

    engine = Dying(OnRay(1), workers, before=-1, after=-1)
    with pytest.raises(KeyboardInterrupt):
        run(job, engine, watch)
    slow.until(lambda: not any(is_alive(int(path.name.split()[1])) for path in workers.iterdir()))
    committed = tree(job.out).keys() & whole.keys()
    assert "_lpel/commits/000000.json" in committed
    run(job, OnRay(1))
    assert tree(job.out) == whole


def test_lpel_batch_starts_a_cluster_of_its_own_quietly(ray, job, tmp_path):
    def lpel(out: str, engine: str) -> tuple[str, str]:
        names = [job.lists.rows.name, out, "--bundle", str(job.bundle), "--json"]
        done = subprocess.run(
            [LPEL, "batch", *names, "--engine", engine, "--workers", str(WORKERS)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    here, there = lpel("here", "local"), lpel("there", "ray")
    assert there[0] == here[0]
    assert not re.search(r"warn|trace|dashboard|dataset|\berror:", there[1], re.IGNORECASE)
    of_ray = [line for line in there[1].splitlines() if "ray" in line.lower()]
    assert all("RAY_BACKEND_LOG_LEVEL" in line for line in of_ray), of_ray
    assert tree(tmp_path / "there") == tree(tmp_path / "here")
