#include "runtime/test_data.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "runtime/samples.h"
#include "support.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;

// Protobuf fields by hand.
std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
  return text + static_cast<char>(value);
}
std::string number(int field, std::uint64_t value) {
  return varint(static_cast<std::uint64_t>(field) << 3) + varint(value);
}
std::string bytes(int field, const std::string& value) {
  return varint(static_cast<std::uint64_t>(field) << 3 | 2) + varint(value.size()) + value;
}
std::string raw(const std::vector<float>& values) {
  return bytes(9, {reinterpret_cast<const char*>(values.data()), values.size() * 4});
}

base::InputFile proto(const std::string& text) {
  return base::InputFile::from_bytes({text.begin(), text.end()}, "input_0.pb");
}
ErrorKind proto_error(const std::string& text, const std::string& part) {
  return test::error_kind([&] { read_tensor_proto(proto(text)); }, part);
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tt-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }
  void write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << content;
  }

 private:
  std::filesystem::path path_;
};

TEST_CASE("every field that holds elements") {
  CHECK(to_doubles(read_tensor_proto(proto(number(1, 2) + number(2, 1) + raw({1, 2}))).array) ==
        std::vector<double>{1, 2});
  const std::string floats = raw({3, 4}).substr(2);
  CHECK(to_doubles(read_tensor_proto(proto(number(1, 2) + number(2, 1) + bytes(4, floats))).array) ==
        std::vector<double>{3, 4});
  const NamedArray ids =
      read_tensor_proto(proto(bytes(1, varint(1) + varint(3)) + number(2, 7) +
                              bytes(7, varint(5) + varint(1) + varint(~std::uint64_t{0})) + bytes(8, "ids")));
  CHECK(ids.name == "ids");
  CHECK(ids.array.shape == tensor::Shape{1, 3});
  CHECK(to_integers(ids.array, "x") == std::vector<std::int64_t>{5, 1, -1});
  const NamedArray half = read_tensor_proto(proto(number(1, 1) + number(2, 10) + number(5, 0x3c00)));
  CHECK(to_doubles(half.array) == std::vector<double>{1});
  const NamedArray small =
      read_tensor_proto(proto(number(1, 2) + number(2, 3) + number(5, ~std::uint64_t{0}) + number(5, 7)));
  CHECK(to_integers(small.array, "x") == std::vector<std::int64_t>{-1, 7});
}

TEST_CASE("malformed tensors are refused") {
  CHECK(proto_error(number(1, 3) + number(2, 1) + raw({1, 2}), "8 bytes") == ErrorKind::bad_data);
  CHECK(proto_error(number(1, 2) + number(2, 8) + bytes(6, "a"), "strings") == ErrorKind::bad_data);
  CHECK(proto_error(number(1, 2) + number(2, 1) + number(14, 1), "external") == ErrorKind::bad_data);
  CHECK(proto_error(number(1, ~std::uint64_t{0}) + number(2, 1), "negative") == ErrorKind::bad_data);
  CHECK(proto_error(number(1, 1) + number(2, 1) + number(7, 1), "wrong field") == ErrorKind::bad_data);
  CHECK(proto_error(number(1, 1) + number(2, 7) + number(7, 1) + bytes(9, "12345678"), "two payloads") ==
        ErrorKind::bad_data);
  CHECK(proto_error(number(1, 1) + raw({1}), "element type 0") == ErrorKind::bad_data);
  CHECK(proto_error(number(1, std::uint64_t{1} << 40) + number(1, std::uint64_t{1} << 40) + number(2, 1),
                    "") == ErrorKind::bad_data);
}

TEST_CASE("a folder of test data sets: each set is a sample") {
  const Folder folder;
  const std::string shape = number(1, 1) + number(1, 2) + number(2, 1);
  folder.write("test_data_set_0/input_0.pb", shape + raw({1, 2}) + bytes(8, "b"));
  folder.write("test_data_set_0/input_1.pb", shape + raw({3, 4}));
  folder.write("test_data_set_1/input_0.pb", shape + raw({5, 6}) + bytes(8, "b"));
  folder.write("test_data_set_1/input_1.pb", shape + raw({7, 8}));
  const std::vector<ValueInfo> inputs = {test::value("b", {1, 2}), test::value("a", {1, 2})};
  const Samples samples = Samples::open(folder.path(), inputs);
  CHECK(samples.size() == 2);
  const NamedArrays second = samples.read(1, 1);
  CHECK(to_doubles(second[0].array) == std::vector<double>{5, 6});
  CHECK(to_doubles(second[1].array) == std::vector<double>{7, 8});
  CHECK(second[0].array.shape == tensor::Shape{1, 1, 2});
  CHECK(Samples::open(folder.path() + "/test_data_set_0", inputs).size() == 1);

  folder.write("test_data_set_2/input_0.pb",
               number(1, 1) + number(1, 1) + number(2, 1) + raw({5}) + bytes(8, "b"));
  CHECK(test::error_kind([&] { Samples::open(folder.path(), inputs); }, "other names, types or shapes") ==
        ErrorKind::bad_data);
  const Folder empty;
  CHECK(test::error_kind([&] { Samples::open(empty.path(), inputs); }, "input_0.pb") == ErrorKind::bad_data);
}

}  // namespace
}  // namespace tt::runtime
