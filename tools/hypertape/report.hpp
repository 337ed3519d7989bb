#pragma once

#include <filesystem>
#include <span>
#include <string>

namespace hypertape::cli {

/// The page report.html: what the folders of runs hold, as one HTML document that needs nothing else. It shows whatever
/// files are there, so that it can be written before, during and after a run; of an unfinished run it reloads itself.
/// Several runs are compared, in this order.
/// @throws DataError if a folder has no config.json of a run, or one of the files is damaged.
std::string report_page(std::span<const std::filesystem::path> folders);

}  // namespace hypertape::cli
