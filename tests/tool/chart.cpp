#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "hypertape/core/error.hpp"
#include "hypertape/io/file.hpp"
#include "support/read_png.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("tool: chart draws columns, leaving out rows without a value") {
  const TemporaryFolder folder;
  const auto csv = folder.path() / "log.csv", out = folder.path() / "log.svg";
  io::write_atomically(csv, std::string_view("iteration,loss,score\r\n0,,10\n100,0.5,60\n200,0.25,80\n"));
  check_exit(hypertape::detail::concat("chart ", csv.string(), " --y score --title Title --out ", out.string()), 0,
             {"chart: "});
  const std::string one = file_bytes(out);
  for (const char* words : {"<svg", "Title", "iteration", "score"}) CHECK(one.find(words) != std::string::npos);
  check_exit(hypertape::detail::concat("chart ", csv.string(), " --y loss,score --x-label Steps --out ", out.string()),
             0, {});
  const std::string two = file_bytes(out);
  for (const char* words : {"Steps", "loss", "score"}) CHECK(two.find(words) != std::string::npos);
  check_exit(hypertape::detail::concat("chart ", csv.string(), " --x score --y loss --out ", out.string()), 0, {});
  check_exit(hypertape::detail::concat("chart --y loss --y score ", csv.string(), " --out ", out.string()), 0, {});
  check_exit(hypertape::detail::concat("chart ", csv.string(), " --y score --out ", (folder / "a.png").string()), 0,
             {});
  const Pixels picture = read_png(folder / "a.png", 3);
  CHECK(picture.width > 1200);
  CHECK(std::ranges::count(picture.bytes, 255) > 3 * picture.width * picture.height / 2);
  // Other columns may hold anything; the last line may be blank.
  io::write_atomically(csv, std::string_view("\xEF\xBB\xBF"
                                             "a,name,b\n1,one,2\n2,two,3\n\n"));
  check_exit(hypertape::detail::concat("chart ", csv.string(), " --y b --out ", out.string()), 0, {});
  check_exit(hypertape::detail::concat("chart ", csv.string(), " --y b --out ", csv.string()), 2,
             {"is the input file"});
}

TEST_CASE("tool: chart draws deviations, lines to compare with, and logarithms") {
  const TemporaryFolder folder;
  const auto csv = folder.path() / "table.csv", out = folder.path() / "table.svg";
  io::write_atomically(csv, std::string_view("x,y,s,z\n1,10,1,3\n2,100,,4\n3,1000,50,5\n"));
  const std::string chart = hypertape::detail::concat("chart ", csv.string(), " --out ", out.string(), " --y ");
  const auto drawn = [&](const std::string& options) {
    check_exit(chart + options, 0, {"chart: "});
    return file_bytes(out);
  };
  const std::string plain = drawn("y"), band = drawn("y --deviation s"), bars = drawn("y --deviation s --error-bars");
  const std::string logarithmic = drawn("y --log-y");
  for (const std::string& one : {band, bars, logarithmic}) CHECK(one != plain);
  CHECK(band != bars);
  CHECK(drawn("y --deviation s") == band);  // the same bytes again
  const std::string compared = drawn("y,z --reference 'the paper=93.8' --reference a=b=7");
  for (const char* words : {"the paper: 93.8", "a=b: 7"}) CHECK(compared.find(words) != std::string::npos);
  check_exit(chart + "y,z --deviation s", 2, {"--deviation: needs one column for each of the 2 of --y, got 1"});
  check_exit(chart + "y --error-bars", 2, {"--error-bars goes with --deviation"});
  for (const char* bad : {"paper", "paper=", "paper=9x", "paper=nan"}) {
    check_exit(chart + "y --reference " + bad, 2, {bad});
  }
}

TEST_CASE("tool: chart names what is wrong with its table") {
  const TemporaryFolder folder;
  const auto csv = folder.path() / "table.csv", out = folder.path() / "table.svg";
  const auto refuses = [&](std::string_view table, const char* options, int exit_code, const char* words) {
    io::write_atomically(csv, table);
    check_exit(hypertape::detail::concat("chart ", csv.string(), ' ', options, " --out ", out.string()), exit_code,
               {words});
  };
  refuses("a,b\n1,2\n", "--y c", 2, "has no column c; it has a, b");
  refuses("a,b\n1,2\n", "--x d --y b", 2, "has no column d");
  refuses("a,b\n1,2\n1\n", "--y b", 1, "line 3: has 1 cells, the first line has 2");
  refuses("a,b\n1,2x\n", "--y b", 1, "line 2: \"2x\" is not a number");
  refuses("a,b\n1,inf\n", "--y b", 1, "\"inf\" is not a number");
  refuses("a,b\n1,\n", "--y b", 1, "no row has both a and b");
  refuses("", "--y b", 1, "is empty");
  check_exit(hypertape::detail::concat("chart ", (folder.path() / "none.csv").string(), " --y b --out ", out.string()),
             1, {"none.csv: no such file"});
  check_exit(hypertape::detail::concat("chart ", folder.path().string(), " --y b --out ", out.string()), 1,
             {"is a folder, not a file"});
  check_exit(hypertape::detail::concat("chart ", csv.string(), " --y b --out ", (folder / "none/x.svg").string()), 1,
             {"--out", "none/x.svg: there is no folder"});
  check_exit(hypertape::detail::concat("chart ", csv.string(), " --y b --out ", folder.path().string()), 1,
             {"--out", "is a folder"});
  io::write_atomically(csv, std::string_view("a,b\n1,2\n"));
  for (const char* name : {"x.pdf", "x", "x.PNG"}) {
    check_exit(hypertape::detail::concat("chart ", csv.string(), " --y b --out ", (folder / name).string()), 2,
               {name, "needs a name that ends in .svg or .png"});
    CHECK(!std::filesystem::exists(folder / name));
  }
  CHECK(!std::filesystem::exists(out));
}

}  // namespace
}  // namespace hypertape::testing
