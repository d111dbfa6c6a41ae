// Words of a fixed width coded plane by plane: docs/formats/encodings.md, "planes".
//
// A word is cut into planes of 1 to 8 bits from its most significant end. For floats the sign is moved to the
// low end first, so that plane 0 is the exponent (skewed), the next the leading bits of the mantissa
// (slightly skewed, depending on the exponent) and the rest nearly uniform. Elements are taken in blocks that
// decode on their own. A plane of a block is stored in the smallest of three ways: one constant, packed bits,
// or rANS whose frequency table is chosen by the class of another symbol: that of plane 0 of the same
// element, or, for plane 0 itself, that of an element a fixed distance before.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "codec/codec.h"
#include "codec/cursor.h"

namespace tt::codec {

inline constexpr std::uint64_t kBlockElements = std::uint64_t{1} << 18;

// How the words of a weight are cut, and where similar elements may be found.
struct PlaneScheme {
  std::vector<unsigned> widths;  // from the most significant end, each 1..8
  std::vector<std::uint64_t>
      periods;  // distances at which elements tend to have a similar magnitude (row, kernel)
  unsigned word_bits() const;
};

// Words are the bits of the element rotated left by one (sign lowest).
PlaneScheme scheme_of(const WeightLayout& layout);
// Words of 6 + mantissa bits: exponent (5), kept mantissa, sign.
PlaneScheme scheme_of_half(unsigned mantissa);

// Fills `block` with the words of the elements from `first` on: words exist a block at a time, not for a
// whole weight.
template <typename Word>
using WordSource = std::function<void(std::uint64_t first, std::span<Word> block)>;

// The words of `elements` elements as blocks, appended to `out`. Word is uint32_t or uint64_t.
template <typename Word>
void encode_planes(const PlaneScheme& scheme, std::uint64_t elements, const WordSource<Word>& words,
                   base::Bytes& out);
// Bytes that encode_planes appends, by the same decisions from the same histograms, without coding (about 0.1
// % off).
template <typename Word>
std::uint64_t estimate_planes(const PlaneScheme& scheme, std::uint64_t elements,
                              const WordSource<Word>& words);

// Decodes block after block. `read(offset, out)` yields coded bytes; `coded_size` is all there is.
class PlaneReader {
 public:
  PlaneReader(PlaneScheme scheme, std::uint64_t elements, const CoreReader& cores, std::uint64_t offset);
  // Fills `words` with the next block (up to kBlockElements); false after the last. Errors: corrupt.
  template <typename Word>
  bool next(std::vector<Word>& words);

 private:
  base::Bytes read_block();
  PlaneScheme scheme_;
  std::uint64_t elements_, done_ = 0;
  const CoreReader& cores_;
  std::uint64_t offset_;
  bool single_;
};

}  // namespace tt::codec
