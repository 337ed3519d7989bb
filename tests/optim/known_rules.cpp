#include "hypertape/optim/known_rules.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/optim/custom_rule.hpp"
#include "support/check_error.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("known rules: a rule's words are read to the same rule, with the same bits") {
  for (optim::NamedRule<float>& one : optim::known_rules<float>()) {
    for (float& value : one.rule.coefficients.values()) value = 0.1f / 3;
    one.rule.validate();
    const std::string text = optim::text_of(one.rule);
    CAPTURE(text);
    CHECK(text.starts_with(one.name));
    const optim::Rule<float> read = optim::rule_from_text<float>(text);
    CHECK(read->name() == one.rule->name());
    REQUIRE(read.values().size() == one.rule.values().size());
    for (std::size_t i = 0; i < read.values().size(); ++i) CHECK(read.values()[i] == one.rule.values()[i]);
  }
}

TEST_CASE("known rules: of several with a name, the first that has the coefficients that are given") {
  const auto name = [](const char* text) { return optim::rule_from_text<double>(text)->name(); };
  CHECK(name("sgd") == "gradient descent");
  CHECK(name("sgd:momentum=0.5") == "heavy ball");
  CHECK(name("sgd:weight_decay=5e-4") == "gradient descent with weight decay");
  CHECK(name("sgd:weight_decay=5e-4,momentum=0.9") == "heavy ball with weight decay");
  CHECK(name("adam") == "Adam");
  const optim::Rule<double> rule = optim::rule_from_text<double>("sgd:weight_decay=5e-4,momentum=0.9");
  CHECK(rule["momentum"] == 0.9);
  CHECK(rule["weight_decay"] == 5e-4);
  CHECK(optim::text_of(rule) == "sgd:momentum=0.9,weight_decay=5e-04");
  CHECK(optim::text_of(optim::Rule<double>()) == "sgd");
  CHECK(optim::rule_from_text<double>("adam:beta1=0.5")["beta2"] == 0.999);
}

TEST_CASE("known rules: other words are refused with what there is") {
  const auto refused = [](const char* text, std::initializer_list<std::string_view> words) {
    check_error<ArgumentError>([&] { optim::rule_from_text<float>(text); }, words);
  };
  refused("lbfgs", {"'lbfgs'", "sgd, nesterov, adam, adamw, rmsprop, centered-rmsprop"});
  refused("", {"no rule ''"});
  refused("sgd:beta1=0.5", {"sgd takes no such coefficients, only momentum, weight_decay"});
  refused("sgd:momentum", {"'momentum' is not COEFFICIENT=VALUE"});
  refused("sgd:momentum=", {"'momentum='"});
  refused("sgd:momentum=0.5x", {"'momentum=0.5x'"});
  refused("sgd:momentum=0.5,", {"'' is no"});
  refused("sgd:momentum=0.5,momentum=0.6", {"momentum is given twice"});
  refused("sgd:momentum=1.5", {"heavy ball needs momentum in [0, 1), got 1.5"});
  refused("sgd:momentum=nan", {"momentum"});
  refused("sgd: momentum=0.5", {"no such coefficients"});
}

TEST_CASE("known rules: a rule of one's own is known where it is given") {
  using V = Var<float>;
  const optim::Rule<float> own = optim::CustomRule{0, [](V theta, auto, V gradient, V rate, V) {
                                                     return optim::Stepped<float>{theta - rate * gradient, {}};
                                                   }};
  std::vector<optim::NamedRule<float>> rules = optim::known_rules<float>();
  const std::string text = optim::text_of(own);
  CHECK(text == own->name());
  rules.push_back({own->name(), own});
  CHECK(optim::rule_from_text<float>(text, rules)->name() == own->name());
}

}  // namespace
}  // namespace hypertape::testing
