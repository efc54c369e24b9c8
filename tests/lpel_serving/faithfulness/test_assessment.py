"""Curves measured on a network whose best and worst orders are known."""

import itertools
import tracemalloc
import weakref
from collections.abc import Sequence

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import Fill
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.equations.superpixels import descending
from lpel_serving.faithfulness.assessment import measure_curves
from lpel_serving.faithfulness.controls import CONTROLS
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.judgement import areas, normalised
from lpel_serving.methods import AssembledNetworks, FacePair
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.methods.controls.random_order import RandomOrder
from lpel_serving.methods.decoded.emsnn import Emsnn
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_serving.support.partial import Partial
from support.images import pixels
from support.networks import (
    BEST,
    WEIGHTS,
    Fixed,
    Linear,
    Weighing,
    dissimilar_pairs,
    face_pair,
    plain,
    similar_pairs,
)

TOTAL = WEIGHTS.sum()
DESCENDING = np.sort(WEIGHTS)[::-1]


def settings_of(kind, **changes):
    choice = {"superpixel": 2, "image_size": 8, "fill": Fill("black"), "draws": 5}
    return CurveSettings(kind, **(choice | changes))


def measure(pairs, settings, method=BEST, networks=None, seed=0, **options):
    networks = networks or Weighing()
    rng = np.random.default_rng(seed)
    return measure_curves(networks, pairs, ("ours", method), settings, rng, **options)


def black_for_white(weights, level=255) -> np.ndarray:
    """Similarity of a white reference with a grey test, as black superpixels appear in it."""
    x = TOTAL * (255 - level) / 255 + np.append(0, np.cumsum(weights)) * level / 255
    return TOTAL / np.hypot(TOTAL, x)


def white_for_grey(weights, level=0) -> np.ndarray:
    """Similarity of a white reference with a grey test, as its white superpixels appear in it."""
    x = (TOTAL - np.append(0, np.cumsum(weights))) * (255 - level) / 255
    return TOTAL / np.hypot(TOTAL, x)


def black_in_both(weights, level=0) -> np.ndarray:
    """Similarity of a white reference with a grey test, as both turn black."""
    done = np.append(0, np.cumsum(weights))
    x_r, x_t = done, done + (TOTAL - done) * (255 - level) / 255
    return (TOTAL**2 + x_r * x_t) / np.hypot(TOTAL, x_r) / np.hypot(TOTAL, x_t)


def by_hand(curve) -> float:
    return sum((a + b) / 2 for a, b in itertools.pairwise(curve)) / (len(curve) - 1)


CASES = {
    "similar": (similar_pairs, "test", black_for_white, (255, 230, 204), True),
    "dissimilar": (dissimilar_pairs, "both", black_in_both, (0, 30, 60), False),
    "transplant": (dissimilar_pairs, "transplant", white_for_grey, (0, 30, 60), False),
}
cases = pytest.mark.parametrize("case", CASES)


@cases
def test_the_curves_of_the_best_and_the_worst_order_are_known(case):
    make, kind, exact, levels, falls = CASES[case]
    measured = measure(make(), settings_of(kind))
    for i, level in enumerate(levels):
        for name, weights in (("ours", DESCENDING), ("reverse", DESCENDING[::-1])):
            raw = exact(weights, level)
            place = measured.names.index(name)
            np.testing.assert_allclose(measured.similarities[i, place], raw, atol=1e-6)
            expected = raw / raw[0] if falls else (raw - raw[0]) / (1 - raw[0])
            np.testing.assert_allclose(normalised(measured)[i, place], expected, atol=1e-5)
            assert areas(measured)[name][i] == pytest.approx(by_hand(expected), abs=1e-5)


@cases
def test_no_order_is_better_than_the_best_or_worse_than_the_worst(case):
    make, kind, _, _, falls = CASES[case]
    measured = measure(make(), settings_of(kind, draws=40))
    low, high = ("ours", "reverse") if falls else ("reverse", "ours")
    curves = normalised(measured)
    lowest = curves[:, [measured.names.index(low)]]
    highest = curves[:, [measured.names.index(high)]]
    assert (curves >= lowest - 1e-6).all()
    assert (curves <= highest + 1e-6).all()
    assert (areas(measured)["random"] - areas(measured)[low] > 0.02).all()
    assert (areas(measured)[high] - areas(measured)["random"] > 0.02).all()


