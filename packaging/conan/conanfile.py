import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load


class HypertapeConan(ConanFile):
    """The headers of the checkout that this recipe lies in."""

    name = "hypertape"
    description = "Hypergradients: reverse-mode autodiff through unrolled gradient descent, headers of C++20"
    license = "MIT"
    topics = ("automatic-differentiation", "hypergradient", "bilevel-optimization", "dataset-distillation")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"distill": [True, False], "openmp": [True, False]}
    default_options = {"distill": False, "openmp": True}
    no_copy_source = True

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        config = load(self, os.path.join(self._checkout, "include", "hypertape", "core", "config.hpp"))
        self.version = ".".join(re.findall(r"^#define HYPERTAPE_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", config, re.M))

    def export_sources(self):
        copy(self, "LICENSE", self._checkout, self.export_sources_folder)
        copy(self, "include/hypertape/*.hpp", self._checkout, self.export_sources_folder)

    def requirements(self):
        self.requires("eigen/3.4.0", transitive_headers=True)
        if self.options.distill:
            self.requires("zlib/[>=1.2.11 <2]", transitive_headers=True)
            self.requires("libpng/[>=1.6 <2]", transitive_headers=True)
            self.requires("libjpeg/9e", transitive_headers=True)
            self.requires("libzip/[>=1.7 <2]", transitive_headers=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "include/hypertape/*.hpp", self.source_folder, self.package_folder)

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "hypertape")
        self.cpp_info.set_property("cmake_config_version_compat", "SameMinorVersion")
        core = self.cpp_info.components["hypertape"]
        core.set_property("cmake_target_name", "hypertape::hypertape")
        core.set_property("pkg_config_name", "hypertape")
        core.requires = ["eigen::eigen"]
        core.bindirs = core.libdirs = []
        if self.options.openmp:
            core.cxxflags = core.sharedlinkflags = core.exelinkflags = ["-fopenmp"]
        if self.options.distill:
            distill = self.cpp_info.components["distill"]
            distill.set_property("cmake_target_name", "hypertape::distill")
            distill.set_property("pkg_config_name", "hypertape-distill")
            distill.requires = ["hypertape", "zlib::zlib", "libpng::libpng", "libjpeg::libjpeg", "libzip::libzip"]
            distill.bindirs = distill.libdirs = []
