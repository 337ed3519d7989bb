#include "hypertape/distill/distilled_picture.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "support/check_error.hpp"
#include "support/random_tensor.hpp"
#include "support/read_png.hpp"
#include "support/temporary_folder.hpp"

namespace hypertape::testing {
namespace {

using distill::DistilledSet;
using distill::Snapshot;

DistilledSet example(Index steps, const Shape& shape, Index epochs = 3) {
  DistilledSet set;
  const auto channels = static_cast<std::size_t>(shape[1]);
  for (Index s = 0; s < steps; ++s) {
    set.images.push_back(random_tensor<float>(shape, static_cast<std::uint64_t>(s)));
    Tensor<float> labels(Shape{shape[0], 10});
    for (Index n = 0; n < shape[0]; ++n) labels(n, (n + s) % 10) = 1;
    set.labels.push_back(labels);
  }
  set.learning_rates = Tensor<float>(Shape{epochs, steps}, 0.25f);
  set.normalization = {std::vector<float>(channels, 0.5f), std::vector<float>(channels, 0.25f)};
  return set;
}

Pixels picture_of(const DistilledSet& set, const std::vector<std::string>& class_names = {}) {
  const TemporaryFolder folder;
  distill::save_picture(set, folder / "set.png", class_names);
  CHECK(folder.names() == std::vector<std::string>{"set.png"});
  return read_png(folder / "set.png", set.images.front().shape()[1]);
}

Pixels strip_of(const std::vector<Snapshot>& snapshots, Index channels) {
  const TemporaryFolder folder;
  distill::save_strip(snapshots, example(1, {1, channels, 2, 2}).normalization, folder / "strip.png");
  return read_png(folder / "strip.png", channels);
}

/// Whether exactly this text, and white around its strokes, stands at (left, top).
bool shows(const Pixels& picture, const std::string& text, Index left, Index top, Index scale = 2) {
  const auto channels = static_cast<Index>(picture.bytes.size()) / (picture.width * picture.height);
  for (Index y = 0; y < data::font_height * scale; ++y) {
    for (Index x = 0; x < static_cast<Index>(text.size()) * data::font_width * scale; ++x) {
      if (left + x >= picture.width || top + y >= picture.height) return false;
      const char character = text[static_cast<std::size_t>(x / scale / data::font_width)];
      const bool ink = data::has_ink(character, x / scale % data::font_width, y / scale);
      for (Index c = 0; c < channels; ++c) {
        const Index at = ((top + y) * picture.width + left + x) * channels + c;
        if (picture.bytes[static_cast<std::size_t>(at)] != (ink ? 0 : 255)) return false;
      }
    }
  }
  return true;
}

TEST_CASE("distill/picture: a heading over each step, a label under each image, each image magnified") {
  for (const Index channels : {1, 3}) {
    const DistilledSet set = example(2, {10, channels, 28, 28});
    const Pixels picture = picture_of(set);
    CHECK(picture.width == 6 + 10 * 118);
    CHECK(picture.height == 6 + 2 * (24 + 136 + 12));
    CHECK(shows(picture, "step 1   eta 0.25 0.25 0.25 ", 6, 6));
    CHECK(shows(picture, "step 2   eta 0.25 0.25 0.25 ", 6, 6 + 172));
    CHECK(!shows(picture, "step 3   eta 0.25 0.25 0.25 ", 6, 6 + 172));
    for (Index n = 0; n < 10; ++n) {
      const Index middle = 6 + 118 * n + 51;
      CHECK(shows(picture, std::to_string(n), middle, 6 + 24 + 112 + 3));
      CHECK(shows(picture, std::to_string((n + 1) % 10), middle, 6 + 172 + 24 + 112 + 3));
    }
    // Image 3 of step 2 spans all levels.
    int low = 255, high = 0;
    for (Index y = 0; y < 112; ++y) {
      for (Index x = 0; x < 112 * channels; ++x) {
        const Index at = (6 + 172 + 24 + y) * picture.width * channels + (6 + 3 * 118) * channels + x;
        low = std::min<int>(low, picture.bytes[static_cast<std::size_t>(at)]);
        high = std::max<int>(high, picture.bytes[static_cast<std::size_t>(at)]);
      }
    }
    CHECK(low == 0);
    CHECK(high == 255);
  }
}

TEST_CASE("distill/picture: soft labels show their two largest classes in percent") {
  DistilledSet set = example(1, {2, 1, 28, 28});
  set.soft_labels = true;
  set.labels[0].fill(0);
  set.labels[0](0, 3) = 0.72f;
  set.labels[0](0, 5) = 0.114f;
  set.labels[0](1, 9) = -0.5f;
  set.labels[0](1, 8) = 1.25f;
  CHECK(distill::detail::label_text(set.labels[0], 0, true, {}) == "3:72 5:11");
  CHECK(distill::detail::label_text(set.labels[0], 1, true, {}) == "8:125 0:0");
  CHECK(distill::detail::label_text(set.labels[0], 0, false, {}) == "3");
  const Pixels picture = picture_of(set);
  CHECK(shows(picture, "3:72 5:11", 6 + 3, 6 + 24 + 112 + 3));
  set.labels[0](0, 3) = 1234;  // too long for its image: in small print
  CHECK(shows(picture_of(set), "3:123400 5:11", 6 + (112 - 13 * 6 + 1) / 2, 6 + 24 + 112 + 3, 1));
  set.labels[0](0, 3) = 1e20f;  // and then cut
  CHECK(picture_of(set).width == picture.width);
}

TEST_CASE("distill/picture: classes that have names show them") {
  DistilledSet set = example(1, {10, 1, 28, 28});
  std::vector<std::string> names;
  for (char letter = 'a'; letter < 'k'; ++letter) names.emplace_back(5, letter);
  CHECK(shows(picture_of(set, names), "ddddd", 6 + 3 * 118 + (112 - 5 * 12 + 2) / 2, 6 + 24 + 112 + 3));
  CHECK(distill::detail::label_text(set.labels[0], 3, true, names) == "ddddd:100 aaaaa:0");
  names[3] = std::string(300, 'x');  // cut
  CHECK(picture_of(set, names).width == 6 + 10 * 118);
  names.pop_back();
  check_error<ArgumentError>([&] { picture_of(set, names); }, {"save_picture", "9 names", "10 classes"});
}

TEST_CASE("distill/picture: learning rates that do not fit become three dots") {
  const DistilledSet set = example(1, {2, 1, 28, 28}, 4);
  CHECK(distill::detail::step_heading(set, 0, 32) == "step 1   eta 0.25 0.25 0.25 0.25");
  CHECK(distill::detail::step_heading(set, 0, 31) == "step 1   eta 0.25 0.25 0.25 ...");
  CHECK(distill::detail::step_heading(set, 0, 30) == "step 1   eta 0.25 0.25 ...");
  DistilledSet fine = set;
  fine.learning_rates.fill(0.00123456f);
  CHECK(distill::detail::step_heading(fine, 0, 26) == "step 1   eta 0.00123 ...");
}

TEST_CASE("distill/picture: a set of any size gives a picture of bounded size that says what it leaves out") {
  const Pixels many_steps = picture_of(example(100, {2, 1, 28, 28}));
  CHECK(many_steps.height <= 4096);
  CHECK(many_steps.height > 4096 - 200);
  const Index shown = (many_steps.height - 6 - 24) / 172;
  CHECK(shows(many_steps, "... " + std::to_string(100 - shown) + " more steps", 6, many_steps.height - 24));

  const Pixels many_images = picture_of(example(2, {700, 1, 28, 28}));
  CHECK(many_images.width == 6 + 20 * 118);
  CHECK(many_images.height <= 4096);
  const Index rows = (many_images.height - 6 - 24 - 24 - 12) / 136;
  CHECK(shows(many_images, "... 1 more step, ... " + std::to_string(700 - 20 * rows) + " more images a step", 6,
              many_images.height - 24));

  const Pixels wide = picture_of(example(1, {3, 1, 2, 3000}));
  CHECK(wide.width <= 4096);
  const Pixels huge = picture_of(example(1, {1, 1, 4100, 4100}));
  CHECK(huge.width == 4096);
  CHECK(huge.height == 4096);
  CHECK(shows(picture_of(example(1, {1, 1, 1, 1})), "step 1   eta 0.25 0.25 0.25", 6, 6));
}

TEST_CASE("distill/picture: a strip has a row for each snapshot, the first and the last always") {
  for (const Index channels : {1, 3}) {
    std::vector<Snapshot> snapshots;
    for (long i = 0; i < 3; ++i) snapshots.push_back({400 * i, random_tensor<float>(Shape{30, channels, 28, 28}, 1)});
    const Pixels strip = strip_of(snapshots, channels);
    CHECK(strip.width == 6 + 20 * 118);
    CHECK(strip.height == 6 + 3 * (24 + 118 + 12));
    for (long i = 0; i < 3; ++i) CHECK(shows(strip, "iteration " + std::to_string(400 * i) + " ", 6, 6 + 154 * i));
  }
  std::vector<Snapshot> many;
  for (long i = 0; i <= 200; ++i) many.push_back({i, random_tensor<float>(Shape{1, 1, 28, 28}, 1)});
  const Pixels strip = strip_of(many, 1);
  CHECK(strip.height <= 8192);
  CHECK(shows(strip, "iteration 0 ", 6, 6));
  CHECK(shows(strip, "iteration 200 ", 6, strip.height - 154));
  CHECK(shows(strip_of({many[7]}, 1), "iteration 7 ", 6, 6));
}

TEST_CASE("distill/picture: what cannot be drawn is an error, and no file appears") {
  const TemporaryFolder folder;
  const auto path = folder / "bad.png";
  check_error<ArgumentError>(
      [&] {
        distill::save_picture(example(1, {4, 2, 5, 6}), path);
      },
      {"save_picture", "1 or 3", "(4, 2, 5, 6)"});
  DistilledSet set = example(1, {4, 1, 5, 6});
  set.images[0](2, 0, 1, 1) = std::numeric_limits<float>::infinity();
  check_error<ArgumentError>([&] { distill::save_picture(set, path); }, {"image 2", "inf"});
  const data::Normalization plain{{0}, {1}};
  check_error<ArgumentError>([&] { distill::save_strip({}, plain, path); }, {"save_strip", "at least one"});
  const std::vector<Snapshot> uneven{{0, Tensor<float>(Shape{2, 1, 3, 3})}, {5, Tensor<float>(Shape{1, 1, 3, 3})}};
  check_error<ArgumentError>([&] { distill::save_strip(uneven, plain, path); },
                             {"save_strip", "iteration 5", "(1, 1, 3, 3)", "iteration 0", "(2, 1, 3, 3)"});
  check_error<ArgumentError>(
      [&] {
        distill::save_strip(uneven, {{0, 0}, {1, 1}}, path);
      },
      {"save_strip", "2 channels"});
  CHECK(folder.names().empty());
  check_error<DataError>(
      [&] {
        distill::save_picture(example(1, {1, 1, 2, 2}), folder / "missing" / "a.png");
      },
      {"missing", "cannot create"});
}

}  // namespace
}  // namespace hypertape::testing
