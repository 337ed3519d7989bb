#include "testing.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "format.hpp"
#include "hypertape/distill/mean_and_std.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;
namespace {

using distill::Confusion;
using distill::Evaluation;

/// The number of classes with no weight in any label of a set.
Index classes_without_images(const distill::DistilledSet& set) {
  Index missing = 0;
  for (Index k = 0; k < set.classes(); ++k) {
    const bool found = std::ranges::any_of(set.labels, [&](const Tensor<float>& labels) {
      const Index count = labels.shape()[0];
      return std::ranges::any_of(
          labels.values().subspan(static_cast<std::size_t>(k * count), static_cast<std::size_t>(count)),
          [](float weight) { return weight != 0; });
    });
    if (!found) ++missing;
  }
  return missing;
}

template <class T>
std::string joined(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) text += concat(text.empty() ? "" : ", ", value);
  return text;
}

/// Whether two are equal up to another processor's rounding.
bool same(const data::Normalization& one, const data::Normalization& other) {
  const auto near = [](float a, float b) { return std::abs(a - b) <= 1e-5F * std::abs(b); };
  return std::ranges::equal(one.mean, other.mean, near) && std::ranges::equal(one.std, other.std, near);
}

/// The mean accuracy of each class that has images, by name.
Json of_classes(const std::vector<Confusion>& confusions, const std::vector<std::string>& names) {
  Json accuracies = Json::object();
  for (Index k = 0; k < confusions.front().classes(); ++k) {
    const double percent = Evaluation::mean_and_std(confusions, [k](const Confusion& c) { return c.rate(k, k); }).mean;
    if (std::isnan(percent)) continue;
    accuracies[names.empty() ? concat(k) : names[static_cast<std::size_t>(k)]] = rounded_percent(percent);
  }
  return accuracies;
}

}  // namespace

distill::DistilledSet load_distilled(const std::string& name, const std::filesystem::path& path,
                                     const data::Dataset& dataset) {
  const data::LabeledImages& images = dataset.train;
  const std::string option = name + ' ' + path.string();
  distill::DistilledSet set = distill::load(path, images.classes);
  const Shape expected = Shape::batch(set.images.front().shape()[0], images.channels, images.height, images.width);
  if (set.images.front().shape() != expected) {
    throw DataError(option, ": its images are ", set.images.front().shape().with_layout(Layout::row_major), ", ",
                    dataset.name, " needs ", expected.with_layout(Layout::row_major));
  }
  if (const Index missing = classes_without_images(set); missing > 0) {
    throw DataError(option, ": has images of ", images.classes - missing, " classes, ", dataset.name, " has ",
                    images.classes);
  }
  const auto& names = dataset.class_names;
  std::string warning;
  if (set.origin) {
    const auto& made_for = set.origin->class_names;
    if (!made_for.empty() && !names.empty() && made_for != names) {
      throw DataError(option, ": was made for the classes ", joined(made_for), "; ", dataset.name, " has ",
                      joined(names));
    }
    if (set.origin->dataset != dataset.name) {
      warning = concat("was made from ", set.origin->dataset, ", not from ", dataset.name);
    } else if (*set.origin != distill::origin_of(dataset)) {
      warning = concat("was made from images other than those of ", dataset.name, " here");
    }
  }
  if (!same(set.normalization, dataset.normalization)) {
    warning +=
        concat(warning.empty() ? "" : "; ", "its normalization, which is used, has mean ",
               joined(set.normalization.mean), " and standard deviation ", joined(set.normalization.std), ", that of ",
               dataset.name, ' ', joined(dataset.normalization.mean), " and ", joined(dataset.normalization.std));
  }
  if (!warning.empty()) std::cerr << "hypertape: " << option << ": " << warning << '\n';
  return set;
}

Json protocol_of(const distill::DistilledSet& set, const distill::FreeTraining* free, bool shuffled) {
  const char* labels = set.soft_labels ? "soft" : "hard";
  if (free != nullptr) {
    return {{"name", "free"},
            {"labels", labels},
            {"optimizer", optim::text_of(free->rule)},
            {"learning_rate", free->learning_rate},
            {"epochs", free->epochs},
            {"cut_at", free->cut_at.value_or(free->default_cut())},
            {"batch", free->batch},
            {"augment", data::text_of(free->augmentation.value_or(set.augmentation))},
            {"whitened", set.normalization.whitening != nullptr}};
  }
  return {{"name", "paper"},
          {"labels", labels},
          {"optimizer", optim::text_of(set.rule)},
          {"steps", set.steps()},
          {"epochs", set.epochs()},
          {"ordered", !set.unordered.has_value()},
          {"shuffled", shuffled},
          {"augment", data::text_of(set.augmentation)},
          {"whitened", set.normalization.whitening != nullptr}};
}

Json real_images_of(const Comparison& comparison) {
  const distill::MeanAndStd accuracy = comparison.real->accuracy();
  return {{"test_accuracy", rounded_percent(accuracy.mean)},
          {"test_accuracy_std", rounded_percent(accuracy.deviation)},
          {"diverged_networks", comparison.real->diverged},
          {"gain", rounded_percent(comparison.gain())}};
}

