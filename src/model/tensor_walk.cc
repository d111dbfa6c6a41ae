#include "model/tensor_walk.h"

#include <onnx/onnx_pb.h>

#include <array>

#include "base/checked.h"
#include "base/error.h"
#include "base/text.h"

namespace tt::model {

using base::Error;
using base::ErrorKind;
using onnx::TensorProto;

namespace {

constexpr std::size_t kMaxRank = 64;

// By the number in TensorProto.DataType; the types after 16 are newer than the packaged header.
struct TypeRow {
  const char* name;
  std::uint64_t bits;  // 0: no fixed size
};
constexpr std::array<TypeRow, 27> kTypes = {{
    {"undefined", 0},      {"float32", 32},  {"uint8", 8},        {"int8", 8},           {"uint16", 16},
    {"int16", 16},         {"int32", 32},    {"int64", 64},       {"string", 0},         {"bool", 8},
    {"float16", 16},       {"float64", 64},  {"uint32", 32},      {"uint64", 64},        {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16}, {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8}, {"float8e5m2", 8},
    {"float8e5m2fnuz", 8}, {"uint4", 4},     {"int4", 4},         {"float4e2m1", 4},     {"float8e8m0", 8},
    {"uint2", 2},          {"int2", 2},
}};

bool known_type(std::int32_t type) {
  return type > 0 && static_cast<std::size_t>(type) < kTypes.size();
}

// One TensorProto while it is read.
struct Reading {
  TensorInfo info;
  ExternalData external;
  bool is_external = false;
  int pieces = 0;  // payload fields or single elements
  int kinds = 0;   // different fields with a payload
  bool segmented = false;
  bool raw_seen = false;
  std::uint64_t bytes = 0;     // of raw_data
  std::uint64_t elements = 0;  // of typed fields
  Range last;                  // payload of the last piece
};

// Varints of a packed field, counted without decoding them.
std::uint64_t count_varints(const base::InputFile& file, const Range& range, const WireReader& in) {
  std::array<std::uint8_t, 16384> buffer;
  std::uint64_t count = 0;
  bool inside = false;
  for (std::uint64_t at = range.begin; at < range.end;) {
    std::uint64_t size = std::min<std::uint64_t>(buffer.size(), range.end - at);
    file.read(at, std::span(buffer).first(size));
    for (std::uint64_t i = 0; i < size; ++i) count += (buffer[i] & 0x80) == 0;
    inside = (buffer[size - 1] & 0x80) != 0;
    at += size;
  }
  if (inside) in.fail("a number is cut off");
  return count;
}

void set_storage(Reading& reading, Storage storage, const Field& field, std::uint64_t elements) {
  if (reading.info.storage != storage) ++reading.kinds;
  reading.info.storage = storage;
  reading.elements += elements;
  ++reading.pieces;
  reading.last = field.payload;
  reading.info.field = field.whole;
}

void add_dimension(WireReader& in, Reading& reading, std::uint64_t value) {
  if (static_cast<std::int64_t>(value) < 0) {
    in.fail("dimension " + std::to_string(static_cast<std::int64_t>(value)) + " is negative");
  }
  if (reading.info.dims.size() == kMaxRank) {
    throw Error(ErrorKind::resource_limit, "a tensor has more than 64 dimensions, at " + in.path());
  }
  reading.info.dims.push_back(value);
}

void read_raw(Reading& reading, const Field& field) {
  reading.external.fields.push_back(field.whole);
  // An empty raw_data beside external data is what some writers leave.
  if (field.payload.size() == 0 && !reading.raw_seen) return;
  set_storage(reading, Storage::raw, field, 0);
  reading.raw_seen = true;
  reading.bytes = field.payload.size();
}

void read_external_entry(WireReader& in, Reading& reading, const Field& field) {
  std::string key, value;
  in.message(field, "external_data", kNone, [&](const Field& f) {
    if (f.tag == bytes_tag(onnx::StringStringEntryProto::kKeyFieldNumber)) key = in.text(f);
    if (f.tag == bytes_tag(onnx::StringStringEntryProto::kValueFieldNumber)) value = in.text(f);
  });
  std::string* target = key == "location" ? &reading.external.location
                        : key == "offset" ? &reading.external.offset
                        : key == "length" ? &reading.external.length
                                          : nullptr;
  if (target != nullptr) {
    if (!target->empty()) in.fail("external_data names its " + key + " twice");
    if (value.empty()) in.fail("external_data has an empty " + key);
    *target = value;
  }
  reading.external.fields.push_back(field.whole);
}

void read_payload(WireReader& in, Reading& reading, const Field& field) {
  switch (field.tag) {
    case bytes_tag(TensorProto::kRawDataFieldNumber):
      return read_raw(reading, field);
    case bytes_tag(TensorProto::kFloatDataFieldNumber):
      if (field.payload.size() % 4 != 0) in.fail("float_data is no whole number of elements");
      if (field.payload.size() != 0) set_storage(reading, Storage::floats, field, field.payload.size() / 4);
      return;
    case wire_tag(TensorProto::kFloatDataFieldNumber, WireType::fixed32):
      return set_storage(reading, Storage::floats, field, 1);
    case bytes_tag(TensorProto::kDoubleDataFieldNumber):
      if (field.payload.size() % 8 != 0) in.fail("double_data is no whole number of elements");
      if (field.payload.size() != 0) set_storage(reading, Storage::doubles, field, field.payload.size() / 8);
      return;
    case wire_tag(TensorProto::kDoubleDataFieldNumber, WireType::fixed64):
      return set_storage(reading, Storage::doubles, field, 1);
    case bytes_tag(TensorProto::kStringDataFieldNumber):
      return set_storage(reading, Storage::strings, field, 1);
  }
  int number = static_cast<int>(field.tag >> 3);
  Storage storage = number == TensorProto::kInt32DataFieldNumber   ? Storage::ints32
                    : number == TensorProto::kInt64DataFieldNumber ? Storage::ints64
                                                                   : Storage::uints64;
  bool packed = field.tag == bytes_tag(number);
  if (packed && field.payload.size() == 0) return;
  set_storage(reading, storage, field, packed ? count_varints(in.file(), field.payload, in) : 1);
}

void read_field(WireReader& in, Onnx& onnx, Reading& reading, const Field& field) {
  switch (field.tag) {
    case varint_tag(TensorProto::kDimsFieldNumber):
      return add_dimension(in, reading, field.value);
    case bytes_tag(TensorProto::kDimsFieldNumber):
      return in.packed_varints(field, [&](std::uint64_t value) { add_dimension(in, reading, value); });
    case varint_tag(TensorProto::kDataTypeFieldNumber):
      reading.info.data_type = static_cast<std::int32_t>(field.value);
      return;
    case bytes_tag(TensorProto::kNameFieldNumber):
      reading.info.name = onnx.names.add(in.text(field));
      return;
    case bytes_tag(TensorProto::kSegmentFieldNumber):
      reading.segmented = true;
      return;
    case bytes_tag(TensorProto::kExternalDataFieldNumber):
      return read_external_entry(in, reading, field);
    case varint_tag(TensorProto::kDataLocationFieldNumber):
      reading.is_external = field.value == TensorProto::EXTERNAL;
      reading.external.fields.push_back(field.whole);
      return;
    case bytes_tag(TensorProto::kFloatDataFieldNumber):
    case wire_tag(TensorProto::kFloatDataFieldNumber, WireType::fixed32):
    case bytes_tag(TensorProto::kInt32DataFieldNumber):
    case varint_tag(TensorProto::kInt32DataFieldNumber):
    case bytes_tag(TensorProto::kStringDataFieldNumber):
    case bytes_tag(TensorProto::kInt64DataFieldNumber):
    case varint_tag(TensorProto::kInt64DataFieldNumber):
    case bytes_tag(TensorProto::kRawDataFieldNumber):
    case bytes_tag(TensorProto::kDoubleDataFieldNumber):
    case wire_tag(TensorProto::kDoubleDataFieldNumber, WireType::fixed64):
    case bytes_tag(TensorProto::kUint64DataFieldNumber):
    case varint_tag(TensorProto::kUint64DataFieldNumber):
      return read_payload(in, reading, field);
    default:
      return;
  }
}

// Elements that the typed field must hold: complex numbers take two, types below 8 bits share an int32.
std::uint64_t typed_count(std::int32_t type, std::uint64_t elements) {
  if (type == TensorProto::COMPLEX64 || type == TensorProto::COMPLEX128) {
    return base::checked_mul(elements, 2, "size of a complex tensor");
  }
  std::uint64_t bits = kTypes[static_cast<std::size_t>(type)].bits;
  return bits != 0 && bits < 8 ? elements / (8 / bits) + (elements % (8 / bits) != 0) : elements;
}

void check_payload(const WireReader& in, const Onnx& onnx, const Reading& reading) {
  const TensorInfo& info = reading.info;
  auto fail = [&](const std::string& why) {
    throw Error(ErrorKind::bad_data, tensor_text(onnx, info) + " " + why + ", at " + in.path());
  };
  if (info.data_type == 0) fail("has no element type");
  if (reading.kinds + (reading.is_external ? 1 : 0) > 1) fail("has two payloads");
  std::uint64_t elements = element_count(onnx, info);
  if (reading.is_external || !known_type(info.data_type) || reading.segmented) return;
  if (info.storage == Storage::none) {
    if (elements != 0) fail("has no payload");
    return;
  }
  bool raw = info.storage == Storage::raw;
  std::optional<std::uint64_t> need = raw ? raw_size(onnx, info) : typed_count(info.data_type, elements);
  if (!need) fail("has strings in raw_data");
  std::uint64_t have = raw ? reading.bytes : reading.elements;
  if (have != *need) {
    fail("has " + std::to_string(have) + (raw ? " bytes" : " elements") + " where its dimensions need " +
         std::to_string(*need));
  }
}

// The typed field that a weight's elements may lie in besides raw_data.
bool readable_storage(std::int32_t type, Storage storage) {
  switch (storage) {
    case Storage::raw:
      return true;
    case Storage::floats:
      return type == TensorProto::FLOAT;
    case Storage::doubles:
      return type == TensorProto::DOUBLE;
    case Storage::ints32:
      return type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16;
    default:
      return false;
  }
}

void set_place(Reading& reading) {
  TensorInfo& info = reading.info;
  if (reading.is_external || reading.segmented || reading.pieces != 1 || reading.last.size() == 0) return;
  if (!readable_storage(info.data_type, info.storage)) return;
  info.whole = true;
  info.place = {0, reading.last.begin, reading.last.size(),
                info.storage == Storage::ints32 ? PayloadForm::varint16 : PayloadForm::flat};
}

}  // namespace

std::optional<tensor::DType> weight_dtype(std::int32_t data_type) {
  switch (data_type) {
    case TensorProto::FLOAT:
      return tensor::DType::f32;
    case TensorProto::FLOAT16:
      return tensor::DType::f16;
    case TensorProto::BFLOAT16:
      return tensor::DType::bf16;
    case TensorProto::DOUBLE:
      return tensor::DType::f64;
    default:
      return std::nullopt;
  }
}

std::string data_type_name(std::int32_t data_type) {
  return known_type(data_type) ? kTypes[static_cast<std::size_t>(data_type)].name
                               : "type " + std::to_string(data_type);
}

std::uint64_t element_count(const Onnx& onnx, const TensorInfo& info) {
  // The text for the message is only made when it is needed: there may be a million tensors.
  std::uint64_t count = 1;
  for (std::uint64_t dim : info.dims) {
    if (__builtin_mul_overflow(count, dim, &count))
      base::throw_overflow("size of " + tensor_text(onnx, info));
  }
  return count;
}

std::optional<std::uint64_t> raw_size(const Onnx& onnx, const TensorInfo& info) {
  if (!known_type(info.data_type) || kTypes[static_cast<std::size_t>(info.data_type)].bits == 0)
    return std::nullopt;
  std::uint64_t elements = element_count(onnx, info);
  std::uint64_t bits = kTypes[static_cast<std::size_t>(info.data_type)].bits;
  if (bits < 8) return elements / (8 / bits) + (elements % (8 / bits) != 0);
  std::uint64_t size = 0;
  if (__builtin_mul_overflow(elements, bits / 8, &size)) {
    base::throw_overflow("size of " + tensor_text(onnx, info));
  }
  return size;
}

std::string tensor_text(const Onnx& onnx, const TensorInfo& info) {
  return info.name != 0 ? "tensor " + base::quoted(onnx.names[info.name]) : "tensor without a name";
}

std::uint32_t walk_tensor(WireReader& in, Onnx& onnx, const Field& field, const char* label,
                          std::uint32_t index, std::uint32_t graph, TensorKind kind) {
  Reading reading;
  std::uint32_t message = kNone;
  in.message(field, label, index, [&](const Field& f) {
    if (message == kNone) message = in.keep_message();
    read_field(in, onnx, reading, f);
  });
  TensorInfo& info = reading.info;
  check_payload(in, onnx, reading);
  if (kind == TensorKind::other && !reading.is_external) return kNone;
  set_place(reading);
  info.graph = graph;
  info.kind = kind;
  info.message = message;
  if (reading.is_external) {
    info.storage = Storage::external;
    info.external = static_cast<std::uint32_t>(onnx.externals.size());
    onnx.externals.push_back(std::move(reading.external));
  }
  onnx.tensors.push_back(std::move(info));
  return static_cast<std::uint32_t>(onnx.tensors.size() - 1);
}

}  // namespace tt::model