@cases
def test_occlusion_reaches_the_best_order_of_a_network_that_adds_up(case):
    make, kind, _, _, _ = CASES[case]
    # In both images at once, what a superpixel does by itself depends on nothing but its weight.
    measured = measure(make(), settings_of(kind), Fixed(-BEST.values))
    ours = areas(measured)
    np.testing.assert_allclose(ours["occlusion"], ours["reverse"], atol=1e-6)


@pytest.mark.parametrize("fill", ["normal", "uniform", "mean"])
@pytest.mark.parametrize("kind", ["test", "both", "transplant"])
def test_no_order_has_a_better_first_step_than_occlusion(kind, fill):
    linear = Linear()
    similar = kind == "test"
    pairs = [face_pair(linear, pixels(i), pixels(i + 9), similar) for i in range(4)]
    settings = settings_of(kind, fill=Fill(fill, grain=8), draws=30)
    measured = measure(pairs, settings, Fixed(-BEST.values), linear)
    first = measured.similarities[:, :, 1]
    occlusion = first[:, measured.names.index("occlusion")]
    best = first.min(axis=1) if similar else first.max(axis=1)
    np.testing.assert_allclose(occlusion, best, atol=1e-5)


@cases
def test_the_map_of_another_pair_does_as_well_if_all_pairs_have_one_map(case):
    make, kind, _, _, _ = CASES[case]
    measured = measure(make(), settings_of(kind))
    other = measured.names.index("another pair")
    np.testing.assert_array_equal(measured.similarities[:, 0], measured.similarities[:, other])


def test_every_order_starts_and_ends_alike():
    measured = measure(similar_pairs(), settings_of("test"))
    for place in (0, -1):
        ends = measured.similarities[:, :, place]
        np.testing.assert_array_equal(ends, np.broadcast_to(ends[:, :1], ends.shape))


def test_a_network_that_sees_one_superpixel_falls_at_once():
    weights = np.eye(16, dtype=int)[6]
    networks = Weighing(weights)
    pairs = [face_pair(networks, plain(255), plain(level), similar=True) for level in (255, 128)]
    found = Fixed(weights.reshape(4, 4))
    measured = measure(pairs, settings_of("test"), found, networks)
    falls = normalised(measured)
    low = falls[:, 0, -1:]
    np.testing.assert_allclose(falls[:, 0, 1:], np.broadcast_to(low, (2, 16)))
    last = falls[:, measured.names.index("reverse")]
    np.testing.assert_allclose(last[:, :-1], 1)


def test_what_was_measured_is_described():
    settings = settings_of("test", draws=3)
    rivals = {"centre map": Centre(), "nothing": RandomOrder()}
    measured = measure(similar_pairs(), settings, rivals=rivals)
    expected = ("ours", *rivals, *list(CONTROLS)[1:], "random", "random", "random")
    assert measured.names == expected
    assert measured.subject == "ours"
    assert measured.similar is True
    assert measured.settings is settings
    assert measured.similarities.shape == (3, len(expected), 17)
    assert measured.similarities.dtype == np.float64
    assert np.isfinite(measured.similarities).all()


@pytest.mark.parametrize("every", [1, 3, 16])
def test_fewer_steps_are_some_of_all_the_steps(every):
    settings = settings_of("test", every=every)
    every_step = measure(similar_pairs(), settings_of("test"))
    received = measure(similar_pairs(), settings)
    expected = every_step.similarities[:, :, settings.replaced]
    np.testing.assert_array_equal(received.similarities, expected)


def test_random_orders_differ_between_draws_and_pairs():
    measured = measure(similar_pairs((255, 255)), settings_of("test", draws=6))
    random = measured.similarities[:, -6:].reshape(12, -1)
    assert len(np.unique(random, axis=0)) == 12


# Work


