#pragma once

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "hypertape/core/error.hpp"

/// Settings as text, for files and command lines: `momentum=0.9,weight_decay=5e-4`, `flip,crop=4`.
namespace hypertape::inline HYPERTAPE_ABI {

/// A name and its value.
template <class T>
struct Assignment {
  std::string name;        ///< never empty
  std::optional<T> value;  ///< empty for a name that stands alone
};

/// Writes a number with the fewest digits that read back to the same bits.
template <class T>
std::string shortest_text(T value) {
  char digits[32];
  return {std::begin(digits), std::to_chars(std::begin(digits), std::end(digits), value).ptr};
}

/// Parses comma-separated settings, in order. @throws ArgumentError naming a part that is neither NAME nor NAME=NUMBER,
/// or a name that is given twice.
template <class T>
std::vector<Assignment<T>> assignments_from_text(std::string_view text) {
  std::vector<Assignment<T>> all;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = (std::min)(text.find(',', at), text.size());
    const std::string_view part = text.substr(at, end - at);
    const std::size_t equals = (std::min)(part.find('='), part.size());
    Assignment<T> one{std::string(part.substr(0, equals)), {}};
    const auto refuse = [](const auto&... what) { throw ArgumentError(what...); };
    if (equals < part.size()) {
      one.value.emplace();
      const auto [next, error] = std::from_chars(part.data() + equals + 1, part.data() + part.size(), *one.value);
      if (error != std::errc() || next != part.data() + part.size()) one.name.clear();
    }
    if (one.name.empty()) refuse("'", part, "' is not NAME=NUMBER");
    if (std::ranges::find(all, one.name, &Assignment<T>::name) != all.end()) refuse(one.name, " is given twice");
    all.push_back(std::move(one));
    at = end + 1;
  }
  return all;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
