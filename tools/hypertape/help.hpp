#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "terminal.hpp"

namespace hypertape::cli {

/// The options that `hypertape COMMAND --help` shows; --help-all shows all. A command without an entry always shows
/// all.
inline const std::map<std::string, std::set<std::string>>& common_options() {
  static const std::set<std::string> all = {"--help", "--help-all", "--data",    "--dataset",
                                            "--out",  "--seed",     "--threads", "--net"};
  const auto with = [](std::set<std::string> others) {
    others.insert(all.begin(), all.end());
    return others;
  };
  static const std::map<std::string, std::set<std::string>> options = {
      {"distill", with({"--init", "--steps", "--epochs", "--images-per-class", "--soft-labels", "--unordered",
                        "--start", "--start-from", "--iterations", "--evaluate-every", "--time-limit", "--resume"})},
      {"evaluate", with({"--init", "--distilled", "--protocol", "--test-networks"})},
      {"pretrain", with({"--networks", "--epochs"})},
      {"baseline",
       with({"--init", "--method", "--classifier", "--steps", "--images-per-class", "--sets", "--test-networks"})}};
  return options;
}

/// Whether the option takes no value.
inline bool is_flag(const CLI::Option* option) { return option->get_items_expected_max() == 0; }

/// The part of `text` between `begin` and `end`; empty if there is none.
inline std::string between(const std::string& text, std::string_view begin, std::string_view end) {
  const std::size_t from = text.find(begin);
  if (from == std::string::npos) return "";
  const std::size_t start = from + begin.size();
  return text.substr(start, text.find(end, start) - start);
}

/// The choices of an option; empty if it takes other values. CLI11 describes what an option takes as
/// "TYPE:CHECK:CHECK", with choices as "{a,b}" and a range as "INT in [1 - 9]".
inline std::vector<std::string> choices_of(const CLI::Option* option) {
  const std::string choices = between(option->get_type_name(), "{", "}");
  return choices.empty() ? std::vector<std::string>() : CLI::detail::split(choices, ',');
}

/// Wraps `text` to lines of at most `width` characters; all but the first are indented.
inline std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  std::istringstream words(text);
  std::string lines, word;
  std::size_t column = indent;
  while (words >> word) {
    if (column > indent && column + 1 + word.size() > width) {
      lines += '\n' + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
  }
  return lines;
}

/// Formats --help: the common options in groups, each with its value, choices and default, wrapped to the terminal's
/// width. --help-all shows all options.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    all_ = mode == CLI::AppFormatMode::All;
    command_ = app;
    std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
    while (help.find("\n\n\n") != std::string::npos) {
      help = CLI::detail::find_and_replace(std::move(help), "\n\n\n", "\n\n");
    }
    return help;
  }

  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override {
    std::erase_if(options, [&](const CLI::Option* option) { return !is_positional && is_hidden(option); });
    return options.empty() ? "" : CLI::Formatter::make_group(std::move(group), is_positional, std::move(options));
  }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    const bool command = app->get_parent() != nullptr;
    return CLI::Formatter::make_usage(app, std::move(name)) + (command ? "Defaults are in brackets.\n" : "");
  }

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    const std::string type = is_flag(option) ? "" : option->get_type_name(), kind = type.substr(0, type.find(':'));
    const std::string choices = CLI::detail::join(choices_of(option), ", "), range = between(type, " in [", "]");
    std::string name = make_option_name(option, is_positional), text = option->get_description();
    if (!is_positional && !kind.empty()) name += ' ' + placeholder(kind, !choices.empty());
    if (option->get_expected_max() == CLI::detail::expected_max_vector_size) name += " ...";
    if (!choices.empty()) text += ": " + choices;
    std::string preset = default_of(option);
    if (!range.empty()) preset += "; " + CLI::detail::find_and_replace(range, " - ", " to ");
    return entry(name, preset.empty() ? text : text + " [" + preset + ']');
  }

  std::string make_subcommand(const CLI::App* command) const override {
    return entry(command->get_name(), command->get_description());
  }
  std::string make_description(const CLI::App* app) const override { return paragraph(app->get_description()); }
  std::string make_footer(const CLI::App* app) const override {
    const std::vector<const CLI::Option*> options = app->get_options();
    const auto hidden = std::ranges::count_if(options, [&](const CLI::Option* one) { return is_hidden(one); });
    if (hidden == 0) return paragraph(app->get_footer());
    return paragraph(hypertape::detail::concat(hidden, " more options: hypertape ", app->get_name(), " --help-all"));
  }

 private:
  static constexpr std::size_t column = 32;  // where descriptions begin

  static std::string paragraph(const std::string& text) {
    return text.empty() ? "" : wrapped(text, 0, text_columns()) + '\n';
  }

  static std::string entry(const std::string& name, const std::string& text) {
    std::string line = "  " + name;
    if (line.size() + 2 > column) line += '\n';
    line.append(column - (line.back() == '\n' ? 0 : line.size()), ' ');
    return line + wrapped(text, column, text_columns()) + '\n';
  }

  static std::string placeholder(const std::string& kind, bool choice) {
    if (kind == "INT" || kind == "UINT") return "N";
    if (kind == "FLOAT") return "X";
    return choice ? "NAME" : kind;
  }

  static std::string default_of(const CLI::Option* option) {
    if (option->get_required()) return "required";
    std::string value = option->get_default_str();
    if (is_flag(option)) return value;  // empty for --help
    if (value.starts_with('[') && value.ends_with(']')) value = value.substr(1, value.size() - 2);
    return value.empty() ? "none" : CLI::detail::find_and_replace(value, ",", ", ");
  }

  bool is_hidden(const CLI::Option* option) const {
    if (all_ || command_ == nullptr) return false;
    const auto found = common_options().find(command_->get_name());
    return found != common_options().end() && !found->second.contains("--" + option->get_lnames().front());
  }

  mutable bool all_ = false;                   // for --help-all
  mutable const CLI::App* command_ = nullptr;  // the one whose help is being written
};

}  // namespace hypertape::cli
