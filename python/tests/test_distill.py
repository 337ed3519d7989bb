"""What distillation and evaluation do, and what they say of it."""
import numpy as np
import pytest

import hypertape


def test_learns(small):
    """Pixels of two classes that differ in one bright square."""
    draw = np.random.default_rng(3)
    images = draw.integers(0, 100, (400, 28, 28), np.uint8)
    labels = np.arange(400) % 2
    images[labels == 1, 4:12, 4:12] = 255
    distilled = hypertape.distill(images[:300], labels[:300], iterations=40, batch=32, network="mlp-16")
    result = hypertape.evaluate(distilled, images[300:], labels[300:], network="mlp-16")
    assert result.accuracy > 95 > 80 > result.initial_accuracies[0]
    assert np.array_equal(result.confusion.sum(2), [[50, 50]])  # as many of each class as there are
    assert result.accuracy == pytest.approx(np.trace(result.confusion[0]))
    assert result.balanced_accuracies.tolist() == result.accuracies.tolist() == [result.accuracy]
    assert result.diverged == 0 and result.accuracy_std == 0


def test_progress_sees_every_iteration(small):
    seen, best = [], []

    def progress(now):
        seen.append((now.iteration, now.loss is None, now.score is None))
        best.append((now.best_score, now.best, now))

    distilled = hypertape.distill(small, iterations=4, batch=32, evaluate_every=2, progress=progress)
    assert seen == [(0, True, False), (1, False, True), (2, False, False), (3, False, True), (4, False, False)]
    assert np.array_equal(best[-1][1].images[0], distilled.images[0])
    assert best[-1][0] == max(score for score, _, _ in best)
    with pytest.raises(hypertape.ArgumentError, match=r"Progress.best: the call to distill\(\) has ended"):
        best[0][2].best


def test_progress_stops(small):
    seen = []
    hypertape.distill(
        small, iterations=1000, batch=32, progress=lambda now: seen.append(now.iteration) or now.iteration < 3
    )
    assert seen == [0, 1, 2, 3, 3]  # the state where it stopped is evaluated
    partial = hypertape.evaluate(
        hypertape.distill(small, iterations=1, batch=32, init="random", networks=1, validation_networks=1),
        small,
        init="random",
        networks=50,
        threads=2,
        progress=lambda found: len(found.accuracies) < 4,
    )
    assert len(partial.accuracies) == 4 and partial.confusion.shape == (4, 10, 10)


def test_an_exception_of_progress_passes(small):
    def progress(now):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        hypertape.distill(small, iterations=3, progress=progress)


def test_start_from_goes_on(small, distilled):
    start = []
    hypertape.distill(
        small, iterations=1, batch=32, start_from=distilled, seed=9, progress=lambda now: start.append(now.best)
    )
    assert np.array_equal(start[0].images[0], distilled.images[0])
    assert np.array_equal(start[0].theta0, distilled.theta0)  # and not what seed 9 draws


def test_real_images_are_compared_with(small, distilled):
    real = hypertape.evaluate(distilled, small, real_images=True)
    assert not np.array_equal(real.confusion, hypertape.evaluate(distilled, small).confusion)


def test_networks_by_name(small):
    color = hypertape.Dataset(np.repeat(np.pad(small.images, ((0, 0), (0, 0), (2, 2), (2, 2))), 3, 1), small.labels)
    for network, weights in (
        ("lenet", 62006),
        ("linear", 30730),
        ("mlp", 789258),
        ("mlp-8", 24674),
        ("alexcifarnet", 1756426),
        ("convnet-1x8-layer-norm-max-pooling", 20730),
    ):
        distilled = hypertape.distill(color, iterations=1, batch=8, hold_out=16, network=network, epochs=1)
        assert distilled.theta0.shape == (weights,), network


def test_documentation_lists_the_options():
    assert "labels_learning_rate = 0.02" in hypertape.distill.__doc__ and "--" not in hypertape.distill.__doc__
    assert "cut_at = half of them" in hypertape.evaluate.__doc__
    assert hypertape.__version__.count(".") == 2