def curve_calls(networks: Weighing) -> list[list[bytes]]:
    """The batches of the stream, if they are of less than 8 images, as all of occlusion's are."""
    return [call for call in networks.calls if len(call) < 8]


@cases
def test_no_image_is_embedded_twice_within_a_pair(case):
    make, kind, _, _, _ = CASES[case]
    networks = Weighing()
    # Noise makes every image of a set another one, which no two sets share.
    rng = np.random.default_rng(1)
    pairs = []
    for pair in make():
        shift = rng.integers(0, 50, pair.test.shape, dtype=np.uint8)
        test = pair.test - shift if pair.similar else pair.test + shift
        pairs.append(face_pair(Weighing(), pair.reference, test, pair.similar))
    fill = Fill("uniform", grain=8)
    measured = measure(pairs, settings_of(kind, fill=fill), networks=networks, batch_size=7)
    calls = curve_calls(networks)
    seen = [image for call in calls for image in call]
    assert len(seen) == measured.embedded
    ends = 0 if kind == "transplant" else 1
    assert measured.embedded < 3 * (2 if kind == "both" else 1) * (ends + 15 * len(measured.names))
    if kind != "both":
        assert len(set(seen)) == len(seen)


@cases
def test_what_is_known_beforehand_is_not_embedded(case):
    make, kind, _, _, _ = CASES[case]
    networks, pairs = Weighing(), make()
    measured = measure(pairs, settings_of(kind), networks=networks, batch_size=7)
    asked = {image for call in networks.calls for image in call}
    for i, pair in enumerate(pairs):
        before = cosine_similarity(pair.h_r, pair.h_t)
        np.testing.assert_array_equal(measured.similarities[i, :, 0], before)
        if kind == "transplant":
            np.testing.assert_array_equal(measured.similarities[i, :, -1], 1)
    untouched = {pair.test.tobytes() for pair in pairs} | {pairs[0].reference.tobytes()}
    # A pair whose test is black, as the fill, has no other image.
    black = {plain(0).tobytes()} if kind == "both" else set()
    assert asked & untouched <= black


def test_occlusion_embeds_a_batch_at_a_time_and_no_unchanged_image():
    networks = Weighing()
    pairs = similar_pairs((230, 204))
    measured = measure(pairs, settings_of("test"), networks=networks, batch_size=7)
    sizes = [len(call) for call in networks.calls if len(call) >= 8]
    assert sizes == [8, 8] * 2
    assert networks.images == measured.embedded + 32
    asked = {image for call in networks.calls for image in call}
    assert not asked & {pair.test.tobytes() for pair in pairs}


@pytest.mark.parametrize("kind", ["test", "both", "transplant"])
def test_occlusion_sees_the_noise_of_the_curve(kind):
    make = similar_pairs if kind == "test" else dissimilar_pairs
    networks = Weighing()
    settings = settings_of(kind, fill=Fill("uniform", grain=8), every=1)
    measure(make(), settings, networks=networks, batch_size=7)
    of_occlusion = {image for call in networks.calls if len(call) == 8 for image in call}
    of_curves = {image for call in curve_calls(networks) for image in call}
    # Each order's first step is one of the images that occlusion asked about.
    per_step = 2 if kind == "both" else 1
    assert len(of_occlusion & of_curves) >= 3 * per_step * 5


class Counted:
    """A method that draws, and counts how often each pair was asked about."""

    comparison = COSINE

    def __init__(self):
        self.asked: list[bytes] = []

    def __call__(self, pair, networks, rng):
        self.asked.append(pair.test.tobytes())
        return rng.random((4, 4)).astype(np.float32)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_subject_is_asked_once_about_each_pair(n):
    subject, rival = Counted(), Counted()
    pairs = similar_pairs(FIVE[:n])
    measure(pairs, settings_of("test"), subject, rivals={"theirs": rival})
    expected = [pair.test.tobytes() for pair in pairs]
    assert sorted(subject.asked) == sorted(expected)
    assert rival.asked == expected


