#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// Paths that options name and that cannot be used: one line with the option, the path and the reason, at once.

namespace hypertape::testing {
namespace {

TEST_CASE("tool: paths that cannot be used are named with their option and the reason") {
  const TemporaryFolder folder;
  const auto file = folder / "file", inside = folder / "folder", none = folder / "none", link = folder / "link";
  const auto pipe = folder / "pipe";
  put_file(file, "words");
  std::filesystem::create_directory(inside);
  std::filesystem::create_symlink("nowhere", link);
  REQUIRE(shell("mkfifo " + pipe.string()).exit_code == 0);
  const auto before = folder.names();
  const auto fails = [&](const std::string& arguments, const std::string& option, const std::filesystem::path& path,
                         const std::string& reason) {
    const Result result = tool(arguments + ' ' + option + ' ' + path.string());
    CAPTURE(arguments);
    CAPTURE(result.output);
    CHECK(result.exit_code == 1);
    CHECK(result.output.starts_with("hypertape: " + option + ' ' + path.string() + ": " + reason));
    CHECK(result.output.find('\n') == result.output.size() - 1);  // one line
  };
  const std::string out = " --out " + none.string();
  for (const char* command : {"distill", "pretrain", "baseline --method k-means"}) {
    const std::string on_mnist = command + std::string(" --dataset mnist");
    fails(on_mnist + out, "--data", none, "no such folder");
    fails(on_mnist + out, "--data", file, "is not a folder");
    fails(on_mnist, "--out", file, "is not a folder");
    fails(on_mnist, "--out", file / "x", "cannot be created: " + file.string() + " is not a folder");
    fails(on_mnist, "--out", link, "is a link to a folder that does not exist");
    fails(on_mnist, "--out", folder / std::string(300, 'x'), "File name too long");
  }
  fails("linear", "--out", file, "is not a folder");
  fails("distill", "--resume", none, "no such folder");
  fails("distill", "--resume", file, "is not a folder");
  fails("distill --init fixed-pretrained" + out, "--pool", none, "no such folder");
  fails("distill --init fixed-pretrained" + out, "--weights", none, "no such file");
  fails("distill --init fixed-pretrained" + out, "--weights", inside, "is a folder, not a file");
  fails("evaluate" + out, "--distilled", none, "no such file");
  fails("evaluate" + out, "--distilled", inside, "is a folder, not a file");
  fails("evaluate" + out, "--distilled", pipe, "is not a regular file");
  fails("baseline --classifier k-nn" + out, "--distilled", none, "no such file");
  fails("baseline --method k-means" + out, "--rates", inside, "is a folder, not a file");
  for (const char* option : {"--data", "--out", "--resume", "--pool"}) {
    check_exit("distill " + std::string(option) + " ''", 2, {option + std::string(": needs a path")});
  }
  CHECK(folder.names() == before);
}

TEST_CASE("tool: folders that may not be read or written") {
  using std::filesystem::perms;
  const TemporaryFolder folder;
  const auto closed = folder / "closed", readable = folder / "readable", open = folder / "open";
  for (const auto& one : {closed, readable, open}) std::filesystem::create_directory(one);
  std::filesystem::permissions(folder.path(), perms::owner_all | perms::others_read | perms::others_exec);
  std::filesystem::permissions(closed, perms::none);
  std::filesystem::permissions(open, perms::all);
  std::filesystem::permissions(readable,
                               perms::owner_read | perms::owner_exec | perms::others_read | perms::others_exec);
  // Root may do everything, but may become somebody else.
  const bool root = shell("[ $(id -u) -eq 0 ]").exit_code == 0;
  const std::string somebody = root ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : "";
  if (shell(somebody + HYPERTAPE_TOOL + " --version").exit_code != 0) {
    MESSAGE("left out: somebody other than root cannot run the tool");
    return;
  }
  const auto fails = [&](const std::string& arguments, const std::string& option, const std::filesystem::path& path,
                         const std::string& reason) {
    const Result result = shell(somebody + HYPERTAPE_TOOL + ' ' + arguments + ' ' + option + ' ' + path.string());
    CAPTURE(result.output);
    CHECK(result.exit_code == 1);
    CHECK(result.output == "hypertape: " + option + ' ' + path.string() + ": " + reason + "Permission denied\n");
  };
  fails("linear", "--out", readable, "cannot be written to: ");
  fails("linear", "--out", readable / "x", "cannot be created: ");
  fails("linear", "--out", closed / "x", "");
  fails("distill --out " + (open / "x").string(), "--data", closed, "cannot be read: ");
  fails("distill", "--resume", closed, "cannot be read: ");
  std::filesystem::permissions(closed, perms::owner_all);
}

}  // namespace
}  // namespace hypertape::testing
