#pragma once

#include <charconv>
#include <cmath>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "hypertape/core/error.hpp"
#include "hypertape/unroll/checkpoint_schedule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// Parses a schedule of inner steps as `--memory` takes it: `all`, `recompute`, `checkpoints` (every sqrt(T)-th of T
/// steps), `checkpoints:K` (every K-th step), `binomial:C` (C checkpoints), or an amount of memory such as `450MB` (B,
/// kB, MB, GB, KiB, MiB, GiB) for the fastest schedule that fits. @throws ArgumentError listing these for anything
/// else.
inline Schedule schedule_from_text(const std::string& text) {
  const auto number_behind = [&](std::string_view prefix, double& number, std::string_view& rest) {
    if (!text.starts_with(prefix)) return false;
    const char* const end = text.data() + text.size();
    const auto [next, error] = std::from_chars(text.data() + prefix.size(), end, number);
    rest = std::string_view(next, static_cast<std::size_t>(end - next));
    return error == std::errc() && number > 0;
  };
  constexpr double most_steps = 1e9, most_bytes = 1e18;
  double number = 0;
  std::string_view rest;
  const auto is_count = [&] { return rest.empty() && number <= most_steps && std::floor(number) >= number; };
  if (text == "all") return Schedule::store_all();
  if (text == "recompute") return Schedule::recompute();
  if (text == "checkpoints") return Schedule::every();
  if (number_behind("checkpoints:", number, rest) && is_count()) return Schedule::every(static_cast<Index>(number));
  if (number_behind("binomial:", number, rest) && is_count()) return Schedule::binomial(static_cast<Index>(number));
  if (number_behind("", number, rest)) {
    constexpr std::pair<std::string_view, double> units[]{{"B", 1},      {"kB", 1e3},     {"MB", 1e6},    {"GB", 1e9},
                                                          {"KiB", 1024}, {"MiB", 0x1p20}, {"GiB", 0x1p30}};
    for (const auto& [unit, bytes] : units) {
      if (rest == unit && number * bytes >= 1 && number * bytes <= most_bytes) {
        return Schedule::memory_budget(static_cast<std::size_t>(number * bytes));
      }
    }
  }
  throw ArgumentError(
      "memory: needs all, recompute, checkpoints, checkpoints:K, binomial:C, or an amount such as "
      "450MB, got '",
      text, "'");
}

/// A schedule as text that `schedule_from_text` reads.
inline std::string text_of(const Schedule& schedule) {
  return schedule.visit(
      [] { return std::string("all"); }, [] { return std::string("recompute"); },
      [](Index k) { return k == 0 ? std::string("checkpoints") : hypertape::detail::concat("checkpoints:", k); },
      [](Index c) { return hypertape::detail::concat("binomial:", c); },
      [](std::size_t bytes) {
        constexpr std::size_t mega = 1000000;
        return bytes % mega == 0 ? hypertape::detail::concat(bytes / mega, "MB")
                                 : hypertape::detail::concat(bytes, "B");
      });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
