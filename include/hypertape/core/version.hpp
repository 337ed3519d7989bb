#pragma once

/// The library's version, and its only place: CMake reads it from here.
#define HYPERTAPE_VERSION_MAJOR 0
#define HYPERTAPE_VERSION_MINOR 1
#define HYPERTAPE_VERSION_PATCH 0
#define HYPERTAPE_VERSION "0.1.0"
