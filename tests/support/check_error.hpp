#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace hypertape::testing {

/// Checks that the action throws an `E` whose message contains all of these words, in this order.
template <class E, class Action>
void check_error(const Action& action, std::initializer_list<std::string_view> words) {
  std::string text;
  bool thrown = false;
  try {
    action();
  } catch (const E& error) {
    thrown = true;
    text = error.what();
  }
  REQUIRE(thrown);
  CAPTURE(text);
  std::size_t from = 0;
  for (const std::string_view word : words) {
    CAPTURE(word);
    const std::size_t at = text.find(word, from);
    REQUIRE(at != std::string::npos);
    from = at + word.size();
  }
}

}  // namespace hypertape::testing
