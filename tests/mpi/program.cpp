#include <cstdio>
#include <hypertape/hypertape.hpp>
#include <hypertape/mpi.hpp>

using namespace hypertape;

int main() {
  const MpiSession session;     // MPI_Init, and MPI_Finalize in the end
  const MpiCommunicator ranks;  // all that mpirun started

  // The step sizes that bring random weights closest to 100 lines: each line is a task, an inner loop of its own.
  const auto loss = [](Var<double> theta, Var<double> x, Var<double> y) { return mean_squared_error(x * theta, y); };
  const auto distance = [](Index line, int) {
    return [line](Var<double> theta) { return square(theta - static_cast<double>(line) / 100); };
  };
  UnrollEnsemble<double> ensemble(loss, {}, WorkerTeam(1), ranks);
  Tensor<double> rates(Shape{1, 3}, 0.1);
  for (int iteration = 0; iteration < 50; ++iteration) {
    std::vector<InnerLoop<double>> tasks;
    for (int line = 0; line < 100; ++line) {
      Random random(1, {static_cast<std::uint64_t>(line)});
      const Tensor<double> x({1}, {random.uniform(0.5, 1)}), y({1}, {x[0] * line / 100});
      tasks.push_back({Tensor<double>({1}, {random.normal()}), {x, x, x}, {y, y, y}, rates});
    }
    const Hypergradient<double>& h = ensemble(tasks, distance);  // each rank unrolls its share, and has the mean
    for (Index step = 0; step < 3; ++step) rates[step] -= 0.1 * h.learning_rates[step];
    if (ranks.rank() == 0 && iteration % 10 == 9) std::printf("distance %.6f\n", h.outer_loss);
  }
}
