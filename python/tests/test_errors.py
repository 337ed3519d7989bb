"""What is refused, by which exception, in which words."""
import numpy as np
import pytest

import hypertape

PIXELS = np.random.default_rng(4).integers(0, 256, (40, 28, 28), np.uint8)
LABELS = np.arange(40) % 2
FLOATS = PIXELS / 255
SET = hypertape.distill(PIXELS, LABELS, iterations=1)


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    "images, labels, error, words",
    [
        (PIXELS[0], LABELS, ValueError, r"training images are \(28, 28\), expected \(N, H, W\) or \(N, C, H, W\)"),
        (PIXELS[:0], LABELS[:0], ValueError, r"\(0, 28, 28\): the array is empty"),
        (
            np.repeat(PIXELS[..., None], 3, 3),
            LABELS,
            ValueError,
            r"\(40, 28, 28, 3\), expected \(N, C, H, W\); channels_last=True takes",
        ),
        (
            PIXELS.astype(np.int64),
            LABELS,
            TypeError,
            r"training images are dtype\('int64'\), expected uint8, or float32 or float64",
        ),
        (
            changed(FLOATS, (7, 3, 3), np.nan),
            LABELS,
            ValueError,
            r"training image 7 has the value nan, which is not in \[0, 1\]",
        ),
        (changed(FLOATS, (8, 0, 0), 1.01), LABELS, ValueError, r"training image 8 has the value 1.01"),
        (
            FLOATS.astype(np.float32) - 0.5,
            LABELS,
            ValueError,
            r"training image 0 has the value -0\.\d+, which is not in",
        ),
        (PIXELS, LABELS[:39], ValueError, r"training labels are \(39,\), expected \(40,\), one per image"),
        (PIXELS, LABELS[:, None], ValueError, r"training labels are \(40, 1\), expected \(40,\)"),
        (PIXELS, LABELS / 2, TypeError, r"training labels are dtype\('float64'\), expected whole numbers"),
        (PIXELS, None, TypeError, "training labels are dtype"),
        (PIXELS, changed(LABELS, 5, -1), ValueError, "label -1 of training image 5 is not in 0"),
        (PIXELS, changed(LABELS, 6, 2**40), ValueError, f"label {2**40} of training image 6 is not in 0"),
        (PIXELS, LABELS * 0, ValueError, "needs training images of two classes or more, got 1"),
        (PIXELS * 0, LABELS, ValueError, "all 40 images are of one and the same color"),
    ],
)
def test_arrays_are_checked(images, labels, error, words):
    with pytest.raises(error, match=words):
        hypertape.distill(images, labels)


def test_datasets_are_checked():
    for arguments, words in (
        ({"classes": 1}, "of two classes or more"),
        ({"classes": 2, "class_names": ["a", "b", "c"]}, "classes is 2, but there are 3 class_names"),
        ({"class_names": ["a"]}, "two classes or more"),
        ({"test_images": PIXELS, "test_labels": LABELS + 1}, r"label 2 of test image 1 is not in 0 \.\. 1"),
        (
            {"test_images": PIXELS[:, :27], "test_labels": LABELS},
            "training images are 1 x 28 x 28 .* test images 1 x 27 x 28",
        ),
        ({"mean": [0.1]}, "mean and std go together"),
        ({"mean": [0.1], "std": [0.0]}, "a standard deviation must be positive, got 0"),
        ({"mean": [0.1, 0.2], "std": [1, 1]}, "expected 1 means and standard deviations, one per channel, got 2"),
    ):
        with pytest.raises(hypertape.ArgumentError, match=words):
            hypertape.Dataset(PIXELS, LABELS, **arguments)
    with pytest.raises(hypertape.ArgumentError, match="needs training images or test images"):
        hypertape.Dataset()


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"iteration": 3}, TypeError, r"distill\(\) has no option 'iteration'; did you mean iterations\?"),
        ({"netwrok": "mlp"}, TypeError, r"has no option 'netwrok'; did you mean network"),
        ({"start": "noise", "start_from": SET}, ValueError, "start goes with noise or real images, without start_from"),
        ({"xyzzy": 3}, TypeError, r"distill\(\) has no option 'xyzzy'$"),
        ({"iterations": 2.5}, TypeError, "iterations needs a whole number, got 2.5"),
        ({"iterations": True}, TypeError, "iterations needs a whole number, got True"),
        ({"iterations": 0}, ValueError, "iterations needs a number above zero and at most 1e9, got 0"),
        ({"iterations": 2**70}, ValueError, "iterations: the number 1180591620717411303424 is out of range"),
        ({"learning_rate": "much"}, TypeError, "learning_rate needs a number, got 'much'"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate needs a number above zero"),
        ({"soft_labels": 1}, TypeError, "soft_labels needs True or False, got 1"),
        ({"start": "zeros"}, ValueError, "start: needs one of noise, real, k-means, got 'zeros'"),
        ({"augment": "flop"}, ValueError, "flop"),
        ({"inner_optimizer": 3}, TypeError, "inner_optimizer needs a string, got 3"),
        ({"labels_learning_rate": 0.1}, ValueError, "labels_learning_rate goes with soft_labels=True"),
        ({"networks": 3}, ValueError, "networks goes with init='random'"),
        ({"pool_steps": 3}, ValueError, "pool_steps goes with outer_step='ridge'"),
        ({"start": "real", "initial_noise": 0.1}, ValueError, "initial_noise goes with start='noise'"),
        ({"outer_step": "ridge", "unordered": True}, ValueError, "outer_step='ridge' goes with init='random'"),
        ({"window": 9}, ValueError, "the window must be within the inner loop of 3 steps, got 9"),
        ({"batch": 40}, ValueError, "training set of 40 images is too small for a hold-out of 8 and a batch of 40"),
        ({"network": "resnet"}, ValueError, "network: needs lenet, .* got 'resnet'"),
        (
            {"network": "alexnet"},
            ValueError,
            r"network alexnet: images must have 3 channels; the images are \(1, 28, 28\) of 2 classes",
        ),
        ({"network": "convnet-9x8"}, ValueError, "network convnet-9x8: .*cannot have 9 blocks"),
        ({"init": "other"}, ValueError, "init: needs one of fixed, random, got 'other'"),
        ({"initializer": "other"}, ValueError, "initializer: needs one of .*xavier-normal, .* got 'other'"),
        ({"gain": -1}, ValueError, "gain"),
        ({"threads": -1}, ValueError, "threads cannot be -1"),
        ({"threads": 100000}, ValueError, "threads: at most 1024"),
    ],
)
def test_options_are_checked(options, error, words):
    with pytest.raises(error, match=words):
        hypertape.distill(PIXELS, LABELS, **options)


