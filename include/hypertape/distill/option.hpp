#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"

/// Options that are declared once, in `for_each_option(options, visit)`: what checks them, the tool's command line and
/// help, and config.json are written upon it. It calls visit.heading(text) before each group of options, and for each
/// field visit(field, option), visit(field, option, choices) if its values have names, or visit(field, option, text) if
/// they are written in words.
namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The numbers that an option takes.
struct Bounds {
  double low = 0;             ///< the least
  double high = 1e9;          ///< the largest
  bool low_excluded = false;  ///< numbers must be larger than `low`
  bool zero_is_none = false;  ///< an optional field without a value is written as 0

  /// Whether the value is one of them; a NaN is not.
  bool contain(double value) const { return (low_excluded ? value > low : value >= low) && value <= high; }

  /// In words.
  std::string text() const {
    using hypertape::detail::concat;
    constexpr Bounds usual{};
    if (low < usual.low || low > usual.low || high < usual.high) {
      return concat("a number in [", low, " - ", high, ']');
    }
    return concat("a number ", low_excluded ? "above" : "not below", " zero and at most 1e9");
  }
};
inline constexpr Bounds not_negative{};                  ///< zero is one of them
inline constexpr Bounds positive{.low_excluded = true};  ///< zero is none; what most options take
/// Those of an optional field where a user writes 0 for no value.
inline constexpr Bounds positive_or_none{.low_excluded = true, .zero_is_none = true};

/// What an option is besides the field that holds its value.
struct Option {
  const char* name;             ///< its key in config.json; "hold_out" is --hold-out on the command line
  const char* help;             ///< what it is, in a sentence
  Bounds bounds = positive;     ///< of a number, or of the number in an optional field
  const char* without = "";     ///< what an optional field without a value stands for, in words
  bool affects_results = true;  ///< or only speed and memory
};

/// The values of a field, by their names.
template <class T>
using Choices = std::vector<std::pair<std::string, T>>;

/// How a field's values are written in words.
template <class T>
struct TextForm {
  std::string (*write)(const T&);  ///< what `read` reads
  T (*read)(const std::string&);   ///< @throws ArgumentError for text that is no value
};

/// A visitor that checks numbers.
struct CheckOptions {
  const char* operation;  ///< what the message of an error starts with

  /// @throws ArgumentError, naming the option, if the value is out of its bounds.
  template <class T>
  void operator()(const T& value, const Option& option) const {
    if constexpr (requires { value.has_value(); }) {
      if (value) (*this)(*value, option);
    } else if constexpr (!std::is_same_v<T, bool>) {
      if (option.bounds.contain(static_cast<double>(value))) return;
      throw ArgumentError(operation, ": ", option.name, " needs ", option.bounds.text(), ", got ", value);
    }
  }
  /// Nothing: a field can have no other value than those that have names.
  template <class T>
  void operator()(const T&, const Option&, const Choices<std::type_identity_t<T>>&) const {}
  /// Nothing: any value of the type is one.
  template <class T>
  void operator()(const T&, const Option&, const TextForm<T>&) const {}
  /// Nothing.
  void heading(const char*) const {}
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