def test_the_controls_are_made_of_the_subjects_own_map_of_this_pair_and_of_the_next():
    maps = {plain(level).tobytes(): np.roll(BEST.values, i) for i, level in enumerate(FIVE)}

    def subject(pair, networks, rng):
        return maps[pair.test.tobytes()].astype(np.float32)

    pairs = similar_pairs(FIVE)
    measured = measure(pairs, settings_of("test"), subject)
    for i in range(5):
        own, following = (maps[pairs[j % 5].test.tobytes()] for j in (i, i + 1))
        expected = {
            "ours": own,
            "reverse": -own,
            "shifted": np.roll(own, (2, 2), (0, 1)),
            "another pair": following,
        }
        for name, values in expected.items():
            weights = WEIGHTS[np.argsort(-values, axis=None)]
            raw = black_for_white(weights, FIVE[i])
            received = measured.similarities[i, measured.names.index(name)]
            np.testing.assert_allclose(received, raw, atol=1e-6)


def test_a_rival_changes_no_other_order():
    settings = settings_of("test", fill=Fill(), draws=4)
    alone = measure(similar_pairs(), settings, Counted())
    rivals = {"theirs": Counted(), "worst": Fixed(-BEST.values)}
    beside = measure(similar_pairs(), settings, Counted(), rivals=rivals)
    others = [place for place, name in enumerate(beside.names) if name not in rivals]
    assert [beside.names[place] for place in others] == list(alone.names)
    np.testing.assert_array_equal(beside.similarities[:, others], alone.similarities)


def test_the_random_orders_are_the_same_whatever_method_is_measured():
    settings = settings_of("test", fill=Fill(), draws=4)
    one, other = (measure(similar_pairs(), settings, method) for method in (BEST, Counted()))
    np.testing.assert_array_equal(one.similarities[:, -4:], other.similarities[:, -4:])


def test_random_orders_and_ties_have_streams_of_their_own():
    settings = settings_of("test", draws=2)
    measured = measure(similar_pairs(), settings, Fixed(np.zeros((4, 4), np.float32)), seed=5)
    seed = int(np.random.default_rng(5).integers(2**62))
    for i, level in enumerate((255, 230, 204)):
        chance = np.random.default_rng((seed, i, 2))
        ties = descending(np.zeros(16), np.random.default_rng((seed, i, 0)))
        orders = [ties, *(chance.permutation(16) for _ in range(2))]
        for place, order in zip((0, -2, -1), orders, strict=True):
            raw = black_for_white(WEIGHTS[order], level)
            np.testing.assert_allclose(measured.similarities[i, place], raw, atol=1e-6)


def test_a_transplant_measured_at_its_ends_alone_needs_no_embedding():
    networks = Weighing()
    pairs = dissimilar_pairs()
    measured = measure(pairs, settings_of("transplant", every=16), networks=networks, batch_size=7)
    assert measured.embedded == 0
    assert curve_calls(networks) == []
    for i, pair in enumerate(pairs):
        ends = [float(cosine_similarity(pair.h_r, pair.h_t)), 1]
        expected = np.broadcast_to(ends, (len(measured.names), 2))
        np.testing.assert_array_equal(measured.similarities[i], expected)


def test_the_count_of_embedded_images_is_that_of_distinct_sets():
    networks = Weighing()
    pairs = similar_pairs((255, 230))
    settings = settings_of("test", draws=1, every=16)
    measured = measure(pairs, settings, networks=networks, batch_size=3)
    # Nothing is known; everything is one image, however many orders there are.
    assert measured.embedded == 2
    assert sum(map(len, curve_calls(networks))) == 2


@pytest.mark.parametrize("batch_size", [1, 5, 7])
def test_batches_are_full_across_pairs(batch_size):
    networks = Weighing()
    measured = measure(
        similar_pairs(), settings_of("test"), networks=networks, batch_size=batch_size
    )
    sizes = [len(call) for call in curve_calls(networks)]
    assert set(sizes[:-1]) == {batch_size}
    assert sum(sizes) == measured.embedded


