#include "hypertape/data/dataset_files.hpp"

#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <vector>

#include "support/check_error.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;

namespace {

constexpr std::array<const char*, 3> three_files = {"a", "b", "c"};
constexpr DatasetFiles plain{three_files}, gzipped{three_files, true}, nested{three_files, false, "sub"};

}  // namespace

TEST_CASE("find_file: plain before gzipped, the folder before its subfolder") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "sub");
  CHECK(!find_file(folder.path(), gzipped, "a"));
  put_file(folder / "a.gz", "");
  put_file(folder.path() / "sub" / "b", "");
  CHECK(find_file(folder.path(), gzipped, "a") == folder / "a.gz");
  CHECK(!find_file(folder.path(), plain, "a"));
  CHECK(find_file(folder.path(), nested, "b") == folder.path() / "sub" / "b");
  CHECK(!find_file(folder.path(), plain, "b"));
  put_file(folder / "a", "");
  put_file(folder / "b", "");
  CHECK(find_file(folder.path(), gzipped, "a") == folder / "a");
  CHECK(find_file(folder.path(), nested, "b") == folder / "b");
}

TEST_CASE("holds_any_file: one is enough") {
  const TemporaryFolder folder;
  CHECK(!holds_any_file(folder.path(), gzipped));
  put_file(folder / "c.gz", "");
  CHECK(holds_any_file(folder.path(), gzipped));
  CHECK(!holds_any_file(folder.path(), plain));
}

TEST_CASE("locate_files: a folder that cannot be looked into is not one where files are missing") {
  const TemporaryFolder folder;
  const auto loop = folder / "loop";
  std::filesystem::create_symlink("loop", loop);
  check_error<DataError>([&] { locate_files(loop, plain); }, {(loop / "a").string(), "cannot look for it: "});
  std::filesystem::create_directory(folder / "closed");
  const Closed closed(folder / "closed");
  if (closed) {
    check_error<DataError>([&] { locate_files(folder / "closed", plain); }, {"closed/a", "Permission denied"});
  } else {
    MESSAGE("skipped: a closed folder (the superuser cannot become somebody else here)");
  }
}

TEST_CASE("locate_files: all of them in order, or an error that names the missing") {
  const TemporaryFolder folder;
  put_file(folder / "b", "");
  check_error<DataError>(
      [&] { locate_files(folder.path(), plain); },
      {folder.path().string() + ": missing a, c; put a, b and c into this folder, or name the folder"});
  check_error<DataError>(
      [&] { locate_files(folder.path(), gzipped); },
      {"missing a[.gz], c[.gz]; put a, b and c into this folder, each plain or with the ending .gz,"});
  check_error<DataError>([&] { locate_files(folder.path(), nested); },
                         {"missing a, c; put a, b and c into this folder or its subfolder sub, or name"});
  put_file(folder / "a.gz", "");
  put_file(folder / "c", "");
  CHECK(locate_files(folder.path(), gzipped) ==
        std::vector<std::filesystem::path>{folder / "a.gz", folder / "b", folder / "c"});
}
