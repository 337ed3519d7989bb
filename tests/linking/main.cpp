// Prints the checksums of the parts that it is linked with: the first, or the first and the second.
#include <cstdint>
#include <cstdio>
#include <hypertape/core/error.hpp>

std::uint64_t first();
std::uint64_t second();
void first_throws();
void second_throws();

int main() {
#if !defined(SECOND_ALONE)
  std::printf("first %016llx\n", static_cast<unsigned long long>(first()));
#endif
#if !defined(FIRST_ALONE)
  std::printf("second %016llx\n", static_cast<unsigned long long>(second()));
  try {
    second_throws();
  } catch (const hypertape::ShapeError&) {
    return 0;
  }
  return 1;
#endif
}
