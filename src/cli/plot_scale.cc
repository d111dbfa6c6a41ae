#include "cli/plot_scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace tt::cli {
namespace {

constexpr double kLeast = 1e-300, kMost = 1e300;  // powers of ten end soon beyond
constexpr int kMostTicks = 10;

// The smallest of 1, 2, 5 times a power of ten that is at least `least`.
double nice_step(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

}  // namespace

PlotScale::PlotScale(const PlotAxis& axis, double least, double most, bool from_zero, double from, double to)
    : axis_(axis), from_(from), to_(to) {
  if (axis_.logarithmic && !(least > 0)) least = most = 1;
  if (axis_.logarithmic) {
    set_logarithmic(std::clamp(least, kLeast, kMost), std::clamp(most, kLeast, kMost));
  } else {
    set_linear(from_zero ? std::min(0.0, least) : least, most);
  }
}

void PlotScale::set_linear(double least, double most) {
  if (!(most > least)) most = least + (least == 0 ? 1 : std::abs(least));
  const double step = nice_step((most - least) / 7);
  least_ = std::floor(least / step + 1e-9) * step;
  most_ = std::ceil(most / step - 1e-9) * step;
  const auto count = static_cast<int>(std::lround((most_ - least_) / step));
  // From whole numbers of steps, so that 0.3 does not become 0.30000000000000004.
  const auto first = static_cast<double>(std::lround(least_ / step));
  for (int i = 0; i <= count; ++i) ticks_.push_back({(first + i) * step, text((first + i) * step)});
}

void PlotScale::set_logarithmic(double least, double most) {
  const bool few = std::log10(most / least) < 2.5;
  const auto first = static_cast<int>(std::floor(std::log10(least)));
  const auto last = static_cast<int>(std::ceil(std::log10(most) + 1e-9));
  const int every = std::max(1, (last - first + kMostTicks - 1) / kMostTicks);
  std::vector<double> values;
  for (int power = first; power <= last + every; power += every)
    for (const int factor : {1, 2, 5})
      if (factor == 1 || few) values.push_back(factor * std::pow(10, power));
  // The last tick at or below the values, and the first at or above them.
  const auto above =
      std::find_if(values.begin(), values.end(), [&](double tick) { return tick >= most * (1 - 1e-9); });
  const auto below =
      std::find_if(values.begin(), values.end(), [&](double tick) { return tick > least * (1 + 1e-9); }) - 1;
  for (auto tick = below; tick <= above; ++tick) ticks_.push_back({*tick, text(*tick)});
  if (ticks_.size() == 1) ticks_.push_back({*(above + 1), text(*(above + 1))});
  least_ = std::log10(ticks_.front().value);
  most_ = std::log10(ticks_.back().value);
}

std::string PlotScale::text(double value) const {
  const double size = std::abs(value);
  constexpr std::array<std::pair<double, const char*>, 4> kUnits = {
      {{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}}};
  if (axis_.bytes)
    for (const auto& [unit, name] : kUnits)
      if (size >= unit * (1 - 1e-9)) return fmt::format("{:.6g} {}", value / unit, name);
  return fmt::format("{:.6g}{}", size == 0 ? 0 : value, axis_.bytes ? " B" : "");
}

double PlotScale::place(double value) const {
  const double at = axis_.logarithmic ? std::log10(value) : value;
  return from_ + (to_ - from_) * (at - least_) / (most_ - least_);
}

}  // namespace tt::cli
