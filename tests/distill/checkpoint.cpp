#include "hypertape/distill/checkpoint.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "support/check_error.hpp"
#include "support/temporary_folder.hpp"

namespace hypertape::testing {
namespace {

io::Npz numbered(double number) {
  io::Npz npz;
  npz["number"] = {{1}, std::vector<double>{number}};
  return npz;
}

double number_of(const distill::Checkpoints::Found& found) {
  return io::require_values<double>(found.arrays, found.path, "number", {1})[0];
}

TEST_CASE("checkpoints: the newest is read, and if it is damaged the one before") {
  const TemporaryFolder folder;
  distill::Checkpoints checkpoints(folder.path());
  CHECK(!checkpoints.exist());
  CHECK(!checkpoints.read());
  for (const double number : {1.0, 2.0, 3.0}) checkpoints.write(numbered(number));
  CHECK(checkpoints.exist());
  CHECK(number_of(*checkpoints.read()) == 3);
  CHECK(checkpoints.read()->warning.empty());

  std::ofstream(folder.path() / "checkpoint.npz") << "half a file";
  const auto found = checkpoints.read();
  REQUIRE(found);
  CHECK(number_of(*found) == 2);
  CHECK(found->warning.find("checkpoint.npz") != std::string::npos);

  std::filesystem::remove(folder.path() / "checkpoint.npz");  // killed between the renaming and the writing
  CHECK(number_of(*checkpoints.read()) == 2);

  std::ofstream(folder.path() / "checkpoint.previous.npz") << "nor this";
  check_error<DataError>([&] { checkpoints.read(); }, {"checkpoint.previous.npz"});
  checkpoints.remove();
  CHECK(!checkpoints.read());
  CHECK(!checkpoints.exist());
}

TEST_CASE("checkpoints: a damaged one does not take the place of the one before it") {
  const TemporaryFolder folder;
  distill::Checkpoints first(folder.path());
  first.write(numbered(1));
  first.write(numbered(2));
  std::ofstream(folder.path() / "checkpoint.npz") << "half a file";

  distill::Checkpoints second(folder.path());  // of the run that is resumed
  CHECK(number_of(*second.read()) == 1);
  second.write(numbered(3));
  CHECK(number_of(*second.read()) == 3);
  std::ofstream(folder.path() / "checkpoint.npz") << "damaged again";
  CHECK(number_of(*second.read()) == 1);
}

TEST_CASE("checkpoints: a flipped bit is found") {
  const TemporaryFolder folder;
  distill::Checkpoints checkpoints(folder.path());
  checkpoints.write(numbered(1));
  checkpoints.write(numbered(2));
  std::fstream file(folder.path() / "checkpoint.npz", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(170);  // in the values, which follow the zip's and the array's headers
  const int byte = file.get();
  file.seekp(170);
  file.put(static_cast<char>(byte ^ 1));
  file.close();
  CHECK(number_of(*checkpoints.read()) == 1);
}

}  // namespace
}  // namespace hypertape::testing
