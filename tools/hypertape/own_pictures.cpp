#include "own_pictures.hpp"

#include <algorithm>
#include <iostream>
#include <string>

#include "hypertape/distill/batches.hpp"

namespace hypertape::cli {

namespace {

/// Sets an option that is not on the command line, and prints it.
struct Choice {
  const Options& options;

  template <class T, class Value>
  void operator()(const char* name, T& variable, const Value& value, const std::string& why) const {
    if (options.given(name)) return;
    variable = value;
    std::cout << "  " << name << ' ' << value << ": " << why << '\n';
  }
};

}  // namespace

void choose_for_own_pictures(const data::Dataset& dataset, const Options& options, NetworkOptions& network,
                             distill::DistillOptions& distill) {
  const data::LabeledImages& images = dataset.train;
  const bool color = images.channels == 3;
  const Index size = images.width,
              smallest = std::ranges::min(distill::class_sizes(images, data::all_indices(images.count)));
  const Choice choose{options};
  std::cout << "pictures of " << images.classes << " classes, " << images.count << " for training and "
            << dataset.test.count << " for testing. Chosen for them:\n";
  const std::string pixels = concat(size, " x ", size);
  if (!color && (size == 28 || size == 32)) {
    choose("--net", network.net, "lenet", concat("accepts gray images of ", pixels, " pixels, and trains in a minute"));
  } else if (size >= 8) {
    choose("--net", network.net, "convnet", concat("accepts images of ", pixels, " pixels, and beats lenet in color"));
  } else {
    choose("--net", network.net, "mlp", concat("accepts images of ", pixels, " pixels"));
  }
  if (network.net == "convnet") {
    choose("--width", network.width, 32, "a fourteenth of the time of 128");
    choose("--depth", network.depth, convnet_depth(size), concat("halves ", size, " pixels until about 4 are left"));
    choose("--initial-learning-rate", distill.inner_loop.initial_learning_rate, 0.02, "suits normalized layers");
  }
  constexpr Index steps = 5;
  if (color && smallest >= 4 * steps) {
    choose("--steps", distill.inner_loop.steps, steps, "one image per class is too little for color pictures");
    choose("--epochs", distill.inner_loop.epochs, 2, "ten steps in all");
  } else {
    choose("--steps", distill.inner_loop.steps, 1,
           color ? concat("the smallest class has ", smallest, " pictures, too few for more")
                 : std::string("one image per class captures most of what gray pictures share"));
  }
  const bool fast = network.net == "lenet" || network.net == "mlp" || network.net == "linear";
  choose("--iterations", distill.outer_loop.iterations, fast ? 4000 : 400,
         "a few minutes; --start-from continues from there");
  choose("--evaluate-every", distill.validation.evaluate_every, fast ? 200 : 20, "how often the report is updated");
}

}  // namespace hypertape::cli