@pytest.mark.parametrize("kind", ["test", "both", "transplant"])
@pytest.mark.parametrize("fill", ["normal", "mean"])
def test_the_same_seed_gives_the_same_bytes_at_any_batch_size(kind, fill):
    make = similar_pairs if kind == "test" else dissimilar_pairs
    settings = settings_of(kind, fill=Fill(fill))
    one, *others = (
        measure(make(), settings, Lpel(), batch_size=batch_size) for batch_size in (1, 3, 8)
    )
    for other in others:
        assert one.similarities.tobytes() == other.similarities.tobytes()
        assert one.embedded == other.embedded


def test_the_same_bytes_come_out_of_an_explainer_at_any_batch_size(tiny_explainer):
    pairs = [face_pair(tiny_explainer, pixels(i), pixels(i + 1), similar=True) for i in range(2)]
    one, *others = (
        measure(
            pairs,
            settings_of("test", fill=Fill(), draws=2),
            Emsnn(k=3),
            networks=tiny_explainer,
            batch_size=batch_size,
        )
        for batch_size in (1, 3, 8)
    )
    for other in others:
        assert one.similarities.tobytes() == other.similarities.tobytes()


def test_another_seed_draws_other_orders_and_other_noise():
    settings = settings_of("test", fill=Fill())
    one, other = (measure(similar_pairs(), settings, seed=seed) for seed in (0, 1))
    assert (one.similarities[:, 0] != other.similarities[:, 0]).any()
    assert (one.similarities[:, -1] != other.similarities[:, -1]).any()


def test_a_pair_has_the_same_curves_whatever_pairs_come_later():
    few, many = (
        measure(similar_pairs(levels), settings_of("test"))
        for levels in ((255, 230, 204), (255, 230, 204, 190, 180))
    )
    np.testing.assert_array_equal(few.similarities[:2], many.similarities[:2])


def test_progress_is_told_of_each_pair():
    reported: list = []

    class Telling:
        def __init__(self, what, total):
            reported.append((what, total))

        def __enter__(self):
            return reported.append

        def __exit__(self, *error):
            return None

    measure(similar_pairs(), settings_of("test"), progress=Telling)
    assert reported[0] == ("curves (test)", 3)
    assert sum(reported[1:]) == 3


class Lazy(Sequence):
    """Pairs made each time that one is asked for, and how many were alive at a time."""

    def __init__(self, n: int, size: int):
        self.n, self.size, self.alive, self.most = n, size, 0, 0

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError
        image = plain(255 - i, self.size)
        pair = face_pair(Weighing(), plain(255, self.size), image, similar=True)
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(pair, self._gone)
        return pair

    def _gone(self):
        self.alive -= 1


class Forgetful(Weighing):
    """`Weighing`, keeping no images."""

    def embed(self, crops):
        embeddings = super().embed(crops)
        self.calls.clear()
        return embeddings


def test_few_pairs_are_alive_at_a_time():
    pairs = Lazy(20, 16)
    measure(pairs, settings_of("test", draws=1), networks=Forgetful())
    assert pairs.most <= 5


@pytest.mark.parametrize("kind", ["test", "both"])
def test_memory_does_not_grow_with_the_number_of_pairs(kind):
    def peak(n: int) -> int:
        tracemalloc.start()
        measured = measure(Lazy(n, 64), settings_of(kind, draws=12), networks=Forgetful())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert measured.embedded > n * (400 if kind == "both" else 200)
        return most - measured.similarities.nbytes

    image = 64 * 64 * 3
    few, many = peak(9), peak(20)
    assert many - few < 3 * image
    # A few batches of 8 images and what one pair asks for.
    assert many < 75 * image


# Interruptions


class Interrupted(Weighing):
    """Stops after so many calls, as a user does."""

    def __init__(self, after: int):
        super().__init__()
        self.after = after

    def embed(self, crops):
        if len(self.calls) == self.after:
            raise KeyboardInterrupt
        return super().embed(crops)


FIVE = (255, 240, 230, 215, 204)
NOISY = settings_of("test", fill=Fill())


def kept_at(tmp_path, identity="these") -> Partial:
    return Partial(tmp_path / "curves.partial", identity)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.95])
