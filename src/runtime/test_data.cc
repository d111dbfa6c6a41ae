#include "runtime/test_data.h"

#include <algorithm>
#include <filesystem>

#include "base/checked.h"
#include "base/error.h"
#include "base/text.h"
#include "model/wire.h"
#include "runtime/memory_source.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;
using model::bytes_tag;
using model::Field;
using model::varint_tag;
using model::wire_tag;
using model::WireReader;
using model::WireType;

// Fields of onnx.TensorProto (onnx.proto).
constexpr int kDims = 1, kDataType = 2, kSegment = 3, kFloatData = 4, kInt32Data = 5, kStringData = 6,
              kInt64Data = 7, kName = 8, kRawData = 9, kDoubleData = 10, kUint64Data = 11, kExternalData = 13,
              kDataLocation = 14;

constexpr std::size_t kMaxInputs = 256, kMaxSets = 100'000;

// By the number in TensorProto.DataType.
ElementType element_type(std::uint64_t number, const std::string& what) {
  switch (number) {
    case 1:
      return ElementType::f32;
    case 2:
      return ElementType::u8;
    case 3:
      return ElementType::i8;
    case 4:
      return ElementType::u16;
    case 5:
      return ElementType::i16;
    case 6:
      return ElementType::i32;
    case 7:
      return ElementType::i64;
    case 9:
      return ElementType::boolean;
    case 10:
      return ElementType::f16;
    case 11:
      return ElementType::f64;
    case 12:
      return ElementType::u32;
    case 13:
      return ElementType::u64;
    case 16:
      return ElementType::bf16;
    default:
      throw Error(ErrorKind::bad_data,
                  what + " has element type " + std::to_string(number) + ", which is no number");
  }
}

struct Reading {
  std::string name;
  tensor::Shape shape;
  std::uint64_t type = 0;
  base::Bytes data;  // as in the file: raw bytes, or the elements of a typed field
  int field = 0;     // that holds them
};

// All elements of a tensor lie in one kind of field.
void use_field(const WireReader& in, Reading& reading, int field) {
  if (reading.field != 0 && reading.field != field) in.fail("the tensor has two payloads");
  reading.field = field;
}

void append_range(const WireReader& in, Reading& reading, const model::Range& range) {
  if (range.size() + reading.data.size() > kMaxRowBytes)
    throw Error(ErrorKind::resource_limit,
                base::quoted(in.file().name()) + " holds more than " + base::format_bytes(kMaxRowBytes));
  const std::size_t done = reading.data.size();
  reading.data.resize(done + range.size());
  in.file().read(range.begin, std::span(reading.data).subspan(done));
}

void append_value(Reading& reading, std::uint64_t value) {
  base::append_le(reading.data, value);
  if (reading.data.size() > kMaxRowBytes)
    throw Error(ErrorKind::resource_limit, "a tensor holds more than " + base::format_bytes(kMaxRowBytes));
}

void add_dim(const WireReader& in, Reading& reading, std::uint64_t dim) {
  if (static_cast<std::int64_t>(dim) < 0) in.fail("a dimension is negative");
  if (reading.shape.size() == kMaxRank) in.fail("the tensor has too many dimensions");
  reading.shape.push_back(dim);
}

void read_field(WireReader& in, Reading& reading, const Field& field) {
  switch (field.tag) {
    case varint_tag(kDims):
      return add_dim(in, reading, field.value);
    case bytes_tag(kDims):
      return in.packed_varints(field, [&](std::uint64_t dim) { add_dim(in, reading, dim); });
    case varint_tag(kDataType):
      reading.type = field.value;
      return;
    case bytes_tag(kName):
      reading.name = in.text(field);
      return;
    case bytes_tag(kRawData):
    case bytes_tag(kFloatData):
    case wire_tag(kFloatData, WireType::fixed32):
    case bytes_tag(kDoubleData):
    case wire_tag(kDoubleData, WireType::fixed64):
      use_field(in, reading, static_cast<int>(field.tag >> 3));
      return append_range(in, reading, field.payload);
    case varint_tag(kInt32Data):
    case varint_tag(kInt64Data):
    case varint_tag(kUint64Data):
      use_field(in, reading, static_cast<int>(field.tag >> 3));
      return append_value(reading, field.value);
    case bytes_tag(kInt32Data):
    case bytes_tag(kInt64Data):
    case bytes_tag(kUint64Data):
      use_field(in, reading, static_cast<int>(field.tag >> 3));
      return in.packed_varints(field, [&](std::uint64_t value) { append_value(reading, value); });
    case bytes_tag(kSegment):
    case bytes_tag(kStringData):
    case bytes_tag(kExternalData):
      in.fail("strings, segments and external data cannot be samples");
    case varint_tag(kDataLocation):
      if (field.value != 0) in.fail("external data cannot be samples");
      return;
    default:
      return;
  }
}

