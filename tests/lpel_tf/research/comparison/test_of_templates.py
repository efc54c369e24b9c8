"""Methods that are given embeddings alone."""

from dataclasses import replace

import numpy as np

from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_tf.research.comparison.asked import asked_about, installed
from lpel_tf.research.comparison.of_templates import of_templates

RNG = np.random.default_rng(0)


def test_only_what_asks_the_surrogate_alone_explains_templates(setting):
    methods = asked_about("mean", setting.needs) | installed(["responses"], setting.needs)
    named = {"surrogate, of templates", "surrogate-order, of templates"}
    assert set(of_templates(methods, setting.explainer.manifest)) == named


def test_without_a_surrogate_none_does(setting):
    manifest = replace(setting.explainer.manifest, surrogate=None)
    assert of_templates({"surrogate": SurrogateAttribution()}, manifest) == {}


def test_its_map_does_not_see_the_photographs(setting):
    plain = SurrogateAttribution()
    (method,) = of_templates({"surrogate": plain}, setting.explainer.manifest).values()
    pair = setting.similar[0]
    other = replace(pair, reference=255 - pair.reference, test=255 - pair.test)
    networks = setting.explainer
    shown, hidden = (method(one, networks, RNG) for one in (pair, other))
    np.testing.assert_array_equal(shown, hidden)
    assert np.abs(shown - plain(pair, networks, RNG)).max() > 0
