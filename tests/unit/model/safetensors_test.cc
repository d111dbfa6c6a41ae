#include <doctest/doctest.h>

#include "support.h"

namespace tt::model::test {
namespace {

using base::ErrorKind;

std::string file_of(const std::string& header, const std::string& data) {
  std::uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header + data;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, int begin,
                  int end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

TEST_CASE("a safetensors file round-trips") {
  std::string header = "{" + entry("encoder.b.query.weight", "F32", "4,4", 72, 136) + "," +
                       entry("ids", "I64", "1", 64, 72) + "," + entry("ln_1.weight", "BF16", "32", 0, 64) +
                       ",\"__metadata__\":{\"format\":\"pt\"}," + entry("c", "F8_NEW", "3", 136, 140) + "}  ";
  std::string text = file_of(header, float_bytes(16) + std::string(8, 'i') + float_bytes(16) + "abcd");
  Model model = open_text(text);
  CHECK(model.format() == FileFormat::safetensors);
  REQUIRE(model.weights().size() == 2);
  CHECK(model.weights()[0].name == "ln_1.weight");
  CHECK(model.weights()[0].role == Role::norm);
  CHECK(model.weights()[1].role == Role::attention_q);
  CHECK(model.weights()[1].layout.rows == 4);
  CHECK(model.notes() == std::vector<std::string>{"1 F8_NEW tensor", "1 I64 tensor"});
  CHECK(assemble(model, model.exact_skeleton()) == std::vector<std::string>{text});
  CHECK(assemble(model, model.inline_skeleton()) == std::vector<std::string>{text});
  for (std::size_t size = 0; size < text.size(); ++size)
    CHECK(open_error(text.substr(0, size)) == ErrorKind::bad_data);
}

TEST_CASE("bad safetensors files are refused") {
  std::string data = float_bytes(16);
  auto error = [&](const std::string& header, const std::string& message) {
    return open_error(file_of(header, data), message);
  };
  CHECK(error("{" + entry("a", "F32", "8", 0, 32) + "," + entry("b", "F32", "4", 48, 64) + "}", "a hole") ==
        ErrorKind::bad_data);
  CHECK(error("{" + entry("a", "F32", "8", 0, 32) + "," + entry("b", "F32", "12", 16, 64) + "}",
              "an overlap") == ErrorKind::bad_data);
  CHECK(error("{" + entry("a", "F32", "8", 0, 32) + "}", "take 32 bytes") == ErrorKind::bad_data);
  CHECK(error("{" + entry("a", "F32", "16", 0, 128) + "}", "shape needs") == ErrorKind::bad_data);
  CHECK(error("{" + entry("a", "F32", "4294967296,4294967296", 0, 64) + "}", "a") == ErrorKind::bad_data);
  CHECK(error("{" + entry("a", "F32", "-16", 0, 64) + "}", "shape") == ErrorKind::bad_data);
  CHECK(error("{" + entry("a", "F32", "16", 64, 0) + "}", "no range") == ErrorKind::bad_data);
  CHECK(error("{" + entry("a", "F32", "8", 0, 32) + "," + entry("a", "F32", "8", 32, 64) + "}", "") ==
        ErrorKind::bad_data);
  CHECK(error("{\"a\":[]}", "a") == ErrorKind::bad_data);
  CHECK(error("{\"__metadata__\":{\"tt.format\":\"1\"}," + entry("a", "F32", "16", 0, 64) + "}",
              ".tt file") == ErrorKind::bad_data);
  CHECK(open_error(std::string(8, '\xff') + "{\"a\":1}", "claims") == ErrorKind::bad_data);
  std::string big(26'000'000, ' ');
  big[0] = '{';
  CHECK(open_error(file_of(big, ""), "25 MB") == ErrorKind::resource_limit);
}

}  // namespace
}  // namespace tt::model::test
