#include "hypertape/distill/batches.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "support/check_error.hpp"

namespace hypertape::testing {
namespace {

/// Images of one pixel; so many of each class, one class after the other.
data::LabeledImages images_of(const std::vector<Index>& sizes) {
  data::LabeledImages images{0, 1, 1, 1, static_cast<int>(sizes.size()), {}, {}};
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    images.count += sizes[k];
    images.labels.resize(static_cast<std::size_t>(images.count), static_cast<std::int32_t>(k));
  }
  images.pixels.resize(static_cast<std::size_t>(images.count));
  return images;
}

TEST_CASE("batches: sizes of classes, and when they are unequal") {
  const data::LabeledImages images = images_of({4, 0, 2});
  CHECK(distill::class_sizes(images, data::all_indices(6)) == std::vector<Index>{4, 0, 2});
  CHECK(distill::class_sizes(images, std::vector<Index>{0, 5, 4}) == std::vector<Index>{1, 0, 2});
  CHECK(!distill::unequal_classes(images));  // two to one, and a class that has none is no class
  CHECK(distill::unequal_classes(images_of({5, 2})));
  CHECK(distill::unequal_classes(images_of({300, 12})));
  CHECK(!distill::unequal_classes(images_of({5421, 6742, 5949})));  // MNIST's least and most
}

TEST_CASE("batches: plain ones have each image once in an epoch, in an order of its own") {
  const data::LabeledImages images = images_of({7, 4});
  const std::vector<Index> which = {0, 1, 2, 4, 6, 8, 9, 10};
  distill::Batches batches(images, which, 3, false, 5);
  for (const Index number : {0, 1, 2, 3, 8, 2}) {  // two batches fit into an epoch
    const std::vector<Index> order =
        distill::random_stream(5, distill::RandomPurpose::batches, number / 2).permutation(8);
    std::vector<Index> batch, expected;
    batches.draw(number, batch);
    for (Index i = 0; i < 3; ++i) {
      const Index at = order[static_cast<std::size_t>(number % 2 * 3 + i)];
      expected.push_back(which[static_cast<std::size_t>(at)]);
    }
    CHECK(batch == expected);
  }
  check_error<ArgumentError>([&] { distill::Batches(images, which, 9, false, 5); }, {"8 images", "batch of 9"});
  check_error<ArgumentError>([&] { distill::Batches(images, which, 0, false, 5); }, {"batch of 0"});
}

TEST_CASE("batches: balanced ones have as many of each class that has any, each image as often as any other") {
  const data::LabeledImages images = images_of({20, 0, 3, 5});
  distill::Batches batches(images, data::all_indices(28), 8, true, 5);
  std::vector<Index> seen(28), batch, first;
  batches.draw(0, first);
  for (Index number = 0; number < 45; ++number) {
    batches.draw(number, batch);
    CHECK(batch.size() == 8);
    for (const Index size : distill::class_sizes(images, batch)) CHECK((size == 0 || size == 2 || size == 3));
    CHECK(distill::class_sizes(images, batch)[1] == 0);
    for (const Index i : batch) ++seen[static_cast<std::size_t>(i)];
  }
  // 120 of each class: 6 times each of 20 images, 40 of 3, 24 of 5.
  for (std::size_t i = 0; i < 28; ++i) CHECK(seen[i] == (i < 20 ? 6 : i < 23 ? 40 : 24));
  batches.draw(0, batch);
  CHECK(batch == first);
  distill::Batches(images, data::all_indices(28), 8, true, 6).draw(0, batch);
  CHECK(batch != first);
}

}  // namespace
}  // namespace hypertape::testing
