"""What the tests share: small images of digits, and the tool, where there is one."""
import os
import subprocess
import sys

import numpy as np
import pytest

import hypertape

sys.dont_write_bytecode = True


@pytest.fixture(scope="session")
def glyphs():
    return hypertape.load_dataset("glyphs")


@pytest.fixture(scope="session")
def small(glyphs):
    """600 training and 200 test images."""
    return hypertape.Dataset(
        glyphs.images[:600], glyphs.labels[:600], glyphs.test_images[:200], glyphs.test_labels[:200]
    )


@pytest.fixture(scope="session")
def distilled(small):
    return hypertape.distill(small, iterations=3, batch=64)


@pytest.fixture(scope="session")
def mnist_folder(small, tmp_path_factory):
    """The same images as the files of MNIST, which the tool reads."""
    folder = tmp_path_factory.mktemp("mnist")

    def write(name, array):
        header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
        (folder / name).write_bytes(header + array.astype(np.uint8).tobytes())

    write("train-images-idx3-ubyte", small.images[:, 0])
    write("train-labels-idx1-ubyte", small.labels)
    write("t10k-images-idx3-ubyte", small.test_images[:, 0])
    write("t10k-labels-idx1-ubyte", small.test_labels)
    return folder


@pytest.fixture
def tool():
    """Runs the tool, $HYPERTAPE_TOOL."""
    program = os.environ.get("HYPERTAPE_TOOL")
    if not program:
        pytest.skip("HYPERTAPE_TOOL names no tool to compare with")
    return lambda *arguments: subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)
