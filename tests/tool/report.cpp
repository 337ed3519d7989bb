#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "support/picture_files.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// The page report.html. What a browser makes of it is tested by report_page.py.

namespace hypertape::testing {
namespace {

using Json = nlohmann::json;

/// What a page shows: the text of its element #data.
std::string data_text(const std::filesystem::path& page) {
  const std::string html = file_bytes(page), open = R"(<script type="application/json" id="data">)";
  const std::size_t begin = html.find(open);
  REQUIRE(begin != std::string::npos);
  return html.substr(begin + open.size(), html.find("</script>", begin) - begin - open.size());
}

Json runs_of(const std::filesystem::path& page) { return Json::parse(data_text(page)).at("runs"); }

Json json_file(const std::filesystem::path& path) { return Json::parse(file_bytes(path)); }

TEST_CASE("report: every command that makes a folder writes a page with what its files say") {
  const TemporaryFolder folder;
  const std::string set = " --distilled " + (folder / "distill" / "distilled.npz").string();
  const auto run = [&](const std::string& name, const std::string& command) {
    const std::filesystem::path out = folder / name;
    const Result result = tool(command + " --out " + out.string());
    CAPTURE(result.output);
    REQUIRE(result.exit_code == 0);
    CHECK(result.says((out / "report.html").string()));
    const Json runs = runs_of(out / "report.html");
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].at("config") == json_file(out / "config.json"));
    CHECK(runs[0].at("summary") == json_file(out / "summary.json"));
    for (const auto& [table, text] : runs[0].at("tables").items()) {
      CHECK(text == file_bytes(out / (table + ".csv")));
    }
    return runs[0];
  };
  const Json distilled = run("distill",
                             "distill --dataset mnist --net linear --iterations 4 --batch 64 --hold-out 64 "
                             "--evaluate-every 2 --steps 2 --soft-labels --certify 2");
  CHECK(distilled["tables"].contains("log"));
  CHECK(distilled["tables"].contains("networks"));
  CHECK(distilled["tables"].contains("confusion"));
  const Json& images = distilled.at("images");
  CHECK(images.at("count") == 20);
  CHECK(images.at("items").size() == 20);
  CHECK(images.at("learning_rates").size() == 3);
  for (const Json& item : images.at("items")) {
    CHECK(item.at("src").get<std::string>().starts_with("data:image/png;base64,iVBORw0KGgo"));
    CHECK(item.at("weights").size() == 10);
    CHECK(item.at("weights").at(item.at("label").get<std::size_t>()) == *std::ranges::max_element(item.at("weights")));
  }
  CHECK(distilled.contains("strip"));
  CHECK(run("evaluate", "evaluate --dataset mnist --net linear" + set).at("tables").contains("real"));
  CHECK(run("pretrain", "pretrain --dataset mnist --net linear --epochs 1 --networks 2").at("tables").contains("log"));
  CHECK(
      run("baseline", "baseline --dataset mnist --net linear --method random-real --learning-rates 0.1 --epochs-grid 1")
          .at("tables")
          .contains("grid"));
  CHECK(run("linear", "linear --dimension 2 --iterations 2").at("tables").contains("linear"));
}

TEST_CASE("report: a page needs nothing else, and class names cannot break it") {
  const TemporaryFolder folder;
  const auto data = folder / "pictures", out = folder / "run";
  put_glyph_folder(data, {"<script>alert(1)<", "\"quo'ted & more\""}, 20, 5);
  const Result result = tool("distill --net linear --iterations 2 --batch 8 --hold-out 8 --dataset folder --data '" +
                             data.string() + "' --out " + out.string());
  CAPTURE(result.output);
  REQUIRE(result.exit_code == 0);
  const std::string html = file_bytes(out / "report.html"), text = data_text(out / "report.html");
  CHECK(text.find('<') == std::string::npos);
  CHECK(runs_of(out / "report.html")[0]["config"]["class_names"] == Json({"\"quo'ted & more\"", "<script>alert(1)<"}));
  CHECK(!std::regex_search(html, std::regex(R"re((src|href)="(?!data:|#))re")));
  CHECK(html.find("@import") == std::string::npos);
  CHECK(html.find("{{") == std::string::npos);
}

TEST_CASE("report: the command to repeat a run gives the same bits") {
  const TemporaryFolder folder;
  const auto first = folder / "first", second = folder / "second";
  REQUIRE(tool(quick(first) + " --inner-optimizer sgd:momentum=0.5 --balance on --soft-labels").exit_code == 0);
  const std::string command = runs_of(first / "report.html")[0]["config"]["command_line"];
  CHECK(command.find(first.string()) == std::string::npos);
  REQUIRE(command.starts_with("hypertape "));
  REQUIRE(tool(command.substr(command.find(' ')) + " --out " + second.string()).exit_code == 0);
  CHECK(file_bytes(first / "last.npz") == file_bytes(second / "last.npz"));
}

TEST_CASE("report: of a run that is not finished it shows what there is") {
  const TemporaryFolder folder;
  const auto out = folder / "run";
  REQUIRE(tool(quick(out) + " --time-limit 0.000001").exit_code == 124);
  const Json run = runs_of(out / "report.html")[0];
  CHECK(run["summary"]["interrupted"] == true);
  CHECK(run.contains("images"));
  std::filesystem::remove(out / "summary.json");  // as one that was killed leaves it
  std::filesystem::remove(out / "distilled.npz");
  check_exit("report " + out.string(), 0, {(out / "report.html").string()});
  CHECK(runs_of(out / "report.html")[0]["summary"].is_null());
  CHECK(!runs_of(out / "report.html")[0].contains("images"));
}

TEST_CASE("report: runs are compared on a page of their own, and what cannot be shown is refused") {
  const TemporaryFolder folder;
  const auto one = folder / "one", two = folder / "two", page = folder / "both.html";
  REQUIRE(tool(quick(one)).exit_code == 0);
  REQUIRE(tool(quick(two) + " --seed 2").exit_code == 0);
  const std::string both = "report " + one.string() + ' ' + two.string();
  check_exit(both, 2, {"a comparison of several runs needs --out FILE"});
  check_exit(both + " --out " + page.string(), 0, {"report: " + page.string()});
  const Json runs = runs_of(page);
  REQUIRE(runs.size() == 2);
  CHECK(runs[0]["folder"] == one.string());
  CHECK(runs[1]["config"]["seed"] == 2);

  check_exit("report", 2, {"runs is required"});
  check_exit("report " + (folder / "nowhere").string(), 1, {"no such folder"});
  check_exit("report " + folder.path().string(), 1, {"there is no config.json of a run here"});
  check_exit(both + " --out " + (folder / "nowhere" / "x.html").string(), 1, {"there is no folder"});
  const auto pipe = folder / "pipe";
  REQUIRE(shell("mkfifo " + pipe.string()).exit_code == 0);
  check_exit(both + " --out " + pipe.string(), 1, {"is not a regular file"});
  CHECK(std::filesystem::is_fifo(pipe));
  const std::string before = file_bytes(one / "report.html");
  put_file(one / "distilled.npz", "no zip archive");
  check_exit("report " + one.string(), 1, {"distilled.npz"});
  CHECK(file_bytes(one / "report.html") == before);
}

}  // namespace
}  // namespace hypertape::testing