def test_none_is_an_option_left_out():
    with_none = hypertape.distill(
        PIXELS, LABELS, iterations=1, hold_out=None, batch=None, clip=np.float64(0.5), steps=np.int64(1)
    )
    assert np.array_equal(with_none.images[0], hypertape.distill(PIXELS, LABELS, iterations=1).images[0])


def test_evaluate_is_checked(small, distilled):
    def refused(words, *arguments, error=ValueError, **options):
        with pytest.raises(error, match=words):
            hypertape.evaluate(distilled, *(arguments or (small,)), **options)

    refused("epochs goes with protocol='free'", epochs=3)
    refused(r"evaluate\(\) has no option 'epoch'; did you mean epochs\?", error=TypeError, protocol="free", epoch=3)
    refused("epochs needs a number above zero", protocol="free", epochs=0)
    refused("protocol: needs one of paper, free, got 'other'", protocol="other")
    refused("shuffle: the set has one step", shuffle=True)
    refused("networks goes with init='random'", networks=3)
    refused("needs at least one network, got 0", init="random", networks=0)
    refused(r"label 10 of test image 0 is not in 0 \.\. 9", PIXELS, LABELS + 10)
    refused(
        r"the distilled images are batch \(10, 1, 28, 28\), the test images \(40, 1, 14, 28\)", PIXELS[:, ::2], LABELS
    )
    refused("theta0 of the distilled set: expected", network="linear")
    refused("real_images needs a dataset with training images", PIXELS, LABELS, real_images=True)
    refused("the dataset has no test images", hypertape.Dataset(small.images, small.labels))
    refused("the distilled set has 10 classes, the test images 2", hypertape.Dataset(None, None, PIXELS, LABELS))
    refused("takes no labels with a Dataset", small, small.labels, error=TypeError)
    with pytest.raises(TypeError, match="takes no labels with a Dataset"):
        hypertape.distill(small, small.labels)
    with pytest.raises(ValueError, match="the dataset has no training images"):
        hypertape.distill(hypertape.Dataset(None, None, PIXELS, LABELS))
    free_weights = hypertape.distill(small, iterations=1, batch=8, init="random", networks=1, validation_networks=1)
    with pytest.raises(ValueError, match="no theta0, .* use init='random' for new ones"):
        hypertape.evaluate(free_weights, small)


def test_files_that_cannot_be_used(tmp_path, distilled):
    with pytest.raises(OSError, match="none.npz") as raised:
        hypertape.load(tmp_path / "none.npz")
    assert raised.type is hypertape.DataError and isinstance(raised.value, hypertape.Error)
    (tmp_path / "damaged.npz").write_bytes(b"PK no zip")
    np.savez(
        tmp_path / "other.npz", images=np.zeros((1, 10, 1, 28, 28), np.float32), labels=np.zeros((1, 10), np.int64)
    )
    for path, words in (("damaged.npz", "damaged.npz"), ("other.npz", "learning_rates")):
        with pytest.raises(hypertape.DataError, match=words):
            hypertape.load(tmp_path / path, classes=10)
    with pytest.raises(hypertape.DataError, match="folder"):
        distilled.save(tmp_path / "no folder" / "set.npz")
    with pytest.raises(hypertape.DataError, match="missing train-images"):
        hypertape.load_dataset("mnist", tmp_path)
    with pytest.raises(hypertape.ArgumentError, match="unknown data set nist; expected one of mnist"):
        hypertape.load_dataset("nist")


def test_divergence(small):
    with pytest.raises(ArithmeticError, match="iteration 0: .*learning rates") as raised:
        hypertape.distill(small, iterations=3, batch=8, initial_learning_rate=1e9)
    assert raised.type is hypertape.DivergenceError
