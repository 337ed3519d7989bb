#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/distill/option.hpp"
#include "hypertape/io/file.hpp"
#include "json_file.hpp"
#include "paths.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;

/// Accepts numbers within the bounds. CLI11's own ranges accept NaN, and its conversion to integers saturates numbers
/// that are too large.
inline CLI::Validator within(const distill::Bounds& bounds) {
  const std::string words = bounds.text();
  return CLI::Validator(
      [bounds, words](const std::string& text) -> std::string {
        double value = 0;
        const bool valid =
            CLI::detail::lexical_cast(text, value) && (bounds.contain(value) || (bounds.zero_is_none && value == 0));
        return valid ? "" : concat("needs ", words, ", got ", text);
      },
      "NUMBER" + words.substr(std::string("a number").size()));
}
inline CLI::Validator positive(bool zero = false) { return within(zero ? distill::not_negative : distill::positive); }

/// The names in a map or list of (name, value).
template <class Choices>
std::vector<std::string> names_of(const Choices& choices) {
  std::vector<std::string> names;
  for (const auto& choice : choices) names.push_back(choice.first);
  return names;
}

/// The options of a command, each bound to a variable. config.json stores each value under the option's name with
/// underscores; a resumed run reads it from there.
class Options {
 public:
  /// What a resumed run does with the earlier run's value.
  enum class OnResume {
    must_agree,  ///< uses it; a different value on the command line is an error
    free,        ///< uses it unless the command line has one: results do not depend on it
    not_kept,    ///< ignores it
  };

  explicit Options(CLI::App& command) : command_(command) {}

  CLI::App& command() { return command_; }

  /// Sets the --help group of options added from here on.
  void group(const std::string& name) { group_ = name; }

  /// An option with a value. The variable must outlive the parser and holds the default.
  template <class T>
  CLI::Option* add(const std::string& name, T& value, const std::string& help,
                   OnResume on_resume = OnResume::must_agree) {
    return bind(value, command_.add_option(name, value, help), on_resume);
  }

  /// An option that names a folder or file to read; `check_paths` checks it.
  template <class T>
  CLI::Option* add_folder(const std::string& name, T& value, const std::string& help,
                          OnResume on_resume = OnResume::must_agree) {
    return add_path(name, value, help, on_resume, require_folder)->type_name("DIR");
  }
  template <class T>
  CLI::Option* add_file(const std::string& name, T& value, const std::string& help,
                        OnResume on_resume = OnResume::must_agree) {
    return add_path(name, value, help, on_resume, require_file)->type_name("FILE");
  }
  /// The folder that the command writes to.
  CLI::Option* add_out(std::filesystem::path& value, const std::string& help) {
    return add("--out", value, help, OnResume::not_kept)->check(not_empty())->type_name("DIR");
  }

  /// Checks the paths before any work is done. @throws DataError naming the first option whose path cannot be read.
  void check_paths() const {
    for (const std::function<void()>& check : paths_) check();
  }

  /// Accepts any text that is not empty.
  static CLI::Validator not_empty(const char* what = "a path") {
    return CLI::Validator(
        [what](const std::string& text) { return text.empty() ? concat("needs ", what) : std::string(); }, "");
  }

  /// An option without a value.
  CLI::Option* add_flag(const std::string& name, bool& value, const std::string& help) {
    return bind(value, command_.add_flag(name, value, help)->default_str("off"), OnResume::must_agree);
  }

  /// An option whose value is on or off.
  CLI::Option* add_switch(const std::string& name, bool& value, const std::string& help) {
    const auto set = [&value](const std::string& text) { value = text == "on"; };
    CLI::Option* option = command_.add_option_function<std::string>(name, set, help);
    option->check(CLI::IsMember({"on", "off"}))->default_str(value ? "on" : "off");
    const auto read = [&value](const Json& json) {
      if (!json.is_boolean()) return false;
      value = json.get<bool>();
      return true;
    };
    return bind(
        option, OnResume::must_agree, [&value] { return Json(value); }, read, "a boolean");
  }

  /// The options that the library declares (distill/option.hpp), under its headings.
  template <class Declared>
  void add_declared(Declared& values) {
    Declared::for_each_option(values, Declarations{*this});
  }

  /// Whether the option is on the command line.
  bool given(const char* name) const { return command_.get_option(name)->count() > 0; }

