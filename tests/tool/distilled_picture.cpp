#include "distilled_picture.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "support/check_error.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using namespace cli;
using distill::DistilledSet;

DistilledSet example(Index steps, const Shape& extents, Index epochs = 3) {
  const Shape shape = extents.with_layout(Layout::samples_innermost);
  DistilledSet set;
  const auto channels = static_cast<std::size_t>(shape[1]);
  for (Index s = 0; s < steps; ++s) {
    set.images.push_back(random_tensor<float>(shape, static_cast<std::uint64_t>(s)));
    Tensor<float> labels(Shape::batch(shape[0], 10));
    for (Index n = 0; n < shape[0]; ++n) labels(n, (n + s) % 10) = 1;
    set.labels.push_back(labels);
  }
  set.learning_rates = Tensor<float>(Shape{epochs, steps}, 0.25f);
  set.normalization = {std::vector<float>(channels, 0.5f), std::vector<float>(channels, 0.25f)};
  return set;
}

/// What a picture consists of, once it is known that nothing in it covers anything else.
struct Parts {
  double width = 0, height = 0;
  std::vector<Image> images;
  std::vector<Text> texts;

  /// The text that stands there, wherever it is aligned.
  const Text& at(double left, double baseline) const {
    for (const Text& text : texts) {
      if (std::abs(text.at.x - left) < 0.5 && std::abs(text.at.y - baseline) < 0.5) return text;
    }
    FAIL("no text at ", left, " ", baseline);
    return texts.front();
  }
};

Parts parts(const Drawing& drawing) {
  Parts found{drawing.page.right, drawing.page.bottom, {}, {}};
  std::vector<Box> boxes;
  for (const Shape2d& shape : drawing.shapes) {
    if (const auto* text = std::get_if<Text>(&shape)) {
      found.texts.push_back(*text);
      boxes.push_back(bounds(*text));
    } else {
      const auto& image = std::get<Image>(shape);
      found.images.push_back(image);
      boxes.push_back({image.at.x, image.at.y, image.at.x + static_cast<double>(image.width * image.scale),
                       image.at.y + static_cast<double>(image.height * image.scale)});
    }
  }
  std::ranges::sort(boxes, {}, &Box::top);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const Box& a = boxes[i];
    for (std::size_t k = i + 1; k < boxes.size() && boxes[k].top < a.bottom; ++k) {
      const Box& b = boxes[k];
      if (a.left < b.right && b.left < a.right) FAIL("at ", a.left, " ", a.top, " two parts overlap");
    }
  }
  return found;
}

void check_within_page(const Parts& picture) {
  for (const Image& image : picture.images) {
    CHECK(image.at.x + static_cast<double>(image.width * image.scale) <= picture.width);
    CHECK(image.at.y + static_cast<double>(image.height * image.scale) <= picture.height);
  }
  for (const Text& text : picture.texts) {
    CHECK(bounds(text).left >= 0);
    CHECK(bounds(text).right <= picture.width);
    CHECK(bounds(text).bottom <= picture.height);
  }
}

TEST_CASE("distilled_picture: a heading over each step, a label under each image, each image magnified") {
  for (const Index channels : {1, 3}) {
    const Parts picture = parts(draw_set(example(2, {10, channels, 28, 28}), {}));
    check_within_page(picture);
    CHECK(picture.width == 8 + 10 * 120);
    REQUIRE(picture.images.size() == 20);
    REQUIRE(picture.texts.size() == 22);
    for (std::size_t i = 0; i < 20; ++i) {
      const Image& image = picture.images[i];
      CHECK(image.width == 28);
      CHECK(image.height == 28);
      CHECK(image.scale == 4);
      const std::size_t step = i / 10, n = i % 10;
      CHECK(image.at.x == 8 + 120. * static_cast<double>(n));
      CHECK(image.at.y == picture.images[10 * step].at.y);
      CHECK(picture.at(image.at.x + 56, image.at.y + 112 + 17).words == std::to_string((n + step) % 10));
    }
    for (std::size_t s = 0; s < 2; ++s) {
      const Text& heading = picture.at(8, picture.images[10 * s].at.y - 7);
      CHECK(heading.words == concat("Step ", s + 1, ": learning rates 0.25, 0.25, 0.25"));
    }
  }
}

