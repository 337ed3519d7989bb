#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hypertape/core/error.hpp"

namespace hypertape::cli {

using Json = nlohmann::ordered_json;

/// The options of a command, each bound to a variable: given on the command line, written to config.json under its name
/// with underscores, and read from there by a run that is resumed.
class Options {
 public:
  /// What a resumed run takes of the earlier run's value.
  enum class OnResume {
    must_agree,  ///< it takes it, and another one that is given is an error
    free,        ///< it takes it, if it is given none: results do not depend on it
    not_kept,    ///< nothing
  };

  explicit Options(CLI::App& command) : command_(command) {}

  CLI::App& command() { return command_; }

  /// An option with a value; the variable, which must stay, holds its default.
  template <class T>
  CLI::Option* add(const std::string& name, T& value, const std::string& help,
                   OnResume on_resume = OnResume::must_agree) {
    return bind(value, command_.add_option(name, value, help), on_resume);
  }

  /// An option without a value.
  CLI::Option* add_flag(const std::string& name, bool& value, const std::string& help) {
    return bind(value, command_.add_flag(name, value, help), OnResume::must_agree);
  }

  /// All values by their names.
  Json json() const {
    Json values;
    for (const Entry& entry : entries_) values[key(entry.option)] = entry.write();
    return values;
  }

  /// Takes the values of an earlier run's config.json, as each option's OnResume says.
  /// @throws ArgumentError naming each option that is given with another value, DataError if a value is missing.
  void resume(const Json& config, const std::filesystem::path& path) {
    std::string differences;
    for (const Entry& entry : entries_) {
      const bool given = entry.option->count() > 0;
      if (entry.on_resume == OnResume::not_kept || (given && entry.on_resume == OnResume::free)) continue;
      const std::string name = key(entry.option);
      if (!config.contains(name)) throw DataError(message(path.string(), ": has no value of ", name));
      const Json now = entry.write();
      try {
        entry.read(config[name]);
      } catch (const nlohmann::json::exception& error) {
        throw DataError(message(path.string(), ": ", name, ": ", error.what()));
      }
      if (given && now != entry.write()) {
        differences += message(differences.empty() ? "" : ", ", entry.option->get_name(), " is ", now.dump(),
                               " now and was ", config[name].dump());
      }
    }
    if (!differences.empty()) throw ArgumentError("--resume: the run has other options: " + differences);
  }

 private:
  struct Entry {
    CLI::Option* option;
    OnResume on_resume;
    std::function<Json()> write;
    std::function<void(const Json&)> read;
  };

  template <class T>
  CLI::Option* bind(T& value, CLI::Option* option, OnResume on_resume) {
    entries_.push_back({option, on_resume, [&value] { return to_json(value); },
                        [&value](const Json& json) { from_json(json, value); }});
    return option;
  }

  template <class T>
  static Json to_json(const T& value) {
    return value;
  }
  static Json to_json(const std::filesystem::path& value) { return value.string(); }
  template <class T>
  static Json to_json(const std::optional<T>& value) {
    return value ? to_json(*value) : Json();
  }
  template <class T>
  static void from_json(const Json& json, T& value) {
    json.get_to(value);
  }
  static void from_json(const Json& json, std::filesystem::path& value) { value = json.get<std::string>(); }
  template <class T>
  static void from_json(const Json& json, std::optional<T>& value) {
    if (json.is_null()) return value.reset();
    T present;
    from_json(json, present);
    value = std::move(present);
  }

  /// "--images-per-class" as "images_per_class".
  static std::string key(const CLI::Option* option) {
    std::string name = option->get_name().substr(2);
    for (char& letter : name) letter = letter == '-' ? '_' : letter;
    return name;
  }

  CLI::App& command_;
  std::vector<Entry> entries_;
};

}  // namespace hypertape::cli
