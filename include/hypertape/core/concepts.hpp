#pragma once

#include <concepts>
#include <type_traits>

#include "hypertape/core/config.hpp"

namespace hypertape::inline HYPERTAPE_ABI::detail {

/// Keeps a constructor from any type out of the way of copies.
template <class T, class Own>
concept DiffersFrom = !std::same_as<std::remove_cvref_t<T>, Own>;

}  // namespace hypertape::inline HYPERTAPE_ABI::detail