  /// @throws ArgumentError naming the first of these options that is given but would be ignored: they apply only with
  /// `where`, which is chosen if `allowed`.
  void only(bool allowed, const char* where, std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      if (allowed || !given(name)) continue;
      throw ArgumentError(name, " goes with ", where);
    }
  }

  /// All values by name.
  Json json() const {
    Json values;
    for (const Entry& entry : entries_) values[key(entry.option)] = entry.write();
    return values;
  }

  /// The options given on the command line, quoted for a shell, except --out and others that a resumed run ignores.
  std::string command_line() const {
    std::string words;
    for (const Entry& entry : entries_) {
      if (entry.option->count() == 0 || entry.on_resume == OnResume::not_kept) continue;
      words += ' ' + entry.option->get_name();
      if (entry.option->get_items_expected_max() > 0) words += ' ' + shell_value(entry.write());
    }
    return words;
  }

  /// An option that must agree with an earlier run's but differs.
  struct Difference {
    std::string option;  ///< "--images-per-class"
    std::string name;    ///< "images_per_class"
    bool given;          ///< on the command line; otherwise the default differs
    Json now, before;
  };

  /// The differences from an earlier run's config.json. @throws DataError if a value is missing there.
  std::vector<Difference> differences(const Json& config, const std::filesystem::path& path) const {
    std::vector<Difference> found;
    for (const Entry& entry : entries_) {
      if (entry.on_resume != OnResume::must_agree) continue;
      const Json now = entry.write(), before = value_of(entry, config, path);
      if (now == before) continue;
      found.push_back({entry.option->get_name(), key(entry.option), entry.option->count() > 0, now, before});
    }
    return found;
  }

  /// Loads the values of an earlier run's config.json, as each option's OnResume says. @throws ArgumentError naming
  /// each option given with another value, DataError if a value is missing or invalid.
  void resume(const Json& config, const std::filesystem::path& path) {
    std::string others;
    for (const Difference& d : differences(config, path)) {
      if (!d.given) continue;
      others += concat(others.empty() ? "" : ", ", d.option, " is ", d.now.dump(), ", was ", d.before.dump());
    }
    if (!others.empty()) throw ArgumentError("--resume: these options differ from the run's: " + others);
    for (const Entry& entry : entries_) {
      const bool given = entry.option->count() > 0;
      if (entry.on_resume == OnResume::not_kept || (given && entry.on_resume == OnResume::free)) continue;
      const Json& value = value_of(entry, config, path);
      if (value == entry.write()) continue;
      const std::string name = key(entry.option);
      try {
        if (!entry.read(value)) throw io::bad_content(path, name, entry.kind, detail::excerpt(value));
      } catch (const ArgumentError& error) {  // text that is not a valid value
        throw DataError(path.string(), ": ", name, ": ", error.what());
      }
      const std::string complaint = complaint_about(value, entry.option);
      if (!complaint.empty()) throw DataError(path.string(), ": ", name, ": ", complaint);
    }
  }

 private:
  /// Adds an option for each declaration.
  struct Declarations {
    Options& options;

    void heading(const char* text) const { options.group(text); }

    template <class T>
    void operator()(T& value, const distill::Option& declared) const {
      const std::string name = option_name(declared.name);
      CLI::Option* option = nullptr;
      if constexpr (std::is_same_v<T, bool>) {
        options.add_flag(name, value, declared.help);
        return;
      } else if constexpr (detail::is_optional<T>) {
        using Number = typename T::value_type;
        if (declared.bounds.zero_is_none) {
          option = options.add_converted<Number>(
              declared, [&value] { return value.value_or(Number(0)); },
              [&value](Number number) { value = number == 0 ? std::nullopt : T(number); });
        }
      }
      if (option == nullptr) option = options.add(name, value, declared.help, on_resume(declared));
      option->check(within(declared.bounds));
      if (*declared.without != '\0') option->default_str(declared.without);
    }

    template <class T>
    void operator()(T& value, const distill::Option& declared,
                    const distill::Choices<std::type_identity_t<T>>& choices) const {
      const auto name_of_value = [&value, choices] {
        return std::ranges::find(choices, value, [](const auto& choice) { return choice.second; })->first;
      };
      const auto choose = [&value, choices](const std::string& name) {
        for (const auto& choice : choices) {
          if (choice.first == name) value = choice.second;
        }
      };
      options.add_converted<std::string>(declared, name_of_value, choose)->check(CLI::IsMember(names_of(choices)));
    }

    template <class T>
    void operator()(T& value, const distill::Option& declared, const distill::TextForm<T>& text) const {
      const auto complaint = [text](const std::string& written) {
        try {
          text.read(written);
        } catch (const ArgumentError& error) {
          return std::string(error.what());
        }
        return std::string();
      };
      options
          .add_converted<std::string>(
              declared, [&value, text] { return text.write(value); },
              [&value, text](const std::string& written) { value = text.read(written); })
          ->check(CLI::Validator(complaint, "", ""))
          ->default_str(*declared.without != '\0' ? declared.without : text.write(value));
    }
  };

  static OnResume on_resume(const distill::Option& declared) {
    return declared.affects_results ? OnResume::must_agree : OnResume::free;
  }

  /// An option whose field has another type than its value on the command line and in config.json.
  template <class T>
  CLI::Option* add_converted(const distill::Option& declared, const std::function<T()>& get,
                             const std::function<void(const T&)>& set) {
    const auto read = [set](const Json& json) {
      T value{};
      if (!take_json(json, value)) return false;
      set(value);
      return true;
    };
    CLI::Option* option = command_.add_option_function<T>(option_name(declared.name), set, declared.help);
    return bind(
        option->default_str(concat(get())), on_resume(declared), [get] { return Json(get()); }, read,
        kind_of_json<T>());
  }

  struct Entry {
    CLI::Option* option;
    OnResume on_resume;
    std::function<Json()> write;
    std::function<bool(const Json&)> read;  // false if the type is wrong
    std::string kind;                       // the type in words
  };

  static const Json& value_of(const Entry& entry, const Json& config, const std::filesystem::path& path) {
    const std::string name = key(entry.option);
    if (!config.contains(name)) throw io::bad_content(path, name, entry.kind, "no such key");
    return config[name];
  }

  /// What the option's checks say about a value; empty if it is valid. CLI11 itself checks only the command line.
  static std::string complaint_about(const Json& value, CLI::Option* option) {
    std::string complaint;
    if (value.is_array()) {
      for (const Json& element : value) complaint += complaint_about(element, option);
      return complaint;
    }
    if (value.is_null()) return complaint;  // an optional value that was not given
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    try {
      for (int i = 0; complaint.empty(); ++i) complaint = (*option->get_validator(i))(text);
    } catch (const CLI::OptionNotFound&) {  // past the last check
    }
    return complaint;
  }

  template <class T>
  CLI::Option* add_path(const std::string& name, T& value, const std::string& help, OnResume on_resume,
                        void (*require)(const std::string&, const std::filesystem::path&)) {
    paths_.push_back([name, &value, require] {
      const std::optional<std::filesystem::path> path = value;
      if (path) require(name, *path);
    });
    return add(name, value, help, on_resume)->check(not_empty());
  }

  static std::string shell_value(const Json& value) {
    if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
    if (value.is_string()) return shell_word(value.get<std::string>());
    if (!value.is_array()) return value.dump();
    std::string list;
    for (const Json& element : value) list += (list.empty() ? "" : ",") + shell_value(element);
    return list;
  }

  CLI::Option* bind(CLI::Option* option, OnResume on_resume, std::function<Json()> write,
                    std::function<bool(const Json&)> read, std::string kind) {
    option->group(group_);
    entries_.push_back({option, on_resume, std::move(write), std::move(read), std::move(kind)});
    return option;
  }
  template <class T>
  CLI::Option* bind(T& value, CLI::Option* option, OnResume on_resume) {
    return bind(
        option, on_resume, [&value] { return to_json(value); },
        [&value](const Json& json) { return take_json(json, value); }, kind_of_json<T>());
  }

  template <class T>
  static Json to_json(const T& value) {
    return value;
  }
  /// Absolute, so that a run can be resumed from another folder.
  static Json to_json(const std::filesystem::path& value) {
    return value.empty() ? Json("") : Json(std::filesystem::absolute(value).lexically_normal().string());
  }
  template <class T>
  static Json to_json(const std::optional<T>& value) {
    return value ? to_json(*value) : Json();
  }
  /// "images_per_class" as "--images-per-class".
  static std::string option_name(std::string key) {
    std::ranges::replace(key, '_', '-');
    return "--" + key;
  }
  /// "--images-per-class" as "images_per_class".
  static std::string key(const CLI::Option* option) {
    std::string name = option->get_name().substr(2);
    std::ranges::replace(name, '-', '_');
    return name;
  }

  CLI::App& command_;
  std::string group_ = "Options";
  std::vector<Entry> entries_;
  std::vector<std::function<void()>> paths_;
};

}  // namespace hypertape::cli
