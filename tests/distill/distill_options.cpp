#include "hypertape/distill/distill_options.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/distill/free_training.hpp"
#include "hypertape/distill/pretraining.hpp"
#include "support/check_error.hpp"

namespace hypertape::testing {
namespace {

using distill::DistillOptions;

/// Gives each number of `options` that is not an integer, one after the other, a value that cannot be.
template <class Options>
struct Spoil {
  Options& options;
  const char* operation;
  std::set<std::string>& names;

  void heading(const char*) const {}
  template <class T>
  void operator()(T&, const distill::Option& option, const distill::Choices<std::type_identity_t<T>>& choices) const {
    CHECK(names.insert(option.name).second);
    CHECK(choices.size() >= 2);
  }

  template <class T>
  void operator()(T& value, const distill::Option& option, const distill::TextForm<T>& text) const {
    CHECK(names.insert(option.name).second);
    CHECK(text.write(text.read(text.write(value))) == text.write(value));
  }

  template <class T>
  void operator()(T& value, const distill::Option& option) const {
    CHECK(names.insert(option.name).second);
    CHECK(!std::string(option.help).empty());
    const T before = value;
    const auto refused = [&](const auto& other) {
      value = other;
      CAPTURE(other);
      check_error<ArgumentError>([&] { options.validate(); },
                                 {operation, hypertape::detail::concat(": ", option.name, " needs ")});
      value = before;
    };
    if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::optional<double>>) {
      const double infinity = std::numeric_limits<double>::infinity();
      for (const double other : {std::nan(""), infinity, -infinity, -1., 1e10}) refused(other);
    } else if constexpr (std::is_same_v<T, Index> || std::is_same_v<T, std::optional<Index>>) {
      for (const Index other : {Index{-1}, Index{1} << 40}) refused(other);
      if (option.bounds.low_excluded) refused(Index{0});
    }
    options.validate();
  }
};

TEST_CASE("distill options: each number out of its bounds is refused by its name; a NaN is in none") {
  std::set<std::string> names;
  DistillOptions options;
  options.outer_loop.halve_every = options.outer_loop.window = 2;
  options.outer_loop.clip_average = 1.0;
  DistillOptions::for_each_option(options, Spoil<DistillOptions>{options, "DistillOptions", names});
  CHECK(names.size() >= 31);
  names.clear();
  distill::FreeTraining free;
  distill::FreeTraining::for_each_option(free, Spoil<distill::FreeTraining>{free, "FreeTraining", names});
  CHECK(names == std::set<std::string>{"optimizer", "learning_rate", "epochs", "cut_at", "batch", "augment"});
  names.clear();
  distill::PretrainOptions pretrain;
  distill::PretrainOptions::for_each_option(pretrain,
                                            Spoil<distill::PretrainOptions>{pretrain, "PretrainOptions", names});
  CHECK(names == std::set<std::string>{"epochs", "batch", "balance", "learning_rate", "hold_out"});
}

TEST_CASE("distill options: what does not go together") {
  const auto refused = [](const auto& change, std::initializer_list<std::string_view> words) {
    DistillOptions options;
    change(options);
    check_error<ArgumentError>([&] { options.validate(); }, words);
  };
  refused([](DistillOptions& o) { o.inner_loop.epochs = 100001; }, {"epochs", "100000 inner steps", "1 times 100001"});
  refused([](DistillOptions& o) { o.inner_loop.batch = 5; }, {"inner_batch goes with unordered"});
  refused([](DistillOptions& o) { o.inner_loop.rule = optim::HeavyBall{1.5}; }, {"heavy ball", "1.5"});
  refused([](DistillOptions& o) { o.outer_loop.window = 4; }, {"window must be within the inner loop of 3", "4"});
  refused([](DistillOptions& o) { o.outer_loop.random_windows = true; }, {"random_windows needs a window shorter"});
  refused([](DistillOptions& o) { o.outer_loop.window = 3, o.outer_loop.random_windows = true; }, {"random_windows"});
  const auto ridge_refused = [&](const auto& change, std::initializer_list<std::string_view> words) {
    const auto all = [&](DistillOptions& o) {
      o.outer_loop.step = distill::OuterStepKind::ridge;
      o.inner_loop.unordered = true;
      o.validate();
      change(o);
    };
    refused(all, words);
  };
  ridge_refused([](DistillOptions& o) { o.inner_loop.unordered = false; }, {"outer_step ridge goes with unordered"});
  ridge_refused([](DistillOptions& o) { o.outer_loop.window = 2; }, {"window goes with outer_step unroll, got 2"});
  ridge_refused([](DistillOptions& o) { o.outer_loop.certify_every = 7; },
                {"certify goes with outer_step unroll", "7"});
  ridge_refused([](DistillOptions& o) { o.ridge.regularizer = 0; }, {"regularizer needs a number in [1e-12 - 1000]"});
}

TEST_CASE("distill options: what depends on the images, and what does not fit") {
  const data::LabeledImages images = data::generate_glyphs(300, 10, 1).train;
  const distill::DistillOptions defaults = distill::DistillOptions{}.resolved(images);
  CHECK(*defaults.validation.hold_out == 60);
  CHECK(*defaults.real.batch == 240);
  CHECK(*defaults.validation.hold_out_seed == defaults.seed);
  data::LabeledImages many = images;
  many.count = 60000;
  many.labels.resize(60000);
  CHECK(*distill::DistillOptions{}.resolved(many).validation.hold_out == 5000);
  CHECK(*distill::DistillOptions{}.resolved(many).real.batch == 256);
  distill::DistillOptions given;
  given.validation.hold_out = 20;
  given.real.batch = 280;
  CHECK(*given.resolved(images).real.batch == 280);
  CHECK(!defaults.inner_loop.batch);
  distill::DistillOptions unordered;
  unordered.inner_loop.unordered = true;
  unordered.images.per_class = 2;
  CHECK(unordered.resolved(images).inner_loop.batch == 20);
  unordered.inner_loop.batch = 21;
  check_error<ArgumentError>([&] { unordered.resolved(images); }, {"21 of 20 distilled images"});
  given.real.batch = 281;
  check_error<ArgumentError>([&] { given.resolved(images); }, {"300 images", "hold-out of 20", "batch of 281"});
}

}  // namespace
}  // namespace hypertape::testing
