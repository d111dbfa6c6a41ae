// Trellis-coded quantisation: integer codes of which each may take only every second integer, even ones or
// odd ones, and the codes before it say which. A search over all sequences then finds codes that lie nearer
// to the values than free integers with the same entropy can: of the 0.254 bits that scalar quantisation
// gives away at any rate above one bit, 0.18 come back (8 states, measured on Gaussian values).
//
// The trellis is Ungerboeck's of 8 states for amplitudes (IEEE Trans. Inf. Theory 28, 1982, parity check
// polynomials 13 and 4 in octal), its four subsets the integers by their remainder mod 4; entropy coding as
// Fischer and Wang (IEEE Trans. Inf. Theory 38, 1992). Difference to theirs, and to dependent quantisation in
// ISO/IEC 15938-17: zero is in no odd subset and cosets are not mirrored, which costs nothing at low rates
// where both sets have an entropy code of their own, and is 0.02 to 0.05 bits better.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tt::tensor {

inline constexpr std::uint32_t kTrellisStates = 8;

// The codes that may follow are odd if the state is, else even.
constexpr bool takes_odd(std::uint32_t state) {
  return (state & 1) != 0;
}
// Of the two subsets that a state allows, the one with the higher remainder mod 4: 2 of 0 and 2, 3 of 1
// and 3.
constexpr bool in_higher_subset(std::int32_t code) {
  return (static_cast<std::uint32_t>(code) & 2) != 0;
}
// The state after a code. The first one is 0.
constexpr std::uint32_t next_state(std::uint32_t state, bool higher) {
  return state >> 1 ^ (takes_odd(state) ? 5u : 0u) ^ (higher ? 2u : 0u);
}

// What codes cost beside their squared distance, in squared steps: 0 `zero`, other even ones even_first +
// even_more * (|code| / 2 - 1), -1 and 1 odd_least, other odd ones odd_first + odd_more * ((|code| - 1) / 2 -
// 1).
struct TrellisPrices {
  float zero = 0, even_first = 0, even_more = 0, odd_least = 0, odd_first = 0, odd_more = 0;
};

// Finds the path of least sum of (target / step - code)^2 + price(code) from state 0 (Viterbi). Keeps its
// memory from one search to the next, some 50 bytes a target.
class TrellisSearch {
 public:
  // Targets are cut to +-(most - 4) steps, 8 <= most <= 2^22.
  void operator()(std::span<const float> targets, float inverse_step, float most, const TrellisPrices& prices,
                  std::span<std::int32_t> codes);

 private:
  std::vector<float> scaled_;         // targets in steps; zeros up to a multiple of the vectors
  std::vector<std::int32_t> codes_;   // the cheapest code of each subset, [remainder mod 4][target]
  std::vector<float> costs_;          // its cost
  std::vector<std::int8_t> choices_;  // [target][state after it]: not 0 if it came by the higher subset
};

}  // namespace tt::tensor
