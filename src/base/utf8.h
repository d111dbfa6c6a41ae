// UTF-8 (RFC 3629), for texts from strangers.
#pragma once

#include <string_view>

namespace tt::base {

// The first code point of `text` and its length in bytes; length 0 if `text` does not start with a valid one
// (empty, overlong, surrogate, above U+10FFFF, cut).
struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;
};
CodePoint decode_utf8(std::string_view text);

bool is_utf8(std::string_view text);  // the whole of it

}  // namespace tt::base
