#include "hypertape/distill/confusion.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/check_error.hpp"

namespace hypertape::testing {
namespace {

/// Three classes: 4 images of class 0 (3 right, 1 taken for 2), 2 of class 1 (both taken for 2), 4 of class 2 (right).
distill::Confusion example() {
  distill::Confusion confusion(3);
  for (int i = 0; i < 3; ++i) confusion.add(0, 0);
  confusion.add(0, 2);
  for (int i = 0; i < 2; ++i) confusion.add(1, 2);
  for (int i = 0; i < 4; ++i) confusion.add(2, 2);
  return confusion;
}

TEST_CASE("confusion: what is no class is an error") {
  distill::Confusion confusion(3);
  check_error<ArgumentError>([&] { confusion.add(3, 0); }, {"class 3 is not in 0 .. 2"});
  check_error<ArgumentError>([&] { confusion.add(0, -1); }, {"class -1 is not in 0 .. 2"});
  check_error<ArgumentError>([&] { confusion.add_none(3); }, {"class 3 is not in 0 .. 2"});
}

TEST_CASE("confusion: images that are taken for nothing are not right, and count") {
  distill::Confusion confusion = example();
  for (int i = 0; i < 10; ++i) confusion.add_none(1);
  CHECK(confusion.accuracy() == 35);
  CHECK(confusion.rate(1, 2) == 100.0 * 2 / 12);
  CHECK(confusion.accuracy_without(1) == example().accuracy_without(1));
  distill::Confusion sum = example();
  sum += confusion;
  CHECK(sum.accuracy() == 100.0 * 14 / 30);
}

TEST_CASE("confusion: shares in percent") {
  const distill::Confusion confusion = example();
  CHECK(confusion.accuracy() == 70);
  CHECK(confusion.rate(0, 0) == 75);
  CHECK(confusion.rate(0, 2) == 25);
  CHECK(confusion.rate(1, 2) == 100);
  CHECK(confusion.relabeled_accuracy(1, 2) == 90);
  CHECK(confusion.relabeled_accuracy(0, 2) == 50);
  CHECK(confusion.accuracy_without(1) == 87.5);
}

TEST_CASE("confusion: balanced shares count each class that has images as much as any other") {
  const distill::Confusion confusion = example();
  CHECK(confusion.balanced_accuracy() == (75.0 + 0 + 100) / 3);
  CHECK(confusion.balanced_relabeled_accuracy(1, 2) == (75.0 + 100 + 100) / 3);
  distill::Confusion majority(3);  // 300 to 12, all taken for the first; the third class has none
  for (int i = 0; i < 300; ++i) majority.add(0, 0);
  for (int i = 0; i < 12; ++i) majority.add(1, 0);
  CHECK(majority.accuracy() >= 96);
  CHECK(majority.balanced_accuracy() == 50);
  CHECK(std::isnan(distill::Confusion(3).balanced_accuracy()));
}

TEST_CASE("confusion: sums, and no images") {
  distill::Confusion sum = example();
  sum += example();
  CHECK(sum.count(0, 2) == 2);
  CHECK(sum.accuracy() == 70);
  CHECK(std::isnan(distill::Confusion(3).accuracy()));
}

}  // namespace
}  // namespace hypertape::testing
