#include "runtime/feed.h"

#include <doctest/doctest.h>

#include <vector>

#include "support.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;
using test::value;

// Gives its first input back and, as a second output, one number a run.
class Echo : public Engine {
 public:
  explicit Echo(std::vector<ValueInfo> inputs) : signature_{std::move(inputs), {}} {}
  const Signature& signature() const override { return signature_; }
  NamedArrays run(const NamedArrays& inputs) override {
    check_exact(signature_.inputs, inputs);
    rows.push_back(inputs[0].array.shape.empty() ? 0 : inputs[0].array.shape[0]);
    Array first = inputs[0].array;
    if (ragged) first = test::floats({rows.size()}, test::counting(rows.size()));
    return {{"echo", std::move(first)}, {"run", test::floats({}, {static_cast<double>(rows.size())})}};
  }

  std::vector<std::uint64_t> rows;
  bool ragged = false;

 private:
  Signature signature_;
};

TEST_CASE("a free batch is run at once") {
  Echo engine({value("x", {kFree, 2})});
  const NamedArrays outputs = run_samples(engine, {{"x", test::floats({3, 2}, test::counting(6))}});
  CHECK(engine.rows == std::vector<std::uint64_t>{3});
  CHECK(outputs[0].array.shape == tensor::Shape{3, 2});
}

TEST_CASE("a fixed batch is run group by group") {
  for (const std::int64_t batch : {1, 2, 6}) {
    Echo engine({value("x", {batch, 2})});
    const Array samples = test::floats({6, 2}, test::counting(12));
    const NamedArrays outputs = run_samples(engine, {{"x", samples}});
    CHECK(engine.rows ==
          std::vector<std::uint64_t>(static_cast<std::size_t>(6 / batch), static_cast<std::uint64_t>(batch)));
    CHECK(outputs[0].array.shape == tensor::Shape{6, 2});
    CHECK(outputs[0].array.data == samples.data);
  }
  Echo engine({value("x", {4, 2})});
  CHECK(test::error_kind(
            [&] {
              run_samples(engine, {{"x", test::floats({6, 2}, test::counting(12))}});
            },
            "batch of 4") == ErrorKind::bad_data);
}

TEST_CASE("whole inputs are run one by one and their outputs stacked") {
  Echo engine({value("state", {2, kFree}), value("sr", {}, ElementType::i64), value("x", {kFree, 3})});
  const NamedArrays outputs = run_samples(engine, {{"state", test::floats({4, 2, 1}, test::counting(8))},
                                                   {"sr", test::integers({}, {8000})},
                                                   {"x", test::floats({4, 3}, test::counting(12))}});
  CHECK(engine.rows.size() == 4);
  CHECK(outputs[0].array.shape == tensor::Shape{4, 2, 1});
  CHECK(to_doubles(outputs[0].array) == test::counting(8));
  CHECK(outputs[1].array.shape == tensor::Shape{4});
  CHECK(to_doubles(outputs[1].array) == std::vector<double>{1, 2, 3, 4});
}

TEST_CASE("outputs that change their shape cannot be joined") {
  Echo engine({value("x", {1, 2})});
  engine.ragged = true;
  CHECK(test::error_kind(
            [&] {
              run_samples(engine, {{"x", test::floats({2, 2}, test::counting(4))}});
            },
            "'echo'") == ErrorKind::unsupported);
}

TEST_CASE("wrong inputs are named") {
  Echo engine({value("x", {kFree, 2}), value("y", {kFree})});
  const NamedArray x = {"x", test::floats({2, 2}, test::counting(4))}, y = {"y", test::floats({2}, {1, 2})};
  const auto kind = [&](const NamedArrays& arrays, const std::string& part) {
    return test::error_kind([&] { run_samples(engine, arrays); }, part);
  };
  CHECK(kind({x}, "'y' is missing") == ErrorKind::bad_data);
  CHECK(kind({x, y, {"z", y.array}}, "'z'") == ErrorKind::bad_data);
  CHECK(kind({x, y, y}, "twice") == ErrorKind::bad_data);
  CHECK(kind({x, {"y", test::integers({2}, {1, 2})}}, "int64") == ErrorKind::bad_data);
  CHECK(kind({x, {"y", test::floats({3}, {1, 2, 3})}}, "3 samples") == ErrorKind::bad_data);
  CHECK(kind({x, {"y", test::floats({2, 2, 2}, test::counting(8))}}, "2x2x2") == ErrorKind::bad_data);
  CHECK(kind({{"x", {ElementType::f32, {2, 2}, base::Bytes(4)}}, y}, "number of bytes") ==
        ErrorKind::bad_data);
  CHECK(test::error_kind(
            [&] {
              check_exact(engine.signature().inputs, {x, {"y", x.array}});
            },
            "needs N") == ErrorKind::bad_data);
}

}  // namespace
}  // namespace tt::runtime
