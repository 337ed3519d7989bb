#include <algorithm>
#include <iostream>
#include <memory>
#include <ranges>
#include <string>
#include <vector>

#include "commands.hpp"
#include "help.hpp"

namespace hypertape::cli {

namespace {

/// Completions of the last of these words.
std::vector<std::string> candidates(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  for (const CLI::App* one : app.get_subcommands({})) {
    if (words.size() > 1 && one->get_name() == words.front()) command = one;
  }
  if (words.size() > 1 && command != &app) {
    const CLI::Option* option = command->get_option_no_throw(words[words.size() - 2]);
    if (option != nullptr && !is_flag(option)) return choices_of(option);
  }
  std::vector<std::string> names;
  for (const CLI::Option* option : command->get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  for (const CLI::App* one : command->get_subcommands({})) {
    if (!one->get_group().empty()) names.push_back(one->get_name());
  }
  std::erase_if(names, [&](const std::string& name) {
    return std::ranges::find(words.begin(), words.end() - 1, name) != words.end() - 1;
  });
  return names;
}

}  // namespace

void add_complete(CLI::App& app) {
  const auto words = std::make_shared<std::vector<std::string>>();
  CLI::App& parser = *app.add_subcommand("complete", "Print completions of the last word, for a shell")->group("");
  parser.add_option("words", *words);
  parser.callback([&app, words] {
    if (words->empty()) words->emplace_back();
    for (const std::string& candidate : candidates(app, *words)) {
      if (candidate.starts_with(words->back())) std::cout << candidate << '\n';
    }
  });
}

}  // namespace hypertape::cli
