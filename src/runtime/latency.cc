#include "runtime/latency.h"

#include <algorithm>
#include <chrono>

#include "base/cancel.h"

namespace tt::runtime {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kWarmUps = 3;
constexpr std::uint64_t kMinRuns = 5;

double milliseconds(const Session& session, const NamedArrays& inputs) {
  const Clock::time_point start = Clock::now();
  session.run(inputs);
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Linear between the two neighbours.
double quantile(const std::vector<double>& sorted, double p) {
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Latency summary(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return {quantile(times, 0.5), quantile(times, 0.25), quantile(times, 0.75), times.size()};
}

}  // namespace

std::pair<Latency, Latency> measure_latency(const Session& original, const Session& candidate,
                                            const NamedArrays& inputs, std::uint64_t repeats,
                                            double seconds) {
  for (int i = 0; i < kWarmUps; ++i) {
    original.run(inputs);
    candidate.run(inputs);
  }
  const Clock::time_point start = Clock::now();
  const auto is_late = [&] { return std::chrono::duration<double>(Clock::now() - start).count() >= seconds; };
  std::vector<double> first, second;
  while (first.size() < kMinRuns || (first.size() < repeats && !is_late())) {
    base::check_cancelled();
    first.push_back(milliseconds(original, inputs));
    second.push_back(milliseconds(candidate, inputs));
  }
  return {summary(std::move(first)), summary(std::move(second))};
}

}  // namespace tt::runtime
