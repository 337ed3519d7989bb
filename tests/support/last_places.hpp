#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace hypertape::testing {

/// The largest distance of y[i] from `exact_of(x[i])`, a function of a wider type, in units of the last place of the
/// exact value; all subnormal numbers share the same unit. Infinity unless NaN and infinity occur exactly where they
/// should.
template <class T, class Exact>
double worst_in_last_places(const std::vector<T>& y, const std::vector<T>& x, const Exact& exact_of) {
  using Limits = std::numeric_limits<T>;
  using Wider = decltype(exact_of(T()));
  static_assert(sizeof(Wider) > sizeof(T));
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Wider exact = exact_of(static_cast<Wider>(x[i]));
    const T rounded = static_cast<T>(exact);
    if (std::isnan(rounded) || std::isinf(rounded)) {
      if (std::isnan(rounded) ? !std::isnan(y[i]) : y[i] != rounded) return static_cast<double>(Limits::infinity());
      continue;
    }
    int exponent = 0;
    static_cast<void>(std::frexp((std::max)(std::abs(rounded), (Limits::min)()), &exponent));
    const Wider place = std::ldexp(Wider(1), exponent - Limits::digits);
    const auto distance = static_cast<double>(std::abs(static_cast<Wider>(y[i]) - exact) / place);
    if (!(distance <= worst)) worst = distance;
    if (std::isnan(worst)) break;
  }
  return worst;
}

}  // namespace hypertape::testing
