#pragma once

#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>

#include "hypertape/core/config.hpp"  // for the options that it refuses

namespace hypertape {

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wweak-vtables"  // they cannot but be weak where there are headers alone
#endif

/// Base of every exception that the library throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
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

/// A stream that writes numbers as they are in C++, whatever the program's global locale.
inline std::ostringstream plain_stream() {
  std::ostringstream stream;
  stream.imbue(std::locale::classic());
  return stream;
}

/// The parts streamed one after the other: `message("got ", 3)` is "got 3".
template <class... Parts>
std::string message(const Parts&... parts) {
  std::ostringstream stream = plain_stream();
  (stream << ... << parts);
  return stream.str();
}

}  // namespace hypertape