@pytest.mark.parametrize("batch_size", [3, 7])
def test_an_interrupted_measurement_goes_on_where_it_stopped(tmp_path, share, batch_size):
    whole = Weighing()
    expected = measure(similar_pairs(FIVE), NOISY, networks=whole, batch_size=batch_size)
    stopped = Interrupted(after=int(share * len(whole.calls)))
    with pytest.raises(KeyboardInterrupt):
        measure(
            similar_pairs(FIVE),
            NOISY,
            networks=stopped,
            batch_size=batch_size,
            partial=kept_at(tmp_path),
        )
    kept = kept_at(tmp_path).load()
    done = len(kept["similarities"])
    assert 0 < done < 5
    resumed = Weighing()
    received = measure(
        similar_pairs(FIVE),
        NOISY,
        networks=resumed,
        batch_size=batch_size,
        partial=kept_at(tmp_path),
    )
    assert received.similarities.tobytes() == expected.similarities.tobytes()
    assert received.embedded == expected.embedded
    missing = expected.embedded - int(kept["embedded"])
    assert sum(map(len, curve_calls(resumed))) == missing
    assert len(resumed.calls) - len(curve_calls(resumed)) == 2 * (5 - done)


def test_a_finished_measurement_embeds_nothing_again(tmp_path):
    first = measure(similar_pairs(FIVE), NOISY, partial=kept_at(tmp_path))
    networks = Weighing()
    again = measure(similar_pairs(FIVE), NOISY, networks=networks, partial=kept_at(tmp_path))
    assert networks.calls == []
    assert again.similarities.tobytes() == first.similarities.tobytes()
    assert again.embedded == first.embedded


def test_progress_starts_with_what_was_done_before(tmp_path):
    measure(similar_pairs(FIVE), NOISY, partial=kept_at(tmp_path))
    reported: list[int] = []

    class Telling:
        def __enter__(self):
            return reported.append

        def __exit__(self, *error):
            return None

    measure(similar_pairs(FIVE), NOISY, partial=kept_at(tmp_path), progress=lambda *_: Telling())
    assert reported == [5]


@pytest.mark.parametrize("how", ["seed", "identity", "damage", "orders", "steps", "pairs"])
def test_what_was_kept_of_something_else_is_not_used(tmp_path, how):
    measure(similar_pairs(FIVE), NOISY, partial=kept_at(tmp_path))
    changed = {"orders": {"draws": 7}, "steps": {"every": 2}}.get(how, {})
    settings = settings_of("test", fill=Fill(), **changed)
    partial = kept_at(tmp_path, "those" if how == "identity" else "these")
    if how == "damage":
        partial.path.write_bytes(partial.path.read_bytes()[:-1])
    seed = 1 if how == "seed" else 0
    levels = FIVE[:-1] if how == "pairs" else FIVE
    expected = measure(similar_pairs(levels), settings, seed=seed)
    networks = Weighing()
    received = measure(
        similar_pairs(levels),
        settings,
        networks=networks,
        seed=seed,
        partial=partial,
        batch_size=7,
    )
    assert received.similarities.tobytes() == expected.similarities.tobytes()
    assert sum(map(len, curve_calls(networks))) == expected.embedded


# Refusals


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_pairs_are_refused(n):
    with pytest.raises(ParameterError, match=f"at least 2 pairs .* received {n}"):
        measure(similar_pairs()[:n], settings_of("test"))


@pytest.mark.parametrize("method", [BEST, Lpel(), Emsnn(k=1)], ids=["fixed", "lpel", "emsnn"])
@pytest.mark.parametrize("where", [1, 2])
def test_pairs_with_different_decisions_are_refused(where, method):
    pairs = similar_pairs()
    pairs[where] = dissimilar_pairs()[0]
    with pytest.raises(ParameterError, match="decisions differ"):
        measure(pairs, settings_of("test"), method)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_is_refused_with_the_method_named(bad):
    values = WEIGHTS.reshape(4, 4).astype(float)
    values[2, 2] = bad
    with pytest.raises(EmbeddingError, match="method ours holds NaN or infinity"):
        measure(similar_pairs(), settings_of("test"), Fixed(values))
    with pytest.raises(EmbeddingError, match="method theirs holds NaN or infinity"):
        measure(similar_pairs(), settings_of("test"), rivals={"theirs": Fixed(values)})