TEST_CASE("distilled_picture: each image is stretched to its own range, colors in proportion") {
  // Image 0 spans -2 .. 8, image 1 is constant.
  Tensor<float> gray(Shape::batch(2, 1, 1, 3));
  gray.fill(5);
  gray(0, 0, 0, 0) = -2;
  gray(0, 0, 0, 1) = 3;
  gray(0, 0, 0, 2) = 8;
  CHECK(stretched_image(gray, 0).pixels == std::vector<std::uint32_t>{0, 0x808080, 0xffffff});
  CHECK(stretched_image(gray, 1).pixels == std::vector<std::uint32_t>(3, 0x808080));
  // One image of 1 x 2: (red, green, blue) of pixel 0 is (0, 1, 2), of pixel 1 (3, 4, 5), the channels outermost.
  const Tensor<float> colored(Shape{1, 3, 1, 2}, {0, 3, 1, 4, 2, 5});
  CHECK(stretched_image(colored, 0).pixels == std::vector<std::uint32_t>{0x003366, 0x99ccff});
  // Rows and columns: 2 x 3 pixels.
  const Tensor<float> rows(Shape{1, 1, 2, 3}, {0, 51, 102, 153, 204, 255});
  const Image image = stretched_image(rows, 0);
  CHECK(image.width == 3);
  CHECK(image.height == 2);
  CHECK(image.pixels == std::vector<std::uint32_t>{0, 0x333333, 0x666666, 0x999999, 0xcccccc, 0xffffff});
  Tensor<float> bad(Shape::batch(3, 1, 2, 2));
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    bad(2, 0, 1, 1) = value;
    check_error<ArgumentError>([&] { stretched_image(bad, 2); }, {"picture", "image 2"});
    DistilledSet set = example(1, {3, 1, 2, 2});
    set.images[0] = bad;
    check_error<ArgumentError>([&] { draw_set(set, {}); }, {"picture", "image 2"});
  }
}

TEST_CASE("distilled_picture: what is seen are pixels: channels are normalized apart, and nothing is whitened") {
  DistilledSet set = example(1, {1, 3, 1, 1});
  set.images[0] = Tensor<float>(Shape::batch(1, 3, 1, 1), {1, 0, 1});
  set.normalization = {{0.5f, 0, -1}, {2, 1, 1}};  // red 0.5 + 2 * 1, green 0 + 1 * 0, blue -1 + 1 * 1
  CHECK(parts(draw_set(set, {})).images.front().pixels == std::vector<std::uint32_t>{0xff0000});
  // Whitened, the blue one is doubled and red and green are exchanged with half of each.
  set.normalization.whitening = std::make_shared<const data::Whitening>(
      Tensor<float>(Shape{3, 3}, {1, 0.5f, 0, 0.5f, 1, 0, 0, 0, 2}), Tensor<float>(Shape{3}, {0, 1, 0}));
  set.images[0] = Tensor<float>(Shape::batch(1, 3, 1, 1), {0.5f, -0.5f, 2});
  CHECK(parts(draw_set(set, {})).images.front().pixels == std::vector<std::uint32_t>{0xff0000});
}

TEST_CASE("distilled_picture: soft labels show their two largest classes in percent, under one another") {
  DistilledSet set = example(1, {2, 1, 28, 28});
  set.soft_labels = true;
  set.labels[0].fill(-0.001f);
  set.labels[0](0, 3) = 0.72f;
  set.labels[0](0, 5) = 0.114f;
  set.labels[0](1, 9) = -0.5f;
  set.labels[0](1, 8) = 1.25f;
  CHECK(label_lines(set, 0, 0, {}) == std::vector<std::string>{"3: 72%", "5: 11%"});
  CHECK(label_lines(set, 0, 1, {}) == std::vector<std::string>{"8: 125%", "0: 0%"});
  Parts picture = parts(draw_set(set, {}));
  check_within_page(picture);
  const Point under{picture.images[0].at.x + 56, picture.images[0].at.y + 112};
  CHECK(picture.at(under.x, under.y + 17).words == "3: 72%");
  CHECK(picture.at(under.x, under.y + 34).words == "5: 11%");
  set.labels[0](0, 3) = 1e30f;  // cut
  check_within_page(parts(draw_set(set, {})));
  set.soft_labels = false;
  CHECK(label_lines(set, 0, 1, {}) == std::vector<std::string>{"8"});
}

