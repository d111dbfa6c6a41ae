// Size arithmetic on untrusted numbers: every product, sum and narrowing goes through these functions.
// `what` names the quantity in the message, e.g. "size of tensor 'w'". Errors: ErrorKind::bad_data.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "base/error.h"

namespace tt::base {

[[noreturn]] void throw_overflow(const std::string& what);

inline std::uint64_t checked_add(std::uint64_t a, std::uint64_t b, const std::string& what) {
  std::uint64_t result;
  if (__builtin_add_overflow(a, b, &result)) throw_overflow(what);
  return result;
}
inline std::uint64_t checked_mul(std::uint64_t a, std::uint64_t b, const std::string& what) {
  std::uint64_t result;
  if (__builtin_mul_overflow(a, b, &result)) throw_overflow(what);
  return result;
}
// Product of all values (1 for none). A zero anywhere gives 0 only if the other factors do not overflow.
std::uint64_t checked_product(std::span<const std::uint64_t> values, const std::string& what);

// True if [offset, offset + length) lies inside [0, size).
inline bool range_inside(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

}  // namespace tt::base