std::string real_images_text(const char* labels, const Comparison& comparison) {
  const distill::MeanAndStd accuracy = comparison.real->accuracy();
  std::string text = concat("random real images under ", labels, " labels: ", fixed(accuracy.mean, 2), " %");
  if (comparison.real->after.size() > 1) text += concat(" (standard deviation ", fixed(accuracy.deviation, 2), ')');
  return text + concat("; gain of the distilled images: ", fixed(comparison.gain(), 2));
}

Json summary_of(const Evaluation& result, const distill::Objective& objective, const data::Dataset& dataset) {
  const std::vector<Confusion>&before = result.before, &after = result.after;
  Json json = {{"networks_tested", after.size()}, {"diverged_networks", result.diverged}};
  const auto add = [&](const std::string& name, const distill::MeanAndStd& figure) {
    json[name] = rounded_percent(figure.mean);
    json[name + "_std"] = rounded_percent(figure.deviation);
  };
  add("test_accuracy", result.accuracy());
  add("initial_accuracy", result.initial_accuracy());
  add("test_balanced_accuracy", Evaluation::mean_and_std(after, &Confusion::balanced_accuracy));
  add("initial_balanced_accuracy", Evaluation::mean_and_std(before, &Confusion::balanced_accuracy));
  json["class_accuracies"] = of_classes(after, dataset.class_names);
  json["initial_class_accuracies"] = of_classes(before, dataset.class_names);
  if (!objective.attack) return json;
  const auto [from, to] = std::pair(objective.attack->from, objective.attack->to);
  const auto both = [&](const char* name, const auto& figure) {
    const distill::MeanAndStd first = Evaluation::mean_and_std(before, figure),
                              last = Evaluation::mean_and_std(after, figure);
    json["attack"][name] = {{"before", rounded_percent(first.mean)},
                            {"after", rounded_percent(last.mean)},
                            {"after_std", rounded_percent(last.deviation)}};
  };
  json["attack"] = {{"attack_class", from}, {"target_class", to}};
  both("success_ratio", [from = from, to = to](const Confusion& c) { return c.rate(from, to); });
  both("relabeled_accuracy", [from = from, to = to](const Confusion& c) { return c.relabeled_accuracy(from, to); });
  both("other_classes_accuracy", [from = from](const Confusion& c) { return c.accuracy_without(from); });
  return json;
}

std::string text_of(const Evaluation& result, const distill::Objective& objective) {
  const std::vector<Confusion>&before = result.before, &after = result.after;
  const auto percent = [](const std::vector<Confusion>& confusions, const auto& figure) {
    return fixed(Evaluation::mean_and_std(confusions, figure).mean, 2) + " %";
  };
  std::string text = concat("test accuracy: ", percent(before, &Confusion::accuracy), " before, ",
                            percent(after, &Confusion::accuracy), " after training on the distilled images");
  if (after.size() > 1) {
    text +=
        concat(" (standard deviation ", fixed(result.accuracy().deviation, 2), " over ", after.size(), " networks)");
  }
  if (result.diverged > 0) text += concat("; ", result.diverged, " diverged and count as 0 % correct");
  text += concat("\nbalanced:      ", percent(before, &Confusion::balanced_accuracy), " before, ",
                 percent(after, &Confusion::balanced_accuracy), " after (mean over classes)");
  if (!objective.attack) return text;
  const auto [from, to] = *objective.attack;
  const auto success = [from = from, to = to](const Confusion& c) { return c.rate(from, to); };
  const auto others = [from = from](const Confusion& c) { return c.accuracy_without(from); };
  return text + concat("\nattack: ", percent(after, success), " of class ", from, " classified as ", to, " (",
                       percent(before, success), " before); other classes ", percent(after, others), " right (",
                       percent(before, others), " before)");
}

std::string csv_of(const Evaluation& result, const distill::Objective& objective) {
  const std::vector<Confusion>&before = result.before, &after = result.after;
  std::string text = "network,initial_accuracy,test_accuracy";
  if (objective.attack) text += ",initial_success_ratio,success_ratio";
  text += '\n';
  for (std::size_t i = 0; i < after.size(); ++i) {
    text += concat(i, ',', before[i].accuracy(), ',', after[i].accuracy());
    if (objective.attack) {
      const auto [from, to] = *objective.attack;
      text += concat(',', before[i].rate(from, to), ',', after[i].rate(from, to));
    }
    text += '\n';
  }
  return text;
}

std::string confusion_csv(const Evaluation& result) {
  const Index classes = result.after.front().classes();
  Confusion all(classes);
  for (const Confusion& one : result.after) all += one;
  std::string text = "class";
  for (Index k = 0; k < classes; ++k) text += concat(',', k);
  text += ",nothing\n";
  const std::vector<Index> numbers = all.numbers();
  for (Index truth = 0; truth < classes; ++truth) {
    text += concat(truth);
    for (Index answer = 0; answer < classes; ++answer) text += concat(',', all.count(truth, answer));
    text += concat(',', numbers[static_cast<std::size_t>(classes * classes + truth)], '\n');
  }
  return text;
}

}  // namespace hypertape::cli
