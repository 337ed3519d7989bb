#pragma once

#include <cmath>
#include <iomanip>
#include <sstream>
#include <string>

/// Numbers as text.
namespace hypertape::cli {

/// A number with `digits` decimals.
inline std::string fixed(double value, int digits) {
  std::ostringstream text = hypertape::detail::plain_stream();
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

/// A small number in scientific notation: "3.1e-07".
inline std::string scientific(double value) {
  std::ostringstream text = hypertape::detail::plain_stream();
  text << std::scientific << std::setprecision(1) << value;
  return text.str();
}

/// Rounds a number for summary.json: percent to four decimals, which resolve 0.01 % of one network in 100; seconds to
/// three; MiB to one.
inline double rounded(double value, int digits) {
  const double unit = std::pow(10, digits);
  return std::round(value * unit) / unit;
}
inline double rounded_percent(double value) { return rounded(value, 4); }

/// 75 seconds as "1:15".
inline std::string minutes(double seconds) {
  const long whole = static_cast<long>(seconds + 0.5);
  std::ostringstream text = hypertape::detail::plain_stream();
  text << whole / 60 << ':' << std::setw(2) << std::setfill('0') << whole % 60;
  return text.str();
}

}  // namespace hypertape::cli
