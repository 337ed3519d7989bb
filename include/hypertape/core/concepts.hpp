#pragma once

#include <concepts>
#include <type_traits>

#include "hypertape/core/config.hpp"

namespace hypertape::inline HYPERTAPE_ABI::detail {

/// T is not Own itself: keeps a constructor that accepts any type from hiding the copy constructor.
template <class T, class Own>
concept DiffersFrom = !std::same_as<std::remove_cvref_t<T>, Own>;

}  // namespace hypertape::inline HYPERTAPE_ABI::detail
