"""Builds the package for pip (PEP 517), by CMake alone, so that no other package is needed, nor the network.

CMAKE_ARGS in the environment adds arguments for CMake, such as -DHYPERTAPE_NATIVE=OFF for a wheel that other processors
run; `pip install --config-settings build-dir=DIR` keeps what is compiled in that folder.
"""
import base64
import hashlib
import io
import os
import pathlib
import re
import shlex
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile

PYTHON = pathlib.Path(__file__).resolve().parent.parent
# Of an sdist, what it has of the library; else the checkout.
LIBRARY = PYTHON / "library" if (PYTHON / "library").exists() else PYTHON.parent
LIBRARY_PARTS = ["CMakeLists.txt", "LICENSE", "cmake", "include", "src"]
CONFIG = LIBRARY / "include" / "hypertape" / "core" / "config.hpp"


def version():
    if not CONFIG.exists():
        sys.exit(f"hypertape: there is no {CONFIG}: the package is built in a checkout of hypertape, or from its sdist")
    numbers = re.findall(r"#define HYPERTAPE_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", CONFIG.read_text())
    return ".".join(numbers)


def metadata():
    return f"""Metadata-Version: 2.1
Name: hypertape
Version: {version()}
Summary: Dataset distillation: a few learned images that train networks
License: MIT
Requires-Python: >=3.9
Requires-Dist: numpy
"""


def info_folder():
    return f"hypertape-{version()}.dist-info"


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = pathlib.Path(metadata_directory, info_folder())
    folder.mkdir()
    (folder / "METADATA").write_text(metadata())
    return folder.name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    interpreter = f"cp{sys.version_info.major}{sys.version_info.minor}"
    tag = f"{interpreter}-{interpreter}-{re.sub('[-.]', '_', sysconfig.get_platform())}"
    info = info_folder()
    files = {
        f"hypertape/{path.name}": path.read_bytes()
        for path in sorted((PYTHON / "src" / "hypertape").iterdir())
        if path.suffix in (".py", ".pyi", ".typed")
    }
    with tempfile.TemporaryDirectory() as scratch:
        module = compiled(pathlib.Path((config_settings or {}).get("build-dir", scratch)))
        files[f"hypertape/{module.name}"] = module.read_bytes()
    files[f"{info}/METADATA"] = metadata().encode()
    files[f"{info}/LICENSE"] = (LIBRARY / "LICENSE").read_bytes()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: hypertape\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    record = "".join(f"{name},sha256={digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = f"hypertape-{version()}-{tag}.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel


def build_sdist(sdist_directory, config_settings=None):
    name = f"hypertape-{version()}"

    def taken(member):
        return None if re.search(r"/(__pycache__|\.[^/]*)$", member.name) else member

    with tarfile.open(pathlib.Path(sdist_directory) / f"{name}.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(PYTHON.iterdir()):
            if path.name not in ("library", "build"):
                archive.add(path, f"{name}/{path.name}", filter=taken)
        for part in LIBRARY_PARTS:
            archive.add(LIBRARY / part, f"{name}/library/{part}", filter=taken)
        content = metadata().encode()
        information = tarfile.TarInfo(f"{name}/PKG-INFO")
        information.size = len(content)
        archive.addfile(information, io.BytesIO(content))
    return f"{name}.tar.gz"


def compiled(folder):
    """The extension module."""
    arguments = [
        f"-DPython3_EXECUTABLE={sys.executable}",
        f"-DPYTHON_EXECUTABLE={sys.executable}",
        *shlex.split(os.environ.get("CMAKE_ARGS", "")),
    ]
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count()))
    for command in (
        ["cmake", "-S", str(PYTHON), "-B", str(folder), *arguments],
        ["cmake", "--build", str(folder), "--target", "_core", "--parallel", jobs],
    ):
        try:
            subprocess.run(command, check=True)
        except FileNotFoundError:
            sys.exit("hypertape: cmake is not found (Debian: apt-get install cmake g++ make)")
        except subprocess.CalledProcessError:
            sys.exit(f"hypertape: this failed: {shlex.join(command)}")
    return folder / f"_core{sysconfig.get_config_var('EXT_SUFFIX')}"


def digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
