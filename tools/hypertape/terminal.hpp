#pragma once

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>

namespace hypertape::cli {

/// Columns of the terminal on standard output; empty if it is no terminal or does not report them.
inline std::optional<std::size_t> terminal_columns() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return size.ws_col;
}

/// Columns to wrap text at: $COLUMNS, else the terminal's, else 80; at least 40.
inline std::size_t text_columns() {
  constexpr std::size_t least = 40, otherwise = 80;
  std::size_t columns = terminal_columns().value_or(otherwise);
  const char* const given = std::getenv("COLUMNS");
  const std::string_view text = given != nullptr ? given : "";
  std::size_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (!text.empty() && failure == std::errc() && end == text.data() + text.size()) columns = number;
  return columns < least ? least : columns;
}

}  // namespace hypertape::cli
