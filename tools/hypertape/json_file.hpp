#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/input_file.hpp"

/// JSON files of earlier runs, which anyone may have edited.
namespace hypertape::cli {

using hypertape::detail::concat;

using Json = nlohmann::ordered_json;

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

/// A value for a message, shortened.
inline std::string excerpt(const Json& value) {
  constexpr std::size_t most = 60;
  std::string text = value.dump();
  if (text.size() > most) text = text.substr(0, most) + "...";
  return text;
}

}  // namespace detail

/// The JSON type for a variable of type T, in words.
template <class T>
std::string kind_of_json() {
  if constexpr (detail::is_optional<T>) {
    return kind_of_json<typename T::value_type>() + " or null";
  } else if constexpr (detail::is_vector<T>) {
    return "a list, each element " + kind_of_json<typename T::value_type>();
  } else if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_integral_v<T>) {
    return concat("a whole number of ", 8 * sizeof(T), " bits", std::is_unsigned_v<T> ? ", not negative" : "");
  } else if constexpr (std::is_floating_point_v<T>) {
    return "a finite number";
  } else {
    return "a string";
  }
}

/// Stores a JSON value. Returns false and stores nothing if its type differs or the variable cannot hold it.
template <class T>
bool take_json(const Json& json, T& value) {
  if constexpr (detail::is_optional<T>) {
    if (json.is_null()) {
      value.reset();
      return true;
    }
    typename T::value_type present{};
    if (!take_json(json, present)) return false;
    value = std::move(present);
    return true;
  } else if constexpr (detail::is_vector<T>) {
    if (!json.is_array()) return false;
    T values(json.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!take_json(json[i], values[i])) return false;
    }
    value = std::move(values);
    return true;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) return false;
    value = json.get<bool>();
    return true;
  } else if constexpr (std::is_integral_v<T>) {
    const bool fits = json.is_number_unsigned()
                          ? std::in_range<T>(json.get<std::uint64_t>())
                          : json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>());
    if (fits) value = json.get<T>();
    return fits;
  } else if constexpr (std::is_floating_point_v<T>) {
    const double number = json.is_number() ? json.get<double>() : std::nan("");
    if (!(std::abs(number) <= static_cast<double>(std::numeric_limits<T>::max()))) return false;
    value = static_cast<T>(number);
    return true;
  } else {
    if (!json.is_string()) return false;
    value = json.get<std::string>();
    return true;
  }
}

/// The value of `key` in the JSON read from `path`. @throws DataError naming the key, what was expected and what was
/// found.
template <class T>
T require_value(const Json& json, const std::filesystem::path& path, const std::string& key) {
  T value{};
  const auto found = json.find(key);
  if (found == json.end()) throw io::bad_content(path, key, kind_of_json<T>(), "no such key");
  if (!take_json(*found, value)) throw io::bad_content(path, key, kind_of_json<T>(), detail::excerpt(*found));
  return value;
}

/// The object in a JSON file. @throws DataError if it is too large or not an object; for invalid JSON, with the byte
/// offset.
inline Json read_json(const std::filesystem::path& path) {
  constexpr std::size_t most_bytes = std::size_t{1} << 24;
  constexpr int most_levels = 32;  // writing and comparing recurse into each level
  const io::detail::InputFile file = io::detail::open_input(path);
  const std::uintmax_t size = io::detail::size_of(file.get(), path);
  if (size > most_bytes) {
    throw io::bad_content(path, "its size", concat("at most ", most_bytes, " bytes"), concat(size));
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) throw io::detail::system_error(path, "read");
  const auto limit_levels = [&](int level, Json::parse_event_t, const Json&) {
    if (level > most_levels) {
      throw io::bad_content(path, "its structure", concat("at most ", most_levels, " levels"), "more");
    }
    return true;
  };
  try {
    Json json = Json::parse(text, limit_levels);
    if (json.is_object()) return json;
    throw io::bad_content(path, "byte 0", "an object", detail::excerpt(json));
  } catch (const Json::parse_error& error) {
    const std::size_t at = error.byte > 0 ? error.byte - 1 : 0;
    std::string here = at < text.size() ? text.substr(at, 12) : "";
    for (char& letter : here) letter = letter < ' ' || letter > '~' ? '?' : letter;
    throw io::bad_content(path, concat("byte ", at), "valid JSON", here.empty() ? "the end of the file" : here);
  } catch (const Json::out_of_range&) {
    throw io::bad_content(path, "its numbers", "numbers that fit in 64 bits", "a larger one");
  }
}

}  // namespace hypertape::cli
