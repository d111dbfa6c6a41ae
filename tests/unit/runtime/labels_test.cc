#include "runtime/labels.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "support.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;
using test::error_kind;
using test::floats;
using test::integers;
using Classes = std::vector<std::int64_t>;

// A file that goes with the object.
class TempFile {
 public:
  TempFile(const std::string& name, const base::Bytes& bytes)
      : path_(std::filesystem::temp_directory_path() /
              ("tt_labels_test_" + std::to_string(::getpid()) + name)) {
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  ~TempFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST_CASE("integer labels of every type") {
  for (const ElementType type : {ElementType::i8, ElementType::u8, ElementType::i32, ElementType::i64,
                                 ElementType::u64, ElementType::u16}) {
    const Labels labels(integers({3}, {7, 0, 2}, type));
    CHECK(labels.size() == 3);
    CHECK(labels.integers());
    CHECK(labels.per_sample() == 1);
    CHECK(labels.classes(0) == Classes{7});
    CHECK(labels.classes(2) == Classes{2});
    CHECK(labels.values(2) == std::vector<double>{2});
  }
  const Labels truth(Array{ElementType::boolean, {2, 1}, {1, 0}});
  CHECK(truth.integers());
  CHECK(truth.classes(0) == Classes{1});
}

TEST_CASE("labels of every position") {
  const Labels labels(integers({2, 3}, {1, 2, 3, -100, 0, 5}));
  CHECK(labels.size() == 2);
  CHECK(labels.per_sample() == 3);
  CHECK(labels.classes(0) == Classes{1, 2, 3});
  CHECK(labels.classes(1) == Classes{-100, 0, 5});
}

TEST_CASE("one-hot labels are classes") {
  const std::vector<double> rows = {0, 0, 1, 1, 0, 0};
  for (const Array& array : {floats({2, 3}, rows), integers({2, 3}, rows, ElementType::u8)}) {
    const Labels labels(array);
    CHECK(labels.integers());
    CHECK(labels.per_sample() == 1);
    CHECK(labels.classes(0) == Classes{2});
    CHECK(labels.classes(1) == Classes{0});
  }
  CHECK(Labels(floats({2, 3}, {0, 1, 1, 1, 0, 0})).per_sample() == 3);
  CHECK(Labels(floats({2, 3}, {0, 0, 0, 1, 0, 0})).per_sample() == 3);
  CHECK(Labels(floats({2, 3}, {0, 0, 2, 1, 0, 0})).per_sample() == 3);
  CHECK(Labels(floats({2, 1}, {1, 1})).integers() == false);
}

TEST_CASE("values to be met") {
  const Labels labels(floats({2, 2}, {0.5, 1, 2, 3}));
  CHECK_FALSE(labels.integers());
  CHECK(labels.values(0) == std::vector<double>{0.5, 1});
  CHECK(labels.classes(1) == Classes{2, 3});
  CHECK(error_kind([&] { labels.classes(0); }, "no whole number") == ErrorKind::bad_data);
  CHECK(error_kind([&] { Labels(floats({1}, {1e30})).classes(0); }, "no whole number") ==
        ErrorKind::bad_data);
  CHECK(error_kind([&] { labels.values(2); }, "sample 2 has none") == ErrorKind::bad_data);
}

TEST_CASE("arrays that are no labels") {
  CHECK(error_kind([] { Labels(integers({}, {3})); }, "single number") == ErrorKind::bad_data);
  CHECK(error_kind([] { Labels(integers({0}, {})); }, "empty") == ErrorKind::bad_data);
  CHECK(error_kind([] { Labels(integers({3, 0}, {})); }, "empty") == ErrorKind::bad_data);
  CHECK(error_kind([] { Labels(floats({3}, {1, 2, NAN})); }, "sample 2") == ErrorKind::bad_data);
  CHECK(error_kind([] { Labels(floats({1}, {INFINITY})); }, "not finite") == ErrorKind::bad_data);
}

TEST_CASE("labels from files") {
  const Array y = integers({3}, {1, 2, 3}), z = integers({2}, {4, 5});
  const TempFile npy("y.npy", test::npy(y)), npz("y.npz", test::npz({{"y", y}})),
      two("two.npz", test::npz({{"y", y}, {"z", z}})), colon("a:b.npy", test::npy(z));
  CHECK(Labels::open(npy.path()).classes(2) == Classes{3});
  CHECK(Labels::open(npz.path()).size() == 3);
  CHECK(Labels::open(npz.path() + ":y").size() == 3);
  CHECK(Labels::open(two.path() + ":z").size() == 2);
  CHECK(Labels::open(colon.path()).size() == 2);
  const TempFile tensors(
      "y.safetensors",
      test::safetensors(R"({"y":{"dtype":"I64","shape":[3],"data_offsets":[0,24]}})", y.data));
  CHECK(Labels::open(tensors.path()).classes(1) == Classes{2});
}

TEST_CASE("label files that cannot be used") {
  const Array y = integers({3}, {1, 2, 3});
  const TempFile two("two.npz", test::npz({{"y", y}, {"z", y}})), npy("y.npy", test::npy(y)),
      text("y.txt", {'1', '\n', '2'});
  CHECK(error_kind([&] { Labels::open(two.path()); }, "2 arrays") == ErrorKind::usage);
  CHECK(error_kind([&] { Labels::open(two.path() + ":x"); }, "no array 'x'") == ErrorKind::usage);
  CHECK(error_kind([&] { Labels::open(npy.path() + ":x"); }, "no array 'x'") == ErrorKind::usage);
  CHECK(error_kind([&] { Labels::open(text.path()); }, "no arrays") == ErrorKind::bad_data);
  CHECK(error_kind([&] { Labels::open(npy.path() + ".absent"); }, "absent") == ErrorKind::not_found);
  const std::string folder = std::filesystem::temp_directory_path().string();
  CHECK(error_kind([&] { Labels::open(folder); }, "is a folder") == ErrorKind::bad_data);
}

}  // namespace
}  // namespace tt::runtime
