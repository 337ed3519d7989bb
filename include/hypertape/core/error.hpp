#pragma once

#include <cstddef>
#include <exception>
#include <ios>
#include <locale>
#include <memory>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "hypertape/core/config.hpp"  // rejects unsupported compiler options

namespace hypertape::inline HYPERTAPE_ABI::detail {

/// Returns a stream that writes numbers as in C++ source, regardless of the program's global locale.
inline std::ostringstream plain_stream() {
  std::ostringstream stream;
  stream.imbue(std::locale::classic());
  return stream;
}

/// Streams one part. Most are texts and numbers, for which no compiler need look at every operator << that there is:
/// that took it a tenth of its time.
template <class Part>
void write_part(std::ostream& stream, const void* value) {
  const Part& part = *static_cast<const Part*>(value);
  if constexpr (std::is_convertible_v<const Part&, std::string_view>) {
    const std::string_view text = part;
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
  } else if constexpr (std::is_same_v<Part, char>) {
    stream.put(part);
  } else if constexpr (std::is_same_v<Part, bool> || (std::is_arithmetic_v<Part> && sizeof(Part) > 1)) {
    stream.operator<<(part);
  } else {
    stream << part;
  }
}

/// A part of a text, of any type.
struct TextPart {
  const void* value;
  void (*write)(std::ostream&, const void*);
};
/// Streams the parts one after another into a string.
inline std::string text_of(const TextPart* parts, std::size_t count) {
  std::ostringstream stream = plain_stream();
  for (std::size_t i = 0; i < count; ++i) parts[i].write(stream, parts[i].value);
  return stream.str();
}

/// Streams the parts one after another into a string: `concat("got ", 3)` is "got 3". Only their list depends on all
/// their types, so that a compiler has little to do for each message.
template <class... Parts>
std::string concat(const Parts&... parts) {
  const TextPart all[] = {{std::addressof(parts), &write_part<Parts>}...};
  return text_of(all, sizeof...(Parts));
}

}  // namespace hypertape::inline HYPERTAPE_ABI::detail

// Exceptions have the same type in all objects of a program, however each was built: what one throws, another can
// catch.
namespace hypertape {

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wweak-vtables"  // unavoidable in a header-only library
#endif

/// Base of every exception that the library throws on purpose.
class Error : public std::runtime_error {
 public:
  /// Builds the message by streaming these parts one after another: `ShapeError("norm: got ", shape)`.
  template <class... Parts>
  requires(sizeof...(Parts) > 0 &&
           !(std::is_base_of_v<std::exception, Parts> || ...)) explicit Error(const Parts&... parts)
      : std::runtime_error(detail::concat(parts...)) {}
};

/// Operands whose shapes do not fit the operation. The message names the operation, the shapes and the rule they broke.
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
