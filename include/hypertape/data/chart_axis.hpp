#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "hypertape/core/error.hpp"

namespace hypertape::data {

using hypertape::detail::concat;

/// How values lie along an axis.
enum class AxisScale { linear, logarithmic };

namespace detail {

/// A number as C writes it, whatever the locale.
template <class... Format>
std::string number_text(double value, Format... format) {
  std::array<char, 400> text{};  // the longest double in fixed notation has 309 digits before the point
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format...).ptr;
  return std::string(text.data(), end);
}

struct Tick {
  double at;  // on the axis: the value, or its logarithm
  std::string text;
};

/// One axis: what it spans, widened to round numbers, and its ticks.
class Axis {
 public:
  /// `most_ticks` is about how many intervals there may be. The values are finite, and positive for a logarithm.
  Axis(AxisScale scale, double least, double greatest, int most_ticks)
      : scale_(scale), low_(at(least)), high_(at(greatest)) {
    if (scale == AxisScale::linear) {
      linear_ticks(most_ticks);
    } else {
      logarithmic_ticks(most_ticks);
    }
  }

  /// Where a value lies: 0 at the axis's low end, 1 at the high one.
  double fraction(double value) const { return fraction_at(at(value)); }
  double fraction_at(double position) const { return (position - low_) / (high_ - low_); }
  const std::vector<Tick>& ticks() const { return ticks_; }

 private:
  double at(double value) const { return scale_ == AxisScale::linear ? value : std::log10(value); }

  /// The steps 1, 2, 5 times a power of ten.
  void linear_ticks(int most_ticks) {
    const double size = (std::max)(std::abs(low_), std::abs(high_));
    if (!(high_ - low_ > (std::max)(1e-9 * size, 1e-290))) {  // one value, as far as can be told
      const double margin = size > 1e-280 ? size / 10 : 1;
      low_ -= margin;
      high_ += margin;
    }
    const double rough = (high_ - low_) / most_ticks;
    const int exponent = static_cast<int>(std::floor(std::log10(rough)));
    const double power = std::pow(10., exponent);
    int digit = 10;
    for (const int candidate : {5, 2, 1}) {
      if (candidate * power >= rough * (1 - 1e-9)) digit = candidate;
    }
    const double step = digit * power;
    const int decimals = (std::max)(0, -exponent - (digit == 10 ? 1 : 0));
    const double first = std::floor(low_ / step + 1e-6), last = std::ceil(high_ / step - 1e-6);
    for (double k = first; k <= last; ++k) {
      // A quotient of whole numbers where there are decimals: 3 / 10 is 0.3, and 3 * 0.1 is not.
      const double value = exponent < 0 ? k * digit / std::pow(10., -exponent) : k * step;
      ticks_.push_back({value, linear_text(value, step, decimals)});
    }
    low_ = ticks_.front().at;
    high_ = ticks_.back().at;
  }

  std::string linear_text(double value, double step, int decimals) const {
    const double size = (std::max)(std::abs(low_), std::abs(high_));
    if (size < 1e6 && decimals <= 5) return number_text(value, std::chars_format::fixed, decimals);
    if (!(std::abs(value) > 0)) return "0";
    const int digits = static_cast<int>(std::floor(std::log10(std::abs(value))) - std::floor(std::log10(step * 1.001)));
    return short_exponent(number_text(value, std::chars_format::scientific, (std::max)(0, digits)));
  }

  /// Powers of ten; below two decades 1, 2 and 5 times a power of ten.
  void logarithmic_ticks(int most_ticks) {
    const bool fine = high_ - low_ < 2;
    const int first = static_cast<int>(std::floor(low_ + 1e-9)), last = static_cast<int>(std::ceil(high_ - 1e-9));
    const int stride = fine ? 1 : (last - first + most_ticks - 1) / most_ticks;
    std::vector<Tick> all;
    for (int exponent = first; exponent <= (std::max)(last, first + 1) + stride - 1; exponent += stride) {
      for (const int digit : {1, 2, 5}) {
        if (digit > 1 && !fine) break;
        all.push_back({exponent + std::log10(digit), power_text(digit, exponent)});
      }
    }
    const auto below = [](double end) { return [end](const Tick& tick) { return tick.at <= end + 1e-9; }; };
    auto begin = std::find_if_not(all.begin(), all.end(), below(low_)) - 1;
    auto end = std::find_if(all.begin(), all.end(), [&](const Tick& tick) { return tick.at >= high_ - 1e-9; });
    if (begin == end) ++end;
    ticks_.assign(begin, end + 1);
    low_ = ticks_.front().at;
    high_ = ticks_.back().at;
  }

  static std::string power_text(int digit, int exponent) {
    if (exponent >= -3 && exponent <= 4) {
      const double value = exponent < 0 ? digit / std::pow(10., -exponent) : digit * std::pow(10., exponent);
      return number_text(value, std::chars_format::fixed, (std::max)(0, -exponent));
    }
    return concat(digit, 'e', exponent);
  }

  /// 1.5e+06 as 1.5e6.
  static std::string short_exponent(const std::string& text) {
    const std::size_t e = text.find('e');
    return text.substr(0, e + 1) + std::to_string(std::stoi(text.substr(e + 1)));
  }

  AxisScale scale_;
  double low_, high_;
  std::vector<Tick> ticks_;
};

}  // namespace detail

}  // namespace hypertape::data
