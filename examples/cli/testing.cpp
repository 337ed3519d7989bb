#include "testing.hpp"

#include <algorithm>
#include <utility>

#include "format.hpp"
#include "hypertape/distill/spread.hpp"

namespace hypertape::cli {
namespace {

using distill::Confusion;

/// Mean and deviation of one figure over networks.
template <class Figure>
distill::Spread spread(const std::vector<Confusion>& confusions, const Figure& figure) {
  std::vector<double> values;
  for (const Confusion& confusion : confusions) values.push_back(figure(confusion));
  return distill::spread_of(values);
}

double accuracy_of(const Confusion& confusion) { return confusion.accuracy(); }

}  // namespace

distill::DistilledSet load_distilled(const std::filesystem::path& path, const data::LabelledImages& images,
                                     const std::string& dataset) {
  distill::DistilledSet set = distill::load(path, images.classes);
  const Shape expected{set.images_per_step(), images.channels, images.height, images.width};
  if (set.images.front().shape() != expected) {
    throw DataError(
        message(path.string(), ": its images are ", set.images.front().shape(), ", ", dataset, " needs ", expected));
  }
  return set;
}

Json TestResult::summary(const distill::Objective& objective) const {
  const distill::Spread start = spread(before, accuracy_of), end = spread(after, accuracy_of);
  Json json = {{"networks_tested", after.size()}, {"diverged_networks", diverged},
               {"test_accuracy", end.mean},       {"test_accuracy_std", end.deviation},
               {"initial_accuracy", start.mean},  {"initial_accuracy_std", start.deviation}};
  const auto of_classes = [](const std::vector<Confusion>& confusions) {
    Json rates = Json::array();
    for (Index k = 0; k < confusions.front().classes(); ++k) {
      rates.push_back(spread(confusions, [k](const Confusion& c) { return c.rate(k, k); }).mean);
    }
    return rates;
  };
  json["class_accuracies"] = of_classes(after);
  json["initial_class_accuracies"] = of_classes(before);
  if (!objective.attack) return json;
  const auto [from, to] = std::pair(objective.attack->from, objective.attack->to);
  const auto both = [&](const char* name, const auto& figure) {
    const distill::Spread first = spread(before, figure), last = spread(after, figure);
    json["attack"][name] = {{"before", first.mean}, {"after", last.mean}, {"after_std", last.deviation}};
  };
  json["attack"] = {{"attack_class", from}, {"target_class", to}};
  both("success_ratio", [from = from, to = to](const Confusion& c) { return c.rate(from, to); });
  both("relabelled_accuracy", [from = from, to = to](const Confusion& c) { return c.relabelled_accuracy(from, to); });
  both("other_classes_accuracy", [from = from](const Confusion& c) { return c.accuracy_without(from); });
  return json;
}

std::string TestResult::text(const distill::Objective& objective) const {
  const Json json = summary(objective);
  const auto percent = [](const Json& value) { return fixed(value.get<double>(), 2) + " %"; };
  std::string text = message("test accuracy: ", percent(json["initial_accuracy"]), " before, ",
                             percent(json["test_accuracy"]), " after training on the distilled images");
  if (after.size() > 1) {
    text += message(" (standard deviation ", fixed(json["test_accuracy_std"], 2), " over ", after.size(), " networks)");
  }
  if (diverged > 0) text += message("; ", diverged, " diverged, and count as getting nothing right");
  if (!objective.attack) return text;
  const Json& attack = json["attack"];
  return text + message("\nattack: ", percent(attack["success_ratio"]["after"]), " of class ", objective.attack->from,
                        " taken for ", objective.attack->to, " (", percent(attack["success_ratio"]["before"]),
                        " before); other classes ", percent(attack["other_classes_accuracy"]["after"]), " right (",
                        percent(attack["other_classes_accuracy"]["before"]), " before)");
}

std::string TestResult::csv(const distill::Objective& objective) const {
  std::string text = "network,initial_accuracy,test_accuracy";
  if (objective.attack) text += ",initial_success_ratio,success_ratio";
  text += '\n';
  for (std::size_t i = 0; i < after.size(); ++i) {
    text += message(i, ',', before[i].accuracy(), ',', after[i].accuracy());
    if (objective.attack) {
      const auto [from, to] = *objective.attack;
      text += message(',', before[i].rate(from, to), ',', after[i].rate(from, to));
    }
    text += '\n';
  }
  return text;
}

TestResult train_and_test(const nn::Network<float>& network, const distill::DistilledSet& set,
                          const distill::InitialWeights& weights, std::span<const Index> numbers,
                          const data::LabelledImages& images, const WorkerTeam& team, bool skip_diverged,
                          const std::function<bool(const TestResult&)>& proceed) {
  const std::vector<Index> all = data::all_indices(images.count);
  TestResult result;
  const auto at_once = static_cast<std::size_t>(team.size());
  for (std::size_t first = 0; first < numbers.size(); first += at_once) {
    const std::span<const Index> some = numbers.subspan(first, std::min(at_once, numbers.size() - first));
    std::vector<Tensor<float>> theta0;
    for (const Index number : some) theta0.push_back(weights[number]);
    const Stopwatch training;
    const std::vector<distill::Trained> trained =
        distill::train_networks(network, set.inner_loop(theta0.front()), theta0, team);
    result.train_seconds += training.seconds();
    std::vector<distill::Trained> untrained;
    for (Tensor<float>& theta : theta0) untrained.push_back({std::move(theta), {}});
    const auto test = [&](const std::vector<distill::Trained>& networks) {
      return distill::test_networks(network, networks, images, all, set.normalization, team);
    };
    const std::vector<distill::Tested> after = test(trained), before = test(untrained);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (!skip_diverged) distill::require_success(after[i], some[i]);
      if (after[i].failure) ++result.diverged;
      result.after.push_back(after[i].confusion);
      result.before.push_back(before[i].confusion);
    }
    if (!proceed(result)) break;
  }
  return result;
}

}  // namespace hypertape::cli
