#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "hypertape/core/error.hpp"

namespace hypertape::cli {

struct Tick {
  double at;  ///< on the axis: the value, or its logarithm
  std::string text;
};

/// An axis: its range, widened to round numbers, and its ticks.
class Axis {
 public:
  /// Covers these values, which are finite, and positive if logarithmic, in about `most` intervals.
  Axis(bool logarithmic, const std::vector<double>& values, int most)
      : logarithmic_(logarithmic), low_(at(std::ranges::min(values))), high_(at(std::ranges::max(values))) {
    logarithmic ? logarithmic_ticks(most) : linear_ticks(most);
    low_ = ticks_.front().at;
    high_ = ticks_.back().at;
  }

  /// Where a value lies: 0 at the low end of the axis, 1 at the high end.
  double fraction(double value) const { return fraction_at(at(value)); }
  double fraction_at(double position) const { return (position - low_) / (high_ - low_); }
  const std::vector<Tick>& ticks() const { return ticks_; }

 private:
  double at(double value) const { return logarithmic_ ? std::log10(value) : value; }

  /// Multiples of 1, 2 or 5 times a power of ten.
  void linear_ticks(int most) {
    const double size = std::max(std::abs(low_), std::abs(high_));
    if (!(high_ - low_ > std::max(1e-9 * size, 1e-290))) {  // a single value, up to rounding
      const double margin = size > 1e-280 ? size / 10 : 1;
      low_ -= margin;
      high_ += margin;
    }
    const double rough = (high_ - low_) / most, power = std::pow(10., std::floor(std::log10(rough)));
    double step = 10 * power;
    for (const int digit : {5, 2, 1}) {
      if (digit * power >= rough * (1 - 1e-9)) step = digit * power;
    }
    const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9)));
    const bool fixed = size < 1e6 && decimals <= 5;
    const int digits = fixed ? decimals : std::max(6, static_cast<int>(std::log10(std::max(size, step) / step)) + 2);
    const auto format = fixed ? std::chars_format::fixed : std::chars_format::general;
    const double last = std::ceil(high_ / step - 1e-6);
    for (double k = std::floor(low_ / step + 1e-6); k <= last; ++k) {
      ticks_.push_back({k * step, text(k * step, format, digits)});
    }
  }

  /// Powers of ten; for less than two decades, also 2 and 5 times a power of ten.
  void logarithmic_ticks(int most) {
    const bool fine = high_ - low_ < 2;
    const int first = static_cast<int>(std::floor(low_ + 1e-9)), last = static_cast<int>(std::ceil(high_ - 1e-9));
    const int stride = (last - first + most - 1) / most;
    constexpr std::array<int, 3> digits = {1, 2, 5};
    for (int i = 0; ticks_.size() < 2 || ticks_.back().at < high_ - 1e-9; ++i) {
      const int exponent = first + (fine ? i / 3 : i * stride),
                digit = fine ? digits[static_cast<std::size_t>(i) % 3] : 1;
      const double position = exponent + std::log10(digit);
      if (position <= low_ + 1e-9) ticks_.clear();  // the axis begins at the last of these
      ticks_.push_back({position, text(digit * std::pow(10., exponent), std::chars_format::general, 6)});
    }
  }

  /// A number as in the C locale, but 1.5e6 instead of 1.5e+06.
  static std::string text(double value, std::chars_format format, int digits) {
    std::array<char, 40> room{};
    const auto end = std::to_chars(room.data(), room.data() + room.size(), value, format, digits);
    const std::string text(room.data(), end.ptr);
    const std::size_t e = text.find('e');
    return e == std::string::npos ? text : text.substr(0, e + 1) + std::to_string(std::stoi(text.substr(e + 1)));
  }

  bool logarithmic_;
  double low_, high_;
  std::vector<Tick> ticks_;
};

}  // namespace hypertape::cli
