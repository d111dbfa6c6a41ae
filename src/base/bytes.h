// Byte buffers and little-endian access.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace tt::base {

static_assert(std::endian::native == std::endian::little, "tt stores and reads little-endian data in place");

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView view_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Unaligned load and store of a trivially copyable value; the caller checks the bounds.
template <typename T>
T load_le(const std::uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <typename T>
void store_le(std::uint8_t* to, T value) {
  std::memcpy(to, &value, sizeof value);
}
template <typename T>
void append_le(Bytes& out, T value) {
  out.resize(out.size() + sizeof value);
  store_le(out.data() + out.size() - sizeof value, value);
}

}  // namespace tt::base
