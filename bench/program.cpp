#include "program.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <limits>
#include <new>
#include <string>

#include "hypertape/core/error.hpp"

namespace hypertape::bench {
namespace {

/// The bytes that this process may still allocate: the memory that Linux reports as available, or the container's limit
/// if lower. Infinity if neither is known.
double available_memory() {
  double bytes = std::numeric_limits<double>::infinity();
  std::ifstream system("/proc/meminfo");
  for (std::string key; system >> key;) {
    double kilobytes = 0;
    if (key == "MemAvailable:" && system >> kilobytes) bytes = 1024 * kilobytes;
  }
  double limit = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit) bytes = std::min(bytes, limit);
  return bytes;
}

/// Makes an allocation beyond the available memory fail, so that it can be reported. Otherwise the system would grant
/// it, and kill the process when it is used.
void limit_memory() {
  const double bytes = available_memory();
  rlimit limit{};
  if (!(bytes < 1e18) || getrlimit(RLIMIT_DATA, &limit) != 0) return;
  limit.rlim_cur = std::min(limit.rlim_cur, static_cast<rlim_t>(bytes));
  setrlimit(RLIMIT_DATA, &limit);
}

}  // namespace

int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& body) {
  const auto fail = [&](int code, const std::string& why) {
    std::cerr << app.get_name() << ": " << why << '\n';
    return code;
  };
  try {
    app.parse(argc, argv);
    limit_memory();
    body();
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return fail(2, std::string(error.what()) + "; see --help");
  } catch (const std::bad_alloc&) {
    return fail(1, "there is not enough memory for these sizes");
  } catch (const std::exception& error) {
    return fail(1, error.what());
  }
}

void require_memory(double bytes) {
  const double available = available_memory();
  if (bytes <= available) return;
  throw Error("there is not enough memory for these sizes: they need ", bytes * 1e-9, " GB, there are ",
              available * 1e-9);
}

}  // namespace hypertape::bench
