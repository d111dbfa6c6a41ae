// One input's codes along a trellis: what tensor/sic_column.h does with free integers.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/sic_column.h"
#include "tensor/trellis.h"

namespace tt::tensor {

// A rounding error uniform over one step s is as large, in squares, as that of a trellis with s times this:
// 1 / 12 against 0.263 squared steps (measured; the same for any values that are many steps wide).
inline constexpr float kTrellisStep = 0.5625f;
// Larger codes (in magnitude) are not chosen.
inline constexpr float kMostTrellisCode = 1 << 22;

class TrellisColumns {
 public:
  // `price` of a bit in squared steps of the trellis; a new trellis begins every `run` > 0 values.
  TrellisColumns(double price, std::uint64_t run) : price_(price), run_(run) {}
  // The thresholds of `rule` are not used.
  ColumnResult round(std::span<const float> targets, std::span<const float> originals, const ColumnRule& rule,
                     std::span<std::int32_t> codes, std::span<float> errors);

 private:
  // Of |code| / 2, rounded down.
  struct Tallies {
    Tally even, odd;
  };
  static Tallies nearest(std::span<const float> targets, float inverse);
  Tallies of_codes(std::span<const std::int32_t> codes) const;
  void choose(std::span<const float> targets, const ColumnRule& rule, const Tallies& expected,
              std::span<std::int32_t> codes);

  double price_;
  std::uint64_t run_;
  TallyPrior even_, odd_;
  TrellisSearch search_;
};

}  // namespace tt::tensor
