#include "model/varint16.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "model/skeleton_writer.h"

namespace tt::model {

namespace {

// Decodes one byte after the other; a varint of 16 bits has at most 3.
class Decoder {
 public:
  // False if no canonical varint continues like this. A finished element stands in value().
  bool push(std::uint8_t byte) {
    if (done_) partial_ = bytes_ = 0;
    partial_ |= static_cast<std::uint32_t>(byte & 0x7f) << (7 * bytes_++);
    done_ = (byte & 0x80) == 0;
    if (done_) return partial_ <= 0xffff && (byte != 0 || bytes_ == 1);
    return bytes_ < 3;
  }
  bool done() const { return done_; }
  std::uint16_t value() const { return static_cast<std::uint16_t>(partial_); }

 private:
  std::uint32_t partial_ = 0;
  int bytes_ = 0;
  bool done_ = true;
};

}  // namespace

bool is_canonical_varint16(const base::InputFile& file, std::uint64_t offset, std::uint64_t length,
                           std::uint64_t elements) {
  std::array<std::uint8_t, 16384> buffer;
  Decoder decoder;
  std::uint64_t count = 0;
  for (std::uint64_t at = 0; at < length;) {
    std::uint64_t size = std::min<std::uint64_t>(buffer.size(), length - at);
    file.read(offset + at, std::span(buffer).first(size));
    for (std::uint64_t i = 0; i < size; ++i) {
      if (!decoder.push(buffer[i])) return false;
      count += decoder.done();
    }
    at += size;
  }
  return decoder.done() && count == elements;
}

base::Bytes to_varint16(base::ByteView payload) {
  base::Bytes out;
  out.reserve(payload.size() / 2 * 3);
  for (std::size_t i = 0; i + 1 < payload.size(); i += 2) {
    std::uint32_t value = base::load_le<std::uint16_t>(payload.data() + i);
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
  }
  return out;
}

base::Bytes from_varint16(base::ByteView varints, std::uint64_t elements) {
  auto fail = [] {
    throw base::Error(base::ErrorKind::bad_data, "16-bit varints are not in canonical form");
  };
  if (elements > varints.size()) fail();
  base::Bytes out(elements * 2);
  Decoder decoder;
  std::uint64_t count = 0;
  for (std::uint8_t byte : varints) {
    if (!decoder.push(byte)) fail();
    if (!decoder.done()) continue;
    if (count == elements) fail();
    base::store_le(out.data() + 2 * count++, decoder.value());
  }
  if (!decoder.done() || count != elements) fail();
  return out;
}

}  // namespace tt::model
