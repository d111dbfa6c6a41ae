#include "base/checked.h"

namespace tt::base {

void throw_overflow(const std::string& what) {
  throw Error(ErrorKind::bad_data, what + " overflows 64 bits",
              "the file is malformed or was made to do harm");
}

std::uint64_t checked_product(std::span<const std::uint64_t> values, const std::string& what) {
  std::uint64_t product = 1;
  bool has_zero = false;
  for (const std::uint64_t value : values) {
    if (value == 0) {
      has_zero = true;
    } else {
      product = checked_mul(product, value, what);
    }
  }
  return has_zero ? 0 : product;
}

}  // namespace tt::base
