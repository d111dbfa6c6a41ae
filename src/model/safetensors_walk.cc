#include "model/safetensors_walk.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace tt::model {

using base::Error;
using base::ErrorKind;
using base::Json;

namespace {

constexpr std::uint64_t kLengthBytes = 8;

struct Entry {
  std::string name, dtype;
  tensor::Shape shape;
  std::uint64_t begin = 0, end = 0;
};

// Bytes of an element; 0 for types that are unknown or smaller than a byte.
std::uint64_t type_size(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},     {"U32", 4},
      {"F32", 4},  {"I64", 8}, {"U64", 8}, {"F64", 8},     {"C64", 8}};
  auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

std::optional<tensor::DType> float_type(const std::string& dtype) {
  using tensor::DType;
  for (DType type : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    if (dtype == tensor::safetensors_name(type)) return type;
  }
  return std::nullopt;
}

Json read_header(const base::InputFile& file, std::uint64_t& data_begin) {
  std::array<std::uint8_t, kLengthBytes> length_bytes;
  file.read(0, length_bytes);
  std::uint64_t length = base::load_le<std::uint64_t>(length_bytes.data());
  if (length > file.size() - kLengthBytes) {
    throw Error(ErrorKind::bad_data, "safetensors header claims " + std::to_string(length) +
                                         " bytes, the file has " + std::to_string(file.size()));
  }
  if (length > kMaxSafetensorsHeader) {
    throw Error(ErrorKind::resource_limit,
                "safetensors header of " + std::to_string(length) + " bytes is above the limit of 25 MB");
  }
  data_begin = kLengthBytes + length;
  base::Bytes text = file.read_bytes(kLengthBytes, length);
  return base::parse_json(base::text_of(text), "safetensors header");
}

Entry read_entry(const std::string& name, const Json& json) {
  std::string what = "tensor " + base::quoted(name) + " of the safetensors header";
  if (name.size() > 64 << 10) throw Error(ErrorKind::resource_limit, what + " has a name above 64 KiB");
  Entry entry{name, json.at("dtype", what).as_string(what + ", dtype"),
              json.at("shape", what).as_uints(what + ", shape"), 0, 0};
  std::vector<std::uint64_t> offsets = json.at("data_offsets", what).as_uints(what + ", data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    throw Error(ErrorKind::bad_data, what + " has data_offsets that are no range");
  }
  entry.begin = offsets[0];
  entry.end = offsets[1];
  std::uint64_t elements = base::checked_product(entry.shape, "size of " + what);
  std::uint64_t size = type_size(entry.dtype);
  if (size != 0 && base::checked_mul(elements, size, "size of " + what) != entry.end - entry.begin) {
    throw Error(ErrorKind::bad_data, what + " has " + std::to_string(entry.end - entry.begin) +
                                         " bytes where its shape needs " + std::to_string(elements * size));
  }
  return entry;
}

void check_metadata(const Json& json) {
  for (const auto& [key, value] : json.as_object("__metadata__ of the safetensors header")) {
    if (key == "tt.format") {
      throw Error(ErrorKind::bad_data, "this is a compressed .tt file, not a model",
                  "use `tt decompress` first");
    }
    value.as_string("__metadata__ of the safetensors header");
  }
}

void check_cover(const std::vector<Entry>& entries, std::uint64_t data_size) {
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) {
      throw Error(ErrorKind::bad_data, "safetensors data has " +
                                           std::string(entry.begin < at ? "an overlap" : "a hole") +
                                           " before tensor " + base::quoted(entry.name));
    }
    at = entry.end;
  }
  if (at != data_size) {
    throw Error(ErrorKind::bad_data, "safetensors tensors take " + std::to_string(at) +
                                         " bytes, the file has " + std::to_string(data_size) +
                                         " bytes of data");
  }
}

}  // namespace

bool looks_like_safetensors(const base::InputFile& file) {
  if (file.size() < kLengthBytes + 2) return false;
  std::array<std::uint8_t, kLengthBytes + 2> start;
  file.read(0, start);
  bool fits = base::load_le<std::uint64_t>(start.data()) <= file.size() - kLengthBytes;
  return start[8] == '{' && (fits || start[9] == '"' || start[9] == '}' || start[9] == ' ');
}

std::vector<Weight> walk_safetensors(const base::InputFile& file, std::vector<std::string>& notes,
                                     std::uint64_t min_elements) {
  std::uint64_t data_begin = 0;
  Json header = read_header(file, data_begin);
  std::vector<Entry> entries;
  for (const auto& [name, json] : header.as_object("safetensors header")) {
    if (name == "__metadata__") {
      check_metadata(json);
    } else {
      entries.push_back(read_entry(name, json));
    }
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  check_cover(entries, file.size() - data_begin);

  std::vector<Weight> weights;
  std::map<std::string, std::size_t> others;
  for (const Entry& entry : entries) {
    std::optional<tensor::DType> dtype = float_type(entry.dtype);
    if (!dtype) {
      ++others[base::printable(entry.dtype)];
    } else if (!entry.shape.empty() && tensor::element_count(entry.shape) >= min_elements) {
      Weight& weight = weights.emplace_back();
      weight.name = entry.name;
      weight.layout = {*dtype, entry.shape, 1, 1};
      weight.place = {0, data_begin + entry.begin, entry.end - entry.begin, PayloadForm::flat};
    }
  }
  for (const auto& [name, count] : others) {
    notes.push_back(std::to_string(count) + " " + name + (count == 1 ? " tensor" : " tensors"));
  }
  return weights;
}

}  // namespace tt::model
