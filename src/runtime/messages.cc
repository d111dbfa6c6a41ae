#include "runtime/messages.h"

#include "base/error.h"

namespace tt::runtime {
namespace {

using base::Bytes;
using base::ByteView;

void put_number(Bytes& out, std::uint64_t value) {
  base::append_le(out, value);
}
void put_bytes(Bytes& out, ByteView bytes) {
  put_number(out, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_values(Bytes& out, const std::vector<ValueInfo>& values) {
  put_number(out, values.size());
  for (const ValueInfo& value : values) {
    put_bytes(out, base::view_of(value.name));
    put_number(out, static_cast<std::uint64_t>(value.type));
    put_number(out, value.dims.size());
    for (const Dim& dim : value.dims) {
      put_number(out, static_cast<std::uint64_t>(dim.size));
      put_bytes(out, base::view_of(dim.name));
    }
  }
}

// Every count is followed by that many entries of at least 8 bytes, so that the size of the message bounds
// it.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  std::uint64_t number() { return base::load_le<std::uint64_t>(take(8).data()); }
  std::uint64_t count() {
    const std::uint64_t value = number();
    if (value > bytes_.size() / 8) fail();
    return value;
  }
  ByteView bytes() { return take(number()); }
  std::string text() { return std::string(base::text_of(bytes())); }
  ElementType type() {
    const std::uint64_t value = number();
    if (value >= kElementTypes) fail();
    return static_cast<ElementType>(value);
  }
  void end() const {
    if (!bytes_.empty()) fail();
  }
  [[noreturn]] static void fail() {
    throw base::Error(base::ErrorKind::corrupt, "the child process gives a malformed answer",
                      "the model took it over or crashed it");
  }

 private:
  ByteView take(std::uint64_t length) {
    if (length > bytes_.size()) fail();
    const ByteView result = bytes_.first(length);
    bytes_ = bytes_.subspan(length);
    return result;
  }

  ByteView bytes_;
};

std::vector<ValueInfo> read_values(Reader& in) {
  std::vector<ValueInfo> values(in.count());
  for (ValueInfo& value : values) {
    value.name = in.text();
    value.type = in.type();
    value.dims.resize(in.count());
    for (Dim& dim : value.dims) {
      dim.size = static_cast<std::int64_t>(in.number());
      dim.name = in.text();
      if (dim.size < kFree) Reader::fail();
    }
  }
  return values;
}

}  // namespace

Bytes pack_arrays(const NamedArrays& arrays) {
  Bytes out;
  put_number(out, arrays.size());
  for (const NamedArray& entry : arrays) {
    put_bytes(out, base::view_of(entry.name));
    put_number(out, static_cast<std::uint64_t>(entry.array.type));
    put_number(out, entry.array.shape.size());
    for (const std::uint64_t dim : entry.array.shape) put_number(out, dim);
    put_bytes(out, entry.array.data);
  }
  return out;
}

Bytes pack_signature(const Signature& signature) {
  Bytes out;
  put_values(out, signature.inputs);
  put_values(out, signature.outputs);
  return out;
}

NamedArrays unpack_arrays(ByteView bytes) {
  Reader in(bytes);
  NamedArrays arrays(in.count());
  for (NamedArray& entry : arrays) {
    entry.name = in.text();
    entry.array.type = in.type();
    entry.array.shape.resize(in.count());
    for (std::uint64_t& dim : entry.array.shape) dim = in.number();
    const ByteView data = in.bytes();
    if (data.size() != data_size(entry.array.type, entry.array.shape, "an array")) Reader::fail();
    entry.array.data.assign(data.begin(), data.end());
  }
  in.end();
  return arrays;
}

Signature unpack_signature(ByteView bytes) {
  Reader in(bytes);
  Signature signature;
  signature.inputs = read_values(in);
  signature.outputs = read_values(in);
  in.end();
  return signature;
}

}  // namespace tt::runtime
