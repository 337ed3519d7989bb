#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"

/// Options that are declared once, in `for_each_option(options, visit)`. Checks, the tool's command line, its help and
/// config.json all build on that. `for_each_option` calls visit.heading(text) before each group of options, and for
/// each field visit(field, option); visit(field, option, choices) if its values have names; or
/// visit(field, option, text) if they are written as text.
namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The numbers that an option accepts.
struct Bounds {
  double low = 0;             ///< the least
  double high = 1e9;          ///< the largest
  bool low_excluded = false;  ///< values must be larger than `low`
  bool zero_is_none = false;  ///< 0 stands for an optional field without a value

  /// Whether the value is within the bounds; NaN is not.
  bool contain(double value) const { return (low_excluded ? value > low : value >= low) && value <= high; }

  /// The bounds in words, for messages.
  std::string text() const {
    using hypertape::detail::concat;
    constexpr Bounds usual{};
    if (low < usual.low || low > usual.low || high < usual.high) {
      return concat("a number in [", low, " - ", high, ']');
    }
    return concat("a number ", low_excluded ? "above" : "not below", " zero and at most 1e9");
  }
};
inline constexpr Bounds not_negative{};                  ///< zero or more
inline constexpr Bounds positive{.low_excluded = true};  ///< more than zero, as most options need
/// The bounds of an optional field where users write 0 for no value.
inline constexpr Bounds positive_or_none{.low_excluded = true, .zero_is_none = true};

/// The description of an option: its name, help, bounds and default, all but the field that holds its value.
struct Option {
  const char* name;             ///< key in config.json; "hold_out" is --hold-out on the command line
  const char* help;             ///< one sentence for --help
  Bounds bounds = positive;     ///< of a number, also in an optional field
  const char* without = "";     ///< what an optional field without a value stands for
  bool affects_results = true;  ///< whether it affects more than speed and memory
};

/// The values of a field by name.
template <class T>
using Choices = std::vector<std::pair<std::string, T>>;

/// How the values of a field are written as text.
template <class T>
struct TextForm {
  std::string (*write)(const T&);  ///< writes text that `read` accepts
  T (*read)(const std::string&);   ///< @throws ArgumentError for other text
};

/// A visitor that checks the bounds of numbers.
struct CheckOptions {
  const char* operation;  ///< the start of error messages

  /// @throws ArgumentError naming the option if the value is out of bounds.
  template <class T>
  void operator()(const T& value, const Option& option) const {
    if constexpr (requires { value.has_value(); }) {
      if (value) (*this)(*value, option);
    } else if constexpr (!std::is_same_v<T, bool>) {
      if (option.bounds.contain(static_cast<double>(value))) return;
      throw ArgumentError(operation, ": ", option.name, " needs ", option.bounds.text(), ", got ", value);
    }
  }
  /// Accepts every value: the field can only have a named one.
  template <class T>
  void operator()(const T&, const Option&, const Choices<std::type_identity_t<T>>&) const {}
  /// Accepts every value of the type.
  template <class T>
  void operator()(const T&, const Option&, const TextForm<T>&) const {}
  /// Ignores headings.
  void heading(const char*) const {}
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
