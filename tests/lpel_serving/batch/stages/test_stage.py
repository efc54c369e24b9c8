"""The networks of a job: its bundle is loaded once in each process."""

import pickle
from copy import copy

import pytest

from lpel_serving.batch.stages.stage import BundleSource
from lpel_serving.bundle.loading import bundle_digest, load_bundle
from lpel_serving.support.errors import BundleError


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
