#include "tensor/trellis.h"

#include <algorithm>
#include <cstring>

#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

constexpr std::size_t kHalf = kTrellisStates / 2;
constexpr std::size_t kTogether = 8;  // a vector of AVX2
constexpr std::size_t kRebase = 64;   // path costs stay small enough for float32

using Costs = float __attribute__((vector_size(kHalf * sizeof(float))));
using Choices = std::int32_t __attribute__((vector_size(kHalf * sizeof(std::int32_t))));

// The cheaper of the two neighbours in a subset, and its cost, of kTogether targets a turn. Codes of
// magnitude `smallest`, 0 or 1, cost `least`. Written in vectors: g++ makes jumps of the choices of a plain
// loop.
TT_VECTOR_CLONES void choose_codes(const float* scaled, std::size_t count, std::int32_t subset,
                                   std::int32_t smallest, float least, float first, float more,
                                   std::int32_t* codes, float* costs) {
  using Floats = float __attribute__((vector_size(kTogether * sizeof(float))));
  using Ints = std::int32_t __attribute__((vector_size(kTogether * sizeof(std::int32_t))));
  const auto price = [&](const Floats& targets, const Ints& code, Floats& cost) {
    const Ints size = (code < 0 ? -code : code) - smallest;
    const Floats longer = first + more * (__builtin_convertvector(size, Floats) * 0.5f - 1);
    const Floats far = targets - __builtin_convertvector(code, Floats);
    cost = far * far + (size == 0 ? Floats{} + least : longer);
  };
  for (std::size_t i = 0; i < count; i += kTogether) {
    Floats targets;
    std::memcpy(&targets, scaled + i, sizeof targets);
    const Floats quarter = (targets - static_cast<float>(subset)) * 0.25f;
    const Ints cut = __builtin_convertvector(quarter, Ints);
    // A comparison that holds gives -1.
    const Ints low = 4 * (cut + (__builtin_convertvector(cut, Floats) > quarter)) + subset, high = low + 4;
    Floats low_cost, high_cost;
    price(targets, low, low_cost);
    price(targets, high, high_cost);
    const Ints better = high_cost < low_cost, code = better ? high : low;
    const Floats cost = better ? high_cost : low_cost;
    std::memcpy(codes + i, &code, sizeof code);
    std::memcpy(costs + i, &cost, sizeof cost);
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
TT_VECTOR_CLONES void forward(const float* costs, std::size_t stride, std::size_t count, std::int8_t* choices,
                              float* ends) {
  constexpr float kNever = 1e30f;
  using Bytes = std::int8_t __attribute__((vector_size(kHalf)));
  Costs even = {0, kNever, kNever, kNever}, odd = broadcast(kNever);
  for (std::size_t i = 0; i < count; ++i) {
    Choices low_choice, high_choice;
    const Costs low = smaller(
        even + costs[i], __builtin_shufflevector(even, even, 2, 3, 0, 1) + costs[2 * stride + i], low_choice);
    const Costs high =
        smaller(__builtin_shufflevector(odd, odd, 1, 0, 3, 2) + costs[stride + i],
                __builtin_shufflevector(odd, odd, 3, 2, 1, 0) + costs[3 * stride + i], high_choice);
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
  const std::size_t stride = (count + kTogether - 1) / kTogether * kTogether;
  scaled_.resize(stride);
  codes_.resize(4 * stride);
  costs_.resize(4 * stride);
  choices_.resize(kTrellisStates * count);
  scale(targets.data(), count, inverse_step, most - 4, scaled_.data());
  std::fill(scaled_.begin() + static_cast<std::ptrdiff_t>(count), scaled_.end(), 0.0f);
  for (const std::size_t d : {0, 1, 2, 3}) {
    const bool odd = d % 2 != 0;
    choose_codes(scaled_.data(), count, static_cast<std::int32_t>(d), odd ? 1 : 0,
                 odd ? prices.odd_least : prices.zero, odd ? prices.odd_first : prices.even_first,
                 odd ? prices.odd_more : prices.even_more, codes_.data() + d * stride,
                 costs_.data() + d * stride);
  }
  float ends[kTrellisStates];
  forward(costs_.data(), stride, count, choices_.data(), ends);
  auto state = static_cast<std::uint32_t>(std::min_element(ends, ends + kTrellisStates) - ends);
  for (std::size_t i = count; i-- > 0;) {
    const bool higher = choices_.data()[kTrellisStates * i + state] != 0;
    state = previous_state(state, higher);
    const std::size_t subset = (state & 1) + (higher ? 2 : 0);
    codes[i] = codes_.data()[subset * stride + i];
  }
}

}  // namespace tt::tensor
