"""What pip is given: an sdist has all that it takes to build the package elsewhere, and types are known."""
import pathlib
import subprocess
import sys
import tarfile

import pytest

import hypertape

PACKAGE = pathlib.Path(__file__).resolve().parent.parent


def backend(folder, call):
    program = f"import sys; sys.dont_write_bytecode = True; import hypertape_build; print(hypertape_build.{call})"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder / "backend", check=False, capture_output=True, text=True
    )


@pytest.fixture
def unpacked(tmp_path):
    name = backend(PACKAGE, f"build_sdist({str(tmp_path)!r})").stdout.strip()
    assert name == f"hypertape-{hypertape.__version__}.tar.gz"
    with tarfile.open(tmp_path / name) as archive:
        archive.extractall(tmp_path)
    return tmp_path / name[: -len(".tar.gz")]


def test_an_sdist_can_be_built(unpacked, tmp_path):
    headers = {path.name for path in (unpacked / "library" / "include").rglob("*.hpp")}
    assert {"distill.hpp", "config.hpp", "option.hpp"} < headers and not list(unpacked.rglob("__pycache__"))
    assert backend(unpacked, "version()").stdout.strip() == hypertape.__version__
    subprocess.run(
        [
            "cmake",
            "-S",
            unpacked,
            "-B",
            tmp_path / "build",
            f"-DPython3_EXECUTABLE={sys.executable}",
            f"-DPYTHON_EXECUTABLE={sys.executable}",
        ],
        check=True,
        capture_output=True,
    )


def test_the_folder_alone_is_refused(unpacked):
    (unpacked / "library").rename(unpacked.parent / "elsewhere")
    found = backend(unpacked, "version()")
    assert found.returncode == 1
    assert "the package is built in a checkout of hypertape, or from its sdist" in found.stderr


def test_types_are_known():
    assert (pathlib.Path(hypertape.__file__).parent / "py.typed").exists()
    stubs = (PACKAGE / "src" / "hypertape" / "_core.pyi").read_text()
    for kind in (hypertape.Dataset, hypertape.DistilledSet, hypertape.Evaluation, hypertape.Progress):
        for name in (name for name in vars(kind) if not name.startswith("_")):
            assert f"def {name}(self" in stubs, f"{kind.__name__}.{name}"


def test_the_pages_program_prints_what_it_says(tmp_path):
    page = PACKAGE.parent / "docs" / "python.md"
    if not page.exists():
        pytest.skip("an sdist has no page")
    sys.path.insert(0, str(PACKAGE.parent / "scripts"))
    from check_output import NUMBER, expected_output

    result = subprocess.run(
        [sys.executable, PACKAGE.parent / "examples" / "python" / "distill_arrays.py"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    expected = expected_output(page, "distill_arrays.py")
    assert NUMBER.sub("#", result.stdout) == NUMBER.sub("#", expected)
    # Other processors round otherwise, which 200 iterations amplify.
    for a, b in zip(NUMBER.findall(result.stdout), NUMBER.findall(expected)):
        assert float(a) == pytest.approx(float(b), rel=0.1), result.stdout
    assert hypertape.load(tmp_path / "ten.npz").steps == 1
