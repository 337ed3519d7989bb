#pragma once

#include <filesystem>
#include <span>
#include <string>

namespace hypertape::cli {

/// The page report.html: the contents of run folders as one self-contained HTML document. It shows the files that
/// exist, so it can be written before, during and after a run; the page of an unfinished run reloads itself. Several
/// runs are compared, in this order. @throws DataError if a folder has no config.json of a run, or a file is damaged.
std::string report_page(std::span<const std::filesystem::path> folders);

}  // namespace hypertape::cli
