"""The package computes what the tool computes, bit for bit."""
import json

import numpy as np
import pytest

import hypertape

CASES = {
    "fixed": {},
    "ordered steps, soft labels": {"steps": 2, "epochs": 2, "soft_labels": True, "augment": "crop=2"},
    "new networks": {
        "init": "random",
        "networks": 2,
        "validation_networks": 2,
        "start": "real",
        "initial_learning_rate": 0.05,
    },
    "without an order": {
        "unordered": True,
        "steps": 4,
        "inner_batch": 5,
        "images_per_class": 2,
        "inner_optimizer": "sgd:momentum=0.5",
    },
    "ridge": {
        "init": "random",
        "unordered": True,
        "outer_step": "ridge",
        "images_per_class": 2,
        "network": "convnet-2x8-no-norm",
    },
    "multilayer perceptron": {"network": "mlp-32-16", "clip": 0, "balance": "on", "window": 2, "halve_every": 2},
}
NETWORKS = {
    "convnet-2x8-no-norm": ["--net", "convnet", "--depth", "2", "--width", "8", "--norm", "none"],
    "mlp-32-16": ["--net", "mlp", "--hidden", "32", "16"],
}


def arguments_of(options):
    """The same on the command line."""
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if name == "network":
            yield from NETWORKS[value]
        elif value is True:
            yield option
        else:
            yield from (option, str(value))


@pytest.mark.parametrize("case", CASES)
def test_distill_writes_the_tools_bytes(case, tool, mnist_folder, tmp_path):
    options = {"iterations": 3, "batch": 64, "seed": 3, **CASES[case]}
    tests = ["--test-networks", "1"] if options.get("init") == "random" else []
    tool(
        "distill",
        "--dataset",
        "mnist",
        "--data",
        mnist_folder,
        "--out",
        tmp_path / "tool",
        *arguments_of(options),
        *tests
    )
    hypertape.distill(hypertape.load_dataset("mnist", mnist_folder), **options).save(tmp_path / "python.npz")
    with np.load(tmp_path / "tool" / "distilled.npz") as expected, np.load(tmp_path / "python.npz") as found:
        assert sorted(expected) == sorted(found)
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name], name)
    assert (tmp_path / "python.npz").read_bytes() == (tmp_path / "tool" / "distilled.npz").read_bytes()


def test_arrays_give_the_same_bytes_as_files(mnist_folder, tmp_path):
    files = hypertape.load_dataset("mnist", mnist_folder)
    arrays = hypertape.Dataset(
        files.images[:, 0] / np.float32(255),
        files.labels.astype(np.uint8),
        files.test_images,
        files.test_labels,
        mean=files.mean,
        std=files.std,
        name="mnist",
    )
    for name, dataset in (("files", files), ("arrays", arrays)):
        hypertape.distill(dataset, iterations=2, batch=32).save(tmp_path / name)
    assert (tmp_path / "files").read_bytes() == (tmp_path / "arrays").read_bytes()


def test_threads_do_not_change_bits(small, distilled):
    one = hypertape.distill(small, iterations=3, batch=64, threads=1)
    for a, b in zip(one.images + (one.learning_rates,), distilled.images + (distilled.learning_rates,)):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"protocol": "free", "epochs": 5, "optimizer": "adam", "learning_rate": 0.01},
        {"init": "random", "networks": 3},
    ],
)
def test_evaluate_finds_what_the_tool_finds(options, tool, mnist_folder, tmp_path):
    dataset = hypertape.load_dataset("mnist", mnist_folder)
    distilled = hypertape.distill(dataset, iterations=2, batch=64)
    distilled.save(tmp_path / "distilled.npz")
    words = {{"networks": "test_networks"}.get(name, name): value for name, value in options.items()}
    tool(
        "evaluate",
        "--dataset",
        "mnist",
        "--data",
        mnist_folder,
        "--distilled",
        tmp_path / "distilled.npz",
        "--real",
        "off",
        "--out",
        tmp_path / "out",
        *arguments_of(words)
    )
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    found = hypertape.evaluate(distilled, dataset, **options)
    assert found.accuracy == pytest.approx(summary["test_accuracy"], abs=1e-4)
    assert found.accuracy_std == pytest.approx(summary["test_accuracy_std"], abs=1e-4)
    assert np.mean(found.initial_accuracies) == pytest.approx(summary["initial_accuracy"], abs=1e-4)
