// From values to places on an axis, and where its ticks are.
#pragma once

#include <string>
#include <vector>

#include "cli/plot.h"

namespace tt::cli {

struct PlotTick {
  double value = 0;
  std::string text = {};
};

class PlotScale {
 public:
  // An axis from `from` to `to` (units of the picture) for values from `least` to `most`, which is widened to
  // full ticks. A linear axis with `from_zero` begins at 0.
  PlotScale(const PlotAxis& axis, double least, double most, bool from_zero, double from, double to);

  double place(double value) const;
  // Linear: 1, 2 or 5 times a power of ten apart, at most 9. Logarithmic: powers of ten, about 10 at most; 2
  // and 5 times these too on axes shorter than 2.5 decades. Values below 1e-300 or above 1e300 lie outside.
  const std::vector<PlotTick>& ticks() const { return ticks_; }

 private:
  void set_linear(double least, double most);
  void set_logarithmic(double least, double most);
  std::string text(double value) const;

  PlotAxis axis_;
  double from_, to_, least_ = 0, most_ = 1;
  std::vector<PlotTick> ticks_;
};

}  // namespace tt::cli
