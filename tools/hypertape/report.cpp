#include "report.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "commands.hpp"
#include "distilled_picture.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/input_file.hpp"
#include "json_file.hpp"
#include "options.hpp"
#include "paths.hpp"
#include "report_assets.hpp"

namespace hypertape::cli {

namespace fs = std::filesystem;

namespace {

/// RFC 4648, section 4.
std::string base64(std::string_view bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? digits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string png_url(std::string_view bytes) { return "data:image/png;base64," + base64(bytes); }

std::string bytes_of(const fs::path& path) {
  const io::detail::InputFile file = io::detail::open_input(path);
  std::string bytes(static_cast<std::size_t>(io::detail::size_of(file.get(), path)), '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file.get()));
  return bytes;
}

/// The number of classes of the set in this file, as far as the file tells.
Index classes_of(const io::Npz& npz, const fs::path& path) {
  if (npz.contains("classes")) return io::require_values<std::int64_t>(npz, path, "classes", {1})[0];
  const io::NpyArray& labels = io::require_array(npz, path, "labels");
  if (labels.shape.size() == 3) return labels.shape[2];
  const auto& hard = io::require_values<std::int64_t>(npz, path, "labels", {-1, -1});
  return hard.empty() ? 0 : *std::ranges::max_element(hard) + 1;
}

/// The distilled images, each with its step and label, and the weights of soft labels.
Json images_of(const fs::path& path) {
  constexpr Index most = 1000;  // more would be slow in a browser
  const io::Npz npz = io::read_npz(path);
  const distill::DistilledSet set = distill::from_npz(npz, path, classes_of(npz, path));
  const std::vector<std::string> names = set.origin ? set.origin->class_names : std::vector<std::string>();
  const Shape& shape = set.images.front().shape();
  Json items = Json::array();
  for (std::size_t s = 0; s < set.images.size(); ++s) {
    const Tensor<float> pixels = data::denormalized(set.images[s], set.normalization);
    const Tensor<float>& labels = set.labels[s];
    for (Index n = 0; n < shape[0] && static_cast<Index>(items.size()) < most; ++n) {
      Image image = stretched_image(pixels, n);
      const Box page{0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
      Json weights = Json::array();
      for (Index k = 0; k < set.classes(); ++k) weights.push_back(labels(n, k));
      const Index largest = std::ranges::max_element(weights) - weights.begin();
      Json item = {{"step", s + 1},
                   {"label", largest},
                   {"src", png_url(drawing_bytes(path, ImageFormat::png, {page, {std::move(image)}, {}, {}}))}};
      if (set.soft_labels) item["weights"] = std::move(weights);
      items.push_back(std::move(item));
    }
  }
  Json rates = Json::array();
  for (Index e = 0; e < set.learning_rates.shape()[0]; ++e) {
    Json& epoch = rates.emplace_back(Json::array());
    for (Index t = 0; t < set.learning_rates.shape()[1]; ++t) {
      epoch.push_back(set.learning_rates[e * set.learning_rates.shape()[1] + t]);
    }
  }
  return {{"count", set.count()},     {"steps", set.steps()},      {"classes", set.classes()},
          {"names", names},           {"width", shape[3]},         {"height", shape[2]},
          {"soft", set.soft_labels},  {"ordered", !set.unordered}, {"learning_rates", std::move(rates)},
          {"items", std::move(items)}};
}

/// One run's data for the page.
Json run_of(const fs::path& folder) {
  const fs::path config = folder / "config.json", summary = folder / "summary.json", images = folder / "distilled.npz",
                 strip = folder / "strip.png";
  if (!fs::exists(config)) throw DataError(folder.string(), ": there is no config.json of a run here");
  Json run = {{"folder", folder.string()}, {"config", read_json(config)}};
  static_cast<void>(require_value<std::string>(run["config"], config, "command"));
  run["summary"] = fs::exists(summary) ? read_json(summary) : Json();
  Json& tables = run["tables"] = Json::object();
  for (const char* name : {"log", "networks", "real", "confusion", "grid", "linear"}) {
    const fs::path path = folder / (std::string(name) + ".csv");
    if (fs::exists(path)) tables[name] = bytes_of(path);
  }
  if (fs::exists(images)) run["images"] = images_of(images);
  if (fs::exists(strip)) run["strip"] = png_url(bytes_of(strip));
  return run;
}

/// A template with each `{{name}}` replaced. Inserted text is not expanded again.
std::string filled(std::string_view text, std::span<const std::pair<std::string_view, std::string_view>> values) {
  std::string page;
  for (std::size_t open; (open = text.find("{{")) != std::string_view::npos;) {
    const std::size_t close = text.find("}}", open);
    const std::string_view name = text.substr(open + 2, close - open - 2);
    page += text.substr(0, open);
    page += std::ranges::find(values, name, [](const auto& value) { return value.first; })->second;
    text.remove_prefix(close + 2);
  }
  return page += text;
}

/// JSON for an HTML script element, which any "</script" would end.
std::string script_text(const Json& json) {
  return CLI::detail::find_and_replace(json.dump(-1, ' ', false, Json::error_handler_t::replace), "<", "\\u003c");
}

struct ReportCommand {
  std::vector<fs::path> folders;
  fs::path out;
};

void run(const ReportCommand& command) {
  fs::path out = command.out;
  if (out.empty() && command.folders.size() > 1) {
    throw ArgumentError("a comparison of several runs needs --out FILE");
  }
  if (out.empty()) out = command.folders.front() / "report.html";
  for (const fs::path& folder : command.folders) require_folder("report", folder);
  require_writable_file(command.out.empty() ? "report" : "--out", out);
  io::write_atomically(out, report_page(command.folders));
  std::cout << "report: " << out.string() << '\n';
}

}  // namespace

std::string report_page(std::span<const fs::path> folders) {
  Json runs = Json::array();
  for (const fs::path& folder : folders) runs.push_back(run_of(folder));
  const std::string data = script_text({{"version", HYPERTAPE_VERSION}, {"runs", std::move(runs)}});
  namespace assets = report_assets;
  return filled(assets::html,
                std::to_array<std::pair<std::string_view, std::string_view>>({{"plot_license", assets::plot_license},
                                                                              {"plot_style", assets::plot_style},
                                                                              {"plot_script", assets::plot_script},
                                                                              {"style", assets::style},
                                                                              {"elements", assets::elements},
                                                                              {"runs", assets::runs},
                                                                              {"charts", assets::charts},
                                                                              {"gallery", assets::gallery},
                                                                              {"run", assets::run},
                                                                              {"page", assets::page},
                                                                              {"data", data}}));
}

void add_report(CLI::App& app, const Communicator& ranks) {
  const auto command = std::make_shared<ReportCommand>();
  CLI::App& parser = *app.add_subcommand("report", "Write a run's report.html, or compare runs");
  parser.add_option("runs", command->folders, "Result folders of other commands")->required()->type_name("DIR");
  parser.add_option("--out", command->out, "The page to write, required for several runs")
      ->check(Options::not_empty())
      ->type_name("FILE")
      ->default_str("RUN/report.html");
  parser.callback([command, leads = ranks.rank() == 0] {
    if (leads) run(*command);
  });
}

}  // namespace hypertape::cli
