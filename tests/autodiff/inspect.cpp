#include "hypertape/autodiff/inspect.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/ops/reduce.hpp"

using namespace hypertape;

TEST_CASE("dump: a line for each node, and a graph") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({2}, {1, 3}));
  sum(square(x));
  std::ostringstream table, graph;
  dump(tape, table);
  CHECK(table.str() ==
        "node   operation                    shape                    inputs           least .. largest\n"
        "0      leaf                         (2)                                       1 .. 3\n"
        "1      square                       (2)                      0                1 .. 9\n"
        "2      sum                          ()                       1                10 .. 10\n");
  dump_graphviz(tape, graph);
  CHECK(graph.str() ==
        "digraph tape {\n  node [shape=box];\n  n0 [label=\"0: leaf\\n(2)\"];\n  n1 [label=\"1: square\\n(2)\"];\n"
        "  n0 -> n1;\n  n2 [label=\"2: sum\\n()\"];\n  n1 -> n2;\n}\n");
}

TEST_CASE("first_non_finite: names the operation, in values and in derivatives") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({3}, {1, 0, 4})), y = sqrt(x);
  CHECK(!first_non_finite(tape));
  const Var<double> slope = gradient(sum(y), x);
  CHECK(!first_non_finite(tape));
  const auto infinite = first_non_finite(tape, true);
  REQUIRE(infinite);
  CHECK(infinite->operation == "divide");
  CHECK(infinite->element == 1);
  CHECK(infinite->node < slope.id() + 1);
  sum(slope * x);
  const auto nan = first_non_finite(tape);
  REQUIRE(nan);
  CHECK(nan->operation == "multiply");
  CHECK(nan->shape == Shape{3});
  CHECK(nan->str().find("multiply (3) of nodes") != std::string::npos);
  CHECK(nan->str().find("element 1 is") != std::string::npos);
}
