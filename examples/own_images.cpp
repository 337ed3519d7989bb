// Distills your own folder of images, DIR/train/CLASS/*.png|jpg and DIR/test/CLASS/..., to one image per class:
// own_images [DIR]. Without a folder it draws one with the digits 3 and 8.

#include <hypertape/distill.hpp>
#include <iostream>

using namespace hypertape;

/// Writes 100 training and 50 test pictures of each class.
std::filesystem::path drawn_folder() {
  const data::Dataset digits = data::generate_glyphs(1000, 500, 1);
  for (const auto* part : {&digits.train, &digits.test}) {
    for (Index i = 0; i < part->count; ++i) {
      const int digit = part->labels[static_cast<std::size_t>(i)];
      if (digit != 3 && digit != 8) continue;
      const auto folder = std::filesystem::path("digits") / (part == &digits.train ? "train" : "test") /
                          (digit == 3 ? "three" : "eight");
      std::filesystem::create_directories(folder);
      const auto pixels = std::span(part->pixels).subspan(static_cast<std::size_t>(i * part->bytes_per_image()));
      io::write_png(folder / (std::to_string(i) + ".png"), 28, 28, 1,
                    pixels.first(static_cast<std::size_t>(part->bytes_per_image())));
    }
  }
  return "digits";
}

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? std::filesystem::path(argv[1]) : drawn_folder();
  const data::Dataset images = data::load_image_folder(folder, {.size = 28, .channels = 1}).dataset;
  std::cout << images.train.count << " images to learn from, of";
  for (const std::string& name : images.class_names) std::cout << ' ' << name;
  std::cout << '\n';

  const nn::Network<float> network("lenet", nn::LeNet(1, 28, images.train.classes));
  distill::DistillOptions options;
  options.outer_loop.iterations = 150;
  options.real.batch = 32;
  const distill::DistilledSet set = distill::distill(network, images, options).set;
  std::cout << distill::evaluate(network, set, images, {}).accuracy().mean
            << " % of the test images right after three steps on one image of each class\n";
  distill::save(set, "own_images.npz");
}
