#pragma once

#include <pybind11/pybind11.h>

#include <cmath>
#include <optional>
#include <string>
#include <type_traits>

#include "hypertape/core/error.hpp"
#include "hypertape/distill/option.hpp"

/// Keyword arguments for the options that the library declares (distill/option.hpp).
namespace hypertape::python {

namespace py = pybind11;
using hypertape::detail::concat;

/// The object as Python would show it.
inline std::string shown(const py::handle& object) { return py::repr(object).cast<std::string>(); }

/// A keyword argument's value. @throws TypeError naming it if it is of another type; ArgumentError for an integer that
/// does not fit.
template <class T>
T value_of(const char* name, const py::handle& object) {
  const auto fail = [&](const char* expected) {
    throw py::type_error(concat(name, " needs ", expected, ", got ", shown(object)));
  };
  const bool is_bool = PyBool_Check(object.ptr()) != 0;
  if constexpr (std::is_same_v<T, bool>) {
    if (!is_bool) fail("True or False");
    return object.ptr() == Py_True;
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!py::isinstance<py::str>(object)) fail("a string");
    return object.cast<std::string>();
  } else if constexpr (std::is_integral_v<T>) {
    if (is_bool || PyIndex_Check(object.ptr()) == 0) fail("a whole number");
    try {
      return py::reinterpret_steal<py::object>(PyNumber_Index(object.ptr())).cast<T>();
    } catch (const py::cast_error&) {
      throw ArgumentError(name, ": the number ", shown(object), " is out of range");
    }
  } else {
    const double number = is_bool ? std::nan("") : PyFloat_AsDouble(object.ptr());
    if (is_bool || PyErr_Occurred() != nullptr) {
      PyErr_Clear();
      fail("a number");
    }
    return number;
  }
}

/// A visitor that sets values from keyword arguments; None empties an optional field.
struct TakeKeywords {
  const py::dict& given;

  template <class T>
  void operator()(T& value, const distill::Option& option) const {
    if (!given.contains(option.name)) return;
    const py::handle object = given[option.name];
    if constexpr (requires { typename T::value_type; }) {
      using Number = typename T::value_type;
      value = object.is_none() ? std::nullopt : T(value_of<Number>(option.name, object));
      if (option.bounds.zero_is_none && value == Number(0)) value.reset();
    } else {
      value = value_of<T>(option.name, object);
    }
  }

  template <class T>
  void operator()(T& value, const distill::Option& option,
                  const distill::Choices<std::type_identity_t<T>>& choices) const {
    if (!given.contains(option.name)) return;
    const auto name = value_of<std::string>(option.name, given[option.name]);
    std::string known;
    for (const auto& choice : choices) {
      if (choice.first == name) {
        value = choice.second;
        return;
      }
      known += concat(known.empty() ? "" : ", ", choice.first);
    }
    throw ArgumentError(option.name, ": needs one of ", known, ", got '", name, "'");
  }

  template <class T>
  void operator()(T& value, const distill::Option& option, const distill::TextForm<T>& text) const {
    if (given.contains(option.name)) value = text.read(value_of<std::string>(option.name, given[option.name]));
  }

  void heading(const char*) const {}
};

/// A visitor that lists (heading, name, default, help).
struct ListKeywords {
  py::list& list;
  mutable std::string group;

  void heading(const char* text) const { group = text; }

  template <class T>
  void operator()(const T& value, const distill::Option& option) const {
    if constexpr (requires { value.has_value(); }) {
      if (*option.without != '\0') {
        add(option, option.without);
      } else {
        add(option, concat(value.value_or(0)));
      }
    } else if constexpr (std::is_same_v<T, bool>) {
      add(option, value ? "True" : "False");
    } else {
      add(option, concat(value));
    }
  }
  template <class T>
  void operator()(const T& value, const distill::Option& option,
                  const distill::Choices<std::type_identity_t<T>>& choices) const {
    std::string names;
    for (const auto& choice : choices) {
      names += concat(names.empty() ? "'" : ", '", choice.first, "'", choice.second == value ? " (default)" : "");
    }
    add(option, names);
  }
  template <class T>
  void operator()(const T& value, const distill::Option& option, const distill::TextForm<T>& text) const {
    add(option, concat("'", text.write(value), "'"));
  }

 private:
  void add(const distill::Option& option, const std::string& value) const {
    list.append(py::make_tuple(group, option.name, value, option.help));
  }
};

}  // namespace hypertape::python
