#pragma once

#include <exception>
#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "hypertape/core/config.hpp"  // for the options that it refuses

namespace hypertape::inline HYPERTAPE_ABI::detail {

/// A stream that writes numbers as they are in C++, whatever the program's global locale.
inline std::ostringstream plain_stream() {
  std::ostringstream stream;
  stream.imbue(std::locale::classic());
  return stream;
}

/// The parts streamed one after the other: `concat("got ", 3)` is "got 3".
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream stream = plain_stream();
  (stream << ... << parts);
  return stream.str();
}

}  // namespace hypertape::inline HYPERTAPE_ABI::detail

// Exceptions are the same for all objects of a program, however each was built: what one throws, another catches.
namespace hypertape {

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wweak-vtables"  // they cannot but be weak where there are headers alone
#endif

/// Base of every exception that the library throws on purpose.
class Error : public std::runtime_error {
 public:
  /// The message is made of these parts, streamed one after the other: `ShapeError("norm: got ", shape)`.
  template <class... Parts>
  requires(sizeof...(Parts) > 0 &&
           !(std::is_base_of_v<std::exception, Parts> || ...)) explicit Error(const Parts&... parts)
      : std::runtime_error(detail::concat(parts...)) {}
};

/// Operands whose shapes do not fit. The message names the operation, the shapes and the rule that failed.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// An argument outside its range, or Vars of different tapes.
class ArgumentError : public Error {
 public:
  using Error::Error;
};

/// A file that cannot be used. The message gives the path, the place in it, what was expected and what was found.
class DataError : public Error {
 public:
  using Error::Error;
};

/// A loss, weight or learning rate that became NaN or infinite. The message says where.
class DivergenceError : public Error {
 public:
  using Error::Error;
};

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

}  // namespace hypertape
