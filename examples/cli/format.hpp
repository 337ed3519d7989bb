#pragma once

#include <iomanip>
#include <sstream>
#include <string>

/// Numbers as text.
namespace hypertape::cli {

/// A number with `digits` decimals.
inline std::string fixed(double value, int digits) {
  std::ostringstream text = plain_stream();
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

/// 75 seconds as "1:15".
inline std::string minutes(double seconds) {
  const long whole = static_cast<long>(seconds + 0.5);
  std::ostringstream text = plain_stream();
  text << whole / 60 << ':' << std::setw(2) << std::setfill('0') << whole % 60;
  return text.str();
}

}  // namespace hypertape::cli