TEST_CASE("distilled_picture: classes that have names show them, in small print and cut if they are long") {
  const DistilledSet set = example(1, {10, 1, 28, 28});
  std::vector<std::string> names;
  for (char letter = 'a'; letter < 'k'; ++letter) names.emplace_back(5, letter);
  for (names[4].clear(); text_width({names[4], {}}) <= 118;) names[4] += 'n';  // a little too wide
  names[5] = std::string(300, 'x');
  names[6] = "a name of many words that are not short";
  std::string letters;  // of two bytes each
  for (int i = 0; i < 100; ++i) letters += "\u00e4";
  names[7] = letters;
  const Parts picture = parts(draw_set(set, names));
  check_within_page(picture);
  const auto label = [&](std::size_t n) -> const Text& {
    return picture.at(picture.images[n].at.x + 56, picture.images[n].at.y + 112 + 17);
  };
  CHECK(label(3).words == "ddddd");
  CHECK(label(3).size == 13);
  CHECK(label(4).words == names[4]);
  CHECK(label(4).size < 13);
  CHECK(label(5).words.starts_with("xxxxxxxxxx"));
  CHECK(label(5).words.ends_with("x..."));
  CHECK(label(6).words.starts_with("a name of"));
  CHECK(label(6).words.ends_with(" ..."));
  const std::string left = label(7).words.substr(0, label(7).words.size() - 3);
  CHECK(left.size() % 2 == 0);
  CHECK(letters.starts_with(left));
  DistilledSet soft = set;
  soft.soft_labels = true;
  CHECK(label_lines(soft, 0, 3, names) == std::vector<std::string>{"ddddd: 100%", "aaaaa: 0%"});
}

TEST_CASE("distilled_picture: learning rates that do not fit become three dots") {
  const DistilledSet set = example(1, {2, 1, 28, 28}, 40);
  const Parts picture = parts(draw_set(set, {}));
  check_within_page(picture);
  const std::string& words = picture.texts[0].words;
  CHECK(words.starts_with("Step 1: learning rates 0.25, 0.25, 0.25, "));
  CHECK(words.ends_with(" 0.25, ..."));
  DistilledSet fine = example(1, {2, 1, 28, 28}, 1);
  fine.learning_rates.fill(0.00123456f);
  CHECK(step_heading(fine, 0) == "Step 1: learning rate 0.00123");
}

TEST_CASE("distilled_picture: a set of any size gives a picture of bounded size that says what it leaves out") {
  const Parts many_steps = parts(draw_set(example(100, {2, 1, 28, 28}), {}));
  check_within_page(many_steps);
  CHECK(many_steps.height <= 4096);
  CHECK(many_steps.height > 4096 - 200);
  CHECK(many_steps.texts.back().words == concat("... ", 100 - many_steps.images.size() / 2, " more steps"));

  const Parts many_images = parts(draw_set(example(2, {700, 1, 28, 28}), {}));
  check_within_page(many_images);
  CHECK(many_images.width == 8 + 20 * 120);
  CHECK(many_images.height <= 4096);
  CHECK(many_images.images.size() % 20 == 0);
  CHECK(many_images.texts.back().words ==
        concat("... 1 more step, ... ", 700 - many_images.images.size(), " more images per step"));

  CHECK(parts(draw_set(example(1, {3, 1, 2, 3000}), {})).width <= 4096);
  const Parts huge = parts(draw_set(example(1, {1, 1, 4100, 4100}), {}));
  CHECK(huge.width == 4096);
  CHECK(huge.height == 4096);
  const Parts tiny = parts(draw_set(example(1, {1, 1, 1, 1}), {}));
  check_within_page(tiny);
  CHECK(tiny.texts[0].words == "Step 1: learning rates 0.25, 0.25, 0.25");
}

TEST_CASE("distilled_picture: a strip has a row for each snapshot, the first and the last always") {
  const data::Normalization normalization = example(1, {1, 3, 2, 2}).normalization;
  std::vector<Snapshot> snapshots;
  for (long i = 0; i < 3; ++i) snapshots.push_back({400 * i, random_tensor<float>(Shape::batch(30, 3, 28, 28), 1)});
  const Parts strip = parts(draw_snapshots(snapshots, normalization));
  check_within_page(strip);
  CHECK(strip.width == 8 + 20 * 120);
  CHECK(strip.images.size() == 60);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(strip.at(8, strip.images[20 * i].at.y - 7).words == concat("Iteration ", 400 * i));
  }
  std::vector<Snapshot> many;
  for (long i = 0; i <= 200; ++i) many.push_back({i, random_tensor<float>(Shape::batch(1, 1, 28, 28), 1)});
  const data::Normalization gray{{0.5f}, {0.25f}};
  const Parts some = parts(draw_snapshots(many, gray));
  check_within_page(some);
  CHECK(some.height <= 4096);
  CHECK(some.texts.front().words == "Iteration 0");
  CHECK(some.texts.back().words == "Iteration 200");
  CHECK(parts(draw_snapshots(std::span(many).subspan(7, 1), gray)).texts[0].words == "Iteration 7");
}

}  // namespace
}  // namespace hypertape::testing