// int32_data holds all small types (float16 by its bits), a varint an element.
base::Bytes narrow(const Reading& reading, ElementType type) {
  const std::size_t width = element_size(type);
  base::Bytes result(reading.data.size() / 8 * width);
  for (std::size_t i = 0; i * 8 < reading.data.size(); ++i)
    std::copy_n(reading.data.data() + i * 8, width, result.data() + i * width);
  return result;
}

bool field_fits(int field, ElementType type) {
  switch (field) {
    case kFloatData:
      return type == ElementType::f32;
    case kDoubleData:
      return type == ElementType::f64;
    case kInt64Data:
      return type == ElementType::i64;
    case kUint64Data:
      return type == ElementType::u64 || type == ElementType::u32;
    case kInt32Data:
      return element_size(type) <= 4 && type != ElementType::f32 && type != ElementType::u32;
    default:
      return true;  // raw_data, nothing
  }
}

std::vector<NamedArray> read_set(const std::filesystem::path& folder) {
  std::vector<NamedArray> arrays;
  for (std::size_t i = 0; i < kMaxInputs; ++i) {
    const std::filesystem::path path = folder / ("input_" + std::to_string(i) + ".pb");
    if (!std::filesystem::exists(path)) break;
    arrays.push_back(read_tensor_proto(base::InputFile::open(path.string())));
    if (arrays.back().name.empty()) arrays.back().name = "#" + std::to_string(i);
  }
  return arrays;
}

void append_set(std::vector<NamedArray>& all, std::vector<NamedArray> set,
                const std::filesystem::path& folder, std::uint64_t& total) {
  if (all.empty()) {
    all = std::move(set);
    for (NamedArray& array : all) array.array.shape.insert(array.array.shape.begin(), 1);
    for (const NamedArray& array : all) total += array.array.data.size();
    return;
  }
  const auto fail = [&] {
    throw Error(
        ErrorKind::bad_data,
        base::quoted(folder.string()) + " has inputs of other names, types or shapes than the first set",
        "run sets of different shapes one by one");
  };
  if (set.size() != all.size()) fail();
  for (std::size_t i = 0; i < set.size(); ++i) {
    Array& to = all[i].array;
    const Array& from = set[i].array;
    if (set[i].name != all[i].name || from.type != to.type ||
        !std::equal(from.shape.begin(), from.shape.end(), to.shape.begin() + 1, to.shape.end()))
      fail();
    ++to.shape[0];
    to.data.insert(to.data.end(), from.data.begin(), from.data.end());
    total += from.data.size();
  }
  if (total > kMaxRowBytes)
    throw Error(ErrorKind::resource_limit,
                "the test data sets hold more than " + base::format_bytes(kMaxRowBytes), "use a .npz file");
}

}  // namespace

NamedArray read_tensor_proto(const base::InputFile& file) {
  const std::string what = base::quoted(file.name());
  WireReader in(file);
  Reading reading;
  in.fields([&](const Field& field) { read_field(in, reading, field); });
  const ElementType type = element_type(reading.type, what);
  if (!field_fits(reading.field, type))
    throw Error(ErrorKind::bad_data, what + " has its elements in the wrong field");
  const bool varints =
      reading.field == kInt32Data || reading.field == kInt64Data || reading.field == kUint64Data;
  NamedArray result{reading.name,
                    {type, reading.shape, varints ? narrow(reading, type) : std::move(reading.data)}};
  if (result.array.data.size() != data_size(type, result.array.shape, what))
    throw Error(ErrorKind::bad_data, what + " has " + std::to_string(result.array.data.size()) +
                                         " bytes where its shape " + tensor::shape_text(result.array.shape) +
                                         " needs another number");
  return result;
}

ArraySources open_test_data(const std::string& folder) {
  std::vector<NamedArray> all = {};
  std::uint64_t total = 0;
  const std::filesystem::path root = folder;
  if (std::filesystem::exists(root / "input_0.pb")) {
    append_set(all, read_set(root), root, total);
  } else {
    for (std::size_t i = 0; i < kMaxSets; ++i) {
      const std::filesystem::path set = root / ("test_data_set_" + std::to_string(i));
      if (!std::filesystem::exists(set / "input_0.pb")) break;
      append_set(all, read_set(set), set, total);
    }
  }
  if (all.empty())
    throw Error(
        ErrorKind::bad_data,
        "the folder " + base::quoted(folder) + " holds no input_0.pb and no test_data_set_0/input_0.pb",
        "a folder of samples has the form of ONNX's test_data_set; else give a .npz file");
  ArraySources sources;
  for (NamedArray& array : all) sources.push_back(std::make_unique<MemorySource>(std::move(array), folder));
  return sources;
}

}  // namespace tt::runtime
