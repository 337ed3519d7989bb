"""What goes in and comes out: shapes, types, and no copies of what is learned."""
import gc

import numpy as np
import pytest

import hypertape


def test_learned_arrays_are_views(distilled):
    (images,), (labels,) = distilled.images, distilled.labels
    assert images.shape == (10, 1, 28, 28) and images.dtype == np.float32
    assert images.strides == (4, 4 * 10 * 28 * 28, 4 * 10 * 28, 4 * 10)  # samples are innermost
    assert labels.shape == (10, 10) and np.array_equal(labels, np.eye(10))
    assert distilled.learning_rates.shape == (3, 1) and distilled.learning_rates.flags.c_contiguous
    assert distilled.theta0.shape == (61706,)
    for array, again in (
        (images, distilled.images[0]),
        (labels, distilled.labels[0]),
        (distilled.theta0, distilled.theta0),
        (distilled.learning_rates, distilled.learning_rates),
        (distilled.mean, distilled.mean),
    ):
        assert array.base is distilled and np.shares_memory(array, again)


def test_views_are_what_is_saved_and_evaluated(small, tmp_path):
    distilled = hypertape.distill(small, iterations=1, batch=32)
    before = hypertape.evaluate(distilled, small).confusion
    distilled.images[0][:] = 0
    distilled.images[0][3, 0, 5, 7] = 2.5
    assert not np.array_equal(hypertape.evaluate(distilled, small).confusion, before)
    distilled.save(tmp_path / "changed.npz")
    with np.load(tmp_path / "changed.npz") as file:
        assert file["images"].sum() == 2.5 and file["images"][0, 3, 0, 5, 7] == 2.5


def test_views_outlive_what_they_are_of(small):
    images = hypertape.distill(small, iterations=1, batch=32).images[0]
    labels = hypertape.Dataset(small.images, small.labels).labels
    copies = images.copy(), labels.copy()
    gc.collect()
    for _ in range(3):  # which would take the memory, were it free
        hypertape.distill(small, iterations=1, batch=32, seed=2)
    assert np.array_equal(images, copies[0]) and np.array_equal(labels, copies[1])


def test_dataset_is_a_constant_copy_of_bytes(small):
    pixels = np.random.default_rng(1).integers(0, 256, (30, 3, 8, 5), np.uint8)
    dataset = hypertape.Dataset(pixels, np.arange(30) % 3)
    assert np.array_equal(dataset.images, pixels) and not np.shares_memory(dataset.images, pixels)
    assert np.shares_memory(dataset.images, dataset.images) and dataset.images.base is dataset
    assert dataset.labels.dtype == np.int32 and dataset.classes == 3
    assert dataset.test_images is None and dataset.test_labels is None
    np.testing.assert_allclose(dataset.mean, (pixels / 255).mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(dataset.std, (pixels / 255).std((0, 2, 3)), rtol=1e-6)
    for array in (dataset.images, dataset.labels, dataset.mean):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_forms_of_images_are_one_dataset():
    pixels = np.random.default_rng(2).integers(0, 256, (20, 3, 6, 7), np.uint8)
    labels = np.arange(20) % 2
    last = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    for images, channels_last in (
        (last, True),
        (pixels / np.float32(255), False),
        (last / 255, True),
        (np.asfortranarray(pixels), False),
    ):
        assert np.array_equal(hypertape.Dataset(images, labels, channels_last=channels_last).images, pixels)
    backward = hypertape.Dataset(pixels[::-2, :, :, ::-1], labels[::-2])
    assert np.array_equal(backward.images, pixels[::-2, :, :, ::-1]) and np.array_equal(backward.labels, labels[::-2])
    gray = hypertape.Dataset(pixels[:, 0], list(labels))
    assert np.array_equal(gray.images, pixels[:, :1])


def test_saved_sets_come_back(small, distilled, tmp_path):
    soft = hypertape.distill(
        small,
        iterations=2,
        batch=32,
        steps=2,
        soft_labels=True,
        augment="flip",
        init="random",
        networks=1,
        inner_optimizer="sgd:momentum=0.5",
        validation_networks=1,
    )
    unordered = hypertape.distill(small, iterations=1, batch=32, steps=4, unordered=True, inner_batch=5)
    for name, one in (("fixed", distilled), ("soft", soft), ("unordered", unordered)):
        one.save(tmp_path / f"{name}.npz")
        again = hypertape.load(tmp_path / f"{name}.npz")
        again.save(str(tmp_path / "again.npz"))
        assert (tmp_path / "again.npz").read_bytes() == (tmp_path / f"{name}.npz").read_bytes()
        for attribute in (
            "soft_labels",
            "steps",
            "epochs",
            "classes",
            "batch",
            "rule",
            "augmentation",
            "dataset",
            "class_names",
        ):
            assert getattr(again, attribute) == getattr(one, attribute)
        for a, b in zip(again.images + again.labels, one.images + one.labels):
            assert np.array_equal(a, b) and a.strides == b.strides
    assert (soft.steps, soft.epochs, soft.rule, soft.augmentation) == (2, 3, "sgd:momentum=0.5", "flip")
    assert (unordered.steps, unordered.batch, soft.batch) == (12, 5, None)
    assert soft.theta0 is None and soft.soft_labels


def test_old_files_need_the_number_of_classes(distilled, tmp_path):
    distilled.save(tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as file:
        np.savez(
            tmp_path / "old.npz", **{name: file[name] for name in file if name not in ("classes", "data_checksum")}
        )
    with pytest.raises(hypertape.ArgumentError, match=r"old\.npz does not tell the number of classes"):
        hypertape.load(tmp_path / "old.npz")
    assert np.array_equal(hypertape.load(tmp_path / "old.npz", classes=10).images[0], distilled.images[0])
