#!/usr/bin/env python3
"""Runs Conan's recipe with a stand-in for Conan: conan.py VERSION PREFIX WORK, with hypertape installed in PREFIX."""

import collections
import fnmatch
import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys
import types

sys.dont_write_bytecode = True
VERSION, PREFIX, WORK = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "conan"


class Component(types.SimpleNamespace):
    def __init__(self):
        super().__init__(properties={}, requires=[])

    def set_property(self, name, value):
        self.properties[name] = value


class ConanFile:
    def __init__(self, **options):
        self.recipe_folder = str(FOLDER)
        self.export_sources_folder = self.source_folder = str(WORK / "sources")
        self.package_folder = str(WORK / "package")
        self.options = types.SimpleNamespace(**{**self.default_options, **options})
        self.cpp_info = Component()
        self.cpp_info.components = collections.defaultdict(Component)
        self.required = set()

    def requires(self, reference, transitive_headers):
        self.required.add(reference.partition("/")[0])


def copy(recipe, pattern, src, dst):
    files = pathlib.Path(src).rglob("*")
    found = [file for file in files if fnmatch.fnmatch(file.relative_to(src).as_posix(), pattern)]
    assert found, f"{pattern} matches nothing in {src}"
    for file in found:
        to = pathlib.Path(dst) / file.relative_to(src)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, to)


def module(name, **content):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(content)


def recipe_in(folder):
    spec = importlib.util.spec_from_file_location("recipe", folder / "conanfile.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return next(c for c in vars(loaded).values() if isinstance(c, type) and issubclass(c, ConanFile) and c != ConanFile)


standards = []
module("conan", ConanFile=ConanFile)
module("conan.tools")
module("conan.tools.files", copy=copy, load=lambda recipe, path: pathlib.Path(path).read_text())
module("conan.tools.build", check_min_cppstd=lambda recipe, standard: standards.append(standard), can_run=None)
module("conan.tools.cmake", CMake=None, cmake_layout=None)

shutil.rmtree(WORK, ignore_errors=True)
recipe = recipe_in(FOLDER)(distill=True)
recipe.set_version()
assert recipe.version == VERSION, recipe.version
recipe.validate()
assert standards == [20]
recipe.export_sources()
recipe.package()
subprocess.run(["diff", "-r", PREFIX / "include", WORK / "package" / "include"], check=True)
assert (WORK / "package" / "licenses" / "LICENSE").exists()

# Targets and pkg-config's names are those of cmake --install, and distill brings along what its .pc file does.
recipe.requirements()
recipe.package_info()
installed = re.findall(
    r"^add_library\((hypertape::\w+)",
    "".join((PREFIX / f"share/cmake/hypertape/hypertape{x}-targets.cmake").read_text() for x in ("", "-distill")), re.M)
components = recipe.cpp_info.components
assert [c.properties["cmake_target_name"] for c in components.values()] == installed, installed
for component in components.values():
    name = component.properties["pkg_config_name"]
    line = re.search("^Requires: (.*)$", (PREFIX / f"share/pkgconfig/{name}.pc").read_text(), re.M)[1]
    needed = set(re.sub(r" >?= [\d.]+", "", line).split())
    brought = {"eigen3" if name == "eigen" else name for name in (r.partition("::")[0] for r in component.requires)}
    assert brought == needed, (brought, needed)
assert recipe.required == {r.partition("::")[0] for c in components.values() for r in c.requires if "::" in r}

plain = recipe_in(FOLDER)()
plain.requirements()
plain.package_info()
assert plain.required == {"eigen"} and list(plain.cpp_info.components) == ["hypertape"]

assert recipe_in(FOLDER / "test_package").generators == ("CMakeDeps", "CMakeToolchain")
test = ["cmake", "-S", FOLDER / "test_package", "-B", WORK / "test", f"-DCMAKE_PREFIX_PATH={PREFIX}"]
subprocess.run(test, check=True)
