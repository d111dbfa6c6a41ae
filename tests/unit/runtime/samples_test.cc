#include "runtime/samples.h"

#include <doctest/doctest.h>

#include <limits>

#include "support.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;
using test::error_kind;
using test::value;

ArraySources sources(const NamedArrays& arrays) {
  return open_arrays(test::file_of(test::npz(arrays)));
}
ErrorKind samples_error(const NamedArrays& arrays, const std::vector<ValueInfo>& inputs,
                        const std::string& part, const InputMappings& mappings = {}) {
  return error_kind([&] { Samples::of(sources(arrays), inputs, mappings).read(0, 1); }, part);
}

TEST_CASE("samples become inputs, batch by batch") {
  const Samples samples =
      Samples::of(sources({{"x", test::floats({5, 2}, test::counting(10))},
                           {"ids", test::integers({5, 3}, test::counting(15), ElementType::i32)}}),
                  {value("ids", {kFree, kFree}, ElementType::i64), value("x", {kFree, 2})});
  CHECK(samples.size() == 5);
  const NamedArrays batch = samples.read(3, 2);
  REQUIRE(batch.size() == 2);
  CHECK(batch[0].name == "ids");
  CHECK(batch[0].array.type == ElementType::i64);
  CHECK(to_doubles(batch[0].array) == test::counting(6, 9));
  CHECK(to_doubles(batch[1].array) == test::counting(4, 6));
  CHECK(samples.batch_for(1) == 1);
  CHECK(samples.batch_for(100) == 3);
  CHECK(samples.batch_for(1 << 20) == 5);
  CHECK(error_kind([&] { samples.read(4, 2); }, "of 5") == ErrorKind::bad_data);
  CHECK(error_kind([&] { samples.require(6, "calibration"); }, "calibration needs 6") == ErrorKind::bad_data);
  samples.require(5, "calibration");
}

TEST_CASE("one array without a name is for one input") {
  const base::Bytes file = test::npy(test::floats({2, 3}, test::counting(6)));
  CHECK(Samples::of(open_arrays(test::file_of(file)), {value("x", {kFree, 3})}).size() == 2);
  CHECK(error_kind(
            [&] {
              Samples::of(open_arrays(test::file_of(file)), {value("x", {kFree, 3}), value("y", {kFree, 3})});
            },
            "2 inputs") == ErrorKind::bad_data);
}

TEST_CASE("whole inputs and shared scalars") {
  const Samples samples = Samples::of(sources({{"state", test::floats({3, 2, 1, 4}, test::counting(24))},
                                               {"sr", test::integers({}, {16000})}}),
                                      {value("state", {2, kFree, 4}), value("sr", {}, ElementType::i64)});
  CHECK(samples.size() == 3);
  const NamedArrays one = samples.read(1, 1);
  CHECK(one[0].array.shape == tensor::Shape{1, 2, 1, 4});
  CHECK(one[1].array.shape.empty());
}

TEST_CASE("integers for a float input need a mapping") {
  const NamedArrays pixels = {
      {"x", test::integers({2, 2, 2}, {0, 51, 102, 153, 204, 255, 1, 2}, ElementType::u8)}};
  const std::vector<ValueInfo> inputs = {value("x", {kFree, 4})};
  const auto mapping = [](std::string_view text) { return InputMappings{parse_input_mapping(text)}; };
  CHECK(samples_error(pixels, {value("x", {kFree, 2, 2})}, "uint8") == ErrorKind::bad_data);
  CHECK(samples_error(pixels, inputs, "uint8", mapping("x:shape=N,4")) == ErrorKind::bad_data);
  const Array mapped =
      Samples::of(sources(pixels), inputs, mapping("x:scale=1/255,shape=N,4")).read(0, 1)[0].array;
  CHECK(mapped.shape == tensor::Shape{1, 4});
  CHECK(mapped.data == test::floats({4}, {0, 51 * (1 / 255.0), 102 * (1 / 255.0), 153 * (1 / 255.0)}).data);
  const Array moved =
      Samples::of(sources(pixels), inputs, mapping("x:scale=2,mean=2,std=4,shape=N,4")).read(0, 1)[0].array;
  CHECK(to_doubles(moved) == std::vector<double>{-0.5, 25, 50.5, 76});
  CHECK(samples_error(pixels, inputs, "needs 5", mapping("x:scale=1,shape=N,5")) == ErrorKind::bad_data);
  CHECK(samples_error(pixels, {value("x", {kFree, 4}, ElementType::i64)}, "scale",
                      mapping("x:scale=1,shape=N,4")) == ErrorKind::usage);
  CHECK(samples_error(pixels, inputs, "no input 'y'", mapping("y:scale=1")) == ErrorKind::usage);
}

TEST_CASE("wrong samples are named") {
  const Array three = test::floats({2, 3}, test::counting(6));
  const std::vector<ValueInfo> inputs = {value("x", {kFree, 3})};
  CHECK(samples_error({{"y", three}}, inputs, "'y'") == ErrorKind::bad_data);
  CHECK(samples_error({{"x", three}}, {inputs[0], value("z", {kFree})}, "'z'") == ErrorKind::bad_data);
  CHECK(samples_error({{"x", three}}, {value("x", {kFree, 4})}, "Nx4") == ErrorKind::bad_data);
  CHECK(samples_error({{"x", three}, {"z", test::floats({3}, {1, 2, 3})}}, {inputs[0], value("z", {kFree})},
                      "3 samples") == ErrorKind::bad_data);
  CHECK(samples_error({{"x", test::floats({0, 3}, {})}}, inputs, "no samples") == ErrorKind::bad_data);
  CHECK(samples_error({{"x", three}}, {value("x", {kFree, 3}, ElementType::i64)}, "float32") ==
        ErrorKind::bad_data);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const NamedArrays bad = {{"x", test::floats({2, 3}, {0, 0, 0, 0, nan, 0})}};
  CHECK(error_kind([&] { Samples::of(sources(bad), inputs).read(0, 2); }, "NaN in sample 1") ==
        ErrorKind::bad_data);
  CHECK(samples_error({{"x", from_doubles({1e300, 0, 0}, {1, 3}, ElementType::f64, "x")}}, inputs,
                      "range of float32") == ErrorKind::bad_data);
}

TEST_CASE("infinities pass, as in attention masks") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Samples samples = Samples::of(
      sources({{"x", from_doubles({-infinity}, {1, 1}, ElementType::f64, "x")}}), {value("x", {kFree, 1})});
  CHECK(to_doubles(samples.read(0, 1)[0].array)[0] == -infinity);
}

TEST_CASE("input mappings") {
  const auto [name, mapping] = parse_input_mapping("in:0:scale=1/255,shape=N,3,2,std=-2.5e-1");
  CHECK(name == "in:0");
  CHECK(*mapping.scale == 1 / 255.0);
  CHECK(*mapping.std == -0.25);
  CHECK(!mapping.mean);
  CHECK(mapping.shape == std::vector<std::uint64_t>{3, 2});
  CHECK(parse_input_mapping("x:shape=N").second.reshaped);
  for (const char* text : {"", "x", "x:", ":scale=1", "x:scale", "x:scale=", "x:scale=a", "x:scale=1/0",
                           "x:scale=1,scale=2", "x:std=0", "x:size=1", "x:shape=784", "x:shape=N,0",
                           "x:shape=N,-1", "x:shape=N,shape=N", "x:scale=1,2", "x:mean=nan"})
    CHECK_MESSAGE(error_kind([&] { parse_input_mapping(text); }, "input mapping") == ErrorKind::usage, text);
}

}  // namespace
}  // namespace tt::runtime