@pytest.mark.parametrize("name", CONTROLS)
def test_a_method_with_the_name_of_a_control_is_refused(name):
    rng = np.random.default_rng(0)
    with pytest.raises(ParameterError, match=f"would be called {name}: give methods names"):
        measure_curves(Weighing(), similar_pairs(), (name, BEST), settings_of("test"), rng)
    with pytest.raises(ParameterError, match=f"would be called {name}: give methods names"):
        measure(similar_pairs(), settings_of("test"), rivals={name: BEST})


def test_a_rival_with_the_name_of_the_method_is_refused():
    worst = Fixed(-BEST.values)
    with pytest.raises(ParameterError, match="two orders would be called ours: give"):
        measure(similar_pairs(), settings_of("test"), rivals={"ours": worst})


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_holds_at_least_one_image(batch_size):
    with pytest.raises(ParameterError, match="at least 1 image"):
        measure(similar_pairs(), settings_of("test"), batch_size=batch_size)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "neither"}, "no curve is called 'neither'"),
        ({"draws": 0}, "at least 1 random order"),
        ({"superpixel": 3}, "do not tile"),
        ({"every": 0}, "every 1 to 16"),
        ({"every": 17}, "every 1 to 16"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        settings_of(**({"kind": "test"} | changes))


def test_the_settings_of_the_thesis_are_the_defaults():
    settings = CurveSettings("test")
    assert (settings.superpixel, settings.image_size, settings.side) == (5, 40, 8)
    assert settings.replaced.tolist() == list(range(65))
    assert settings.fill == Fill("normal")
    assert not settings.shared_noise


# Normalisation


def test_a_similar_pair_that_is_dissimilar_to_begin_with_is_refused():
    linear = Linear(dimension=3)
    pairs = [face_pair(linear, pixels(i), 255 - pixels(i), similar=True) for i in range(2)]
    measured = measure(pairs, settings_of("test"), Lpel(), linear)
    assert measured.similarities[0, 0, 0] < 0
    with pytest.raises(ParameterError, match="share of the first"):
        normalised(measured)


def test_a_similar_pair_taken_apart_in_both_images_is_a_share_of_the_first():
    measured = measure(similar_pairs(), settings_of("both"))
    curves = normalised(measured)
    np.testing.assert_allclose(curves[:, :, 0], 1)
    ratio = 1 / measured.similarities[:, :, 0]
    np.testing.assert_allclose(curves[:, :, -1], ratio, atol=1e-6)


def test_a_transplant_into_dissimilar_pairs_rises_from_0_to_1():
    curves = normalised(measure(dissimilar_pairs((0, 30)), settings_of("transplant")))
    np.testing.assert_allclose(curves[:, :, 0], 0)
    np.testing.assert_allclose(curves[:, :, -1], 1, atol=1e-6)


def test_a_transplant_into_similar_pairs_tells_how_far_the_similarity_moves():
    measured = measure(similar_pairs((230, 204)), settings_of("transplant"))
    raw = measured.similarities
    np.testing.assert_allclose(normalised(measured), abs(raw - raw[:, :, :1]))


def test_a_dissimilar_pair_with_the_test_alone_replaced_rises_from_0():
    curves = normalised(measure(dissimilar_pairs(), settings_of("test", fill=Fill("grey"))))
    np.testing.assert_allclose(curves[:, :, 0], 0)
    assert (curves[:, :, -1] > 0).all()


def test_a_transplant_of_an_image_into_itself_says_nothing():
    pairs: list[FacePair] = similar_pairs((204, 255))
    measured = measure(pairs, settings_of("transplant"))
    np.testing.assert_array_equal(measured.similarities[1], 1)
    np.testing.assert_array_equal(normalised(measured)[1], 0)


def test_networks_of_any_make_are_measured():
    linear = Linear()
    networks = AssembledNetworks(linear.embed, linear.decode)
    pairs = [face_pair(networks, pixels(i), pixels(i + 1), similar=True) for i in range(2)]
    measured = measure(pairs, settings_of("test"), Lpel(), networks)
    assert np.isfinite(measured.similarities).all()
