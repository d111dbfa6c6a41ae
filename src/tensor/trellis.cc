#include "tensor/trellis.h"

#include <algorithm>
#include <cstring>

#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

constexpr std::size_t kHalf = kTrellisStates / 2;
constexpr std::size_t kRebase = 64;  // path costs stay small enough for float32

using Costs = float __attribute__((vector_size(kHalf * sizeof(float))));
using Choices = std::int32_t __attribute__((vector_size(kHalf * sizeof(std::int32_t))));

// The cheaper of the two neighbours in a subset, and its cost. Codes of magnitude `smallest`, 0 or 1, cost
// `least`.
TT_VECTOR_CLONES void choose_codes(const float* scaled, std::size_t count, float subset, float smallest,
                                   float least, float first, float more, float* codes, float* costs) {
  for (std::size_t i = 0; i < count; ++i) {
    const float value = scaled[i];
    const float low = 4 * __builtin_floorf((value - subset) * 0.25f) + subset, high = low + 4;
    const float low_size = __builtin_fabsf(low) - smallest, high_size = __builtin_fabsf(high) - smallest;
    const float low_price = low_size == 0 ? least : first + more * (low_size * 0.5f - 1);
    const float high_price = high_size == 0 ? least : first + more * (high_size * 0.5f - 1);
    const float low_cost = (value - low) * (value - low) + low_price;
    const float high_cost = (value - high) * (value - high) + high_price;
    codes[i] = high_cost < low_cost ? high : low;
    costs[i] = high_cost < low_cost ? high_cost : low_cost;
  }
}

TT_VECTOR_CLONES void scale(const float* targets, std::size_t count, float inverse, float most, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const float value = targets[i] * inverse;
    out[i] = value > most ? most : value < -most ? -most : value;
  }
}

inline Costs broadcast(float value) {
  return Costs{} + value;
}
inline Costs smaller(Costs a, Costs b, Choices& second) {
  second = b < a;
  return second ? b : a;
}

// The cheapest path to every state after every target. Even states lead to the lower half of the states, odd
// ones to the upper half (next_state()).
TT_VECTOR_CLONES void forward(const float* costs, std::size_t count, std::int8_t* choices, float* ends) {
  constexpr float kNever = 1e30f;
  using Bytes = std::int8_t __attribute__((vector_size(kHalf)));
  Costs even = {0, kNever, kNever, kNever}, odd = broadcast(kNever);
  for (std::size_t i = 0; i < count; ++i) {
    Choices low_choice, high_choice;
    const Costs low = smaller(
        even + costs[i], __builtin_shufflevector(even, even, 2, 3, 0, 1) + costs[2 * count + i], low_choice);
    const Costs high =
        smaller(__builtin_shufflevector(odd, odd, 1, 0, 3, 2) + costs[count + i],
                __builtin_shufflevector(odd, odd, 3, 2, 1, 0) + costs[3 * count + i], high_choice);
    const Bytes low_bytes = __builtin_convertvector(low_choice, Bytes),
                high_bytes = __builtin_convertvector(high_choice, Bytes);
    std::memcpy(choices + kTrellisStates * i, &low_bytes, sizeof low_bytes);
    std::memcpy(choices + kTrellisStates * i + kHalf, &high_bytes, sizeof high_bytes);
    even = __builtin_shufflevector(low, high, 0, 2, 4, 6);
    odd = __builtin_shufflevector(low, high, 1, 3, 5, 7);
    if (i % kRebase == 0) {
      float least = even[0];
      for (std::size_t s = 1; s < kHalf; ++s) least = std::min(least, even[s]);
      even -= least;
      odd -= least;
    }
  }
  for (std::size_t s = 0; s < kHalf; ++s) ends[2 * s] = even[s], ends[2 * s + 1] = odd[s];
}

// The state before, the inverse of next_state().
inline std::uint32_t previous_state(std::uint32_t state, bool higher) {
  const bool from_odd = state >= kHalf;
  const std::uint32_t half = (from_odd ? state ^ 5u : state) ^ (higher ? 2u : 0u);
  return 2 * half + (from_odd ? 1 : 0);
}

}  // namespace

// From the cheapest end back to the first target.
void TrellisSearch::operator()(std::span<const float> targets, float inverse_step, float most,
                               const TrellisPrices& prices, std::span<std::int32_t> codes) {
  const std::size_t count = targets.size();
  scaled_.resize(count);
  codes_.resize(4 * count);
  costs_.resize(4 * count);
  choices_.resize(kTrellisStates * count);
  scale(targets.data(), count, inverse_step, most - 4, scaled_.data());
  for (const std::size_t d : {0, 1, 2, 3}) {
    const bool odd = d % 2 != 0;
    choose_codes(scaled_.data(), count, static_cast<float>(d), odd ? 1 : 0,
                 odd ? prices.odd_least : prices.zero, odd ? prices.odd_first : prices.even_first,
                 odd ? prices.odd_more : prices.even_more, codes_.data() + d * count,
                 costs_.data() + d * count);
  }
  float ends[kTrellisStates];
  forward(costs_.data(), count, choices_.data(), ends);
  auto state = static_cast<std::uint32_t>(std::min_element(ends, ends + kTrellisStates) - ends);
  for (std::size_t i = count; i-- > 0;) {
    const bool higher = choices_.data()[kTrellisStates * i + state] != 0;
    state = previous_state(state, higher);
    const std::size_t subset = (state & 1) + (higher ? 2 : 0);
    codes[i] = static_cast<std::int32_t>(codes_.data()[subset * count + i]);
  }
}

}  // namespace tt::tensor
