#include "codec/cancelled_codes.h"

#include <vector>

namespace tt::codec {
namespace {

constexpr int kMostChanges = 256;  // of a line

// One line of codes, its entries `stride` apart.
class Line {
 public:
  Line(std::int32_t* codes, std::uint64_t stride, std::uint64_t length, std::span<const double> directions)
      : codes_(codes),
        stride_(stride),
        length_(length),
        count_(directions.size() / length),
        directions_(directions),
        along_(count_),
        errors_(length),
        steps_(length) {}

  void set(std::uint64_t i, double step, double value) {
    steps_[i] = step;
    errors_[i] = static_cast<double>(codes_[i * stride_]) * step - value;
    squares_ += step * step;
    for (std::uint64_t k = 0; k < count_; ++k) along_[k] += directions_[k * length_ + i] * errors_[i];
  }

  void cancel() {
    if (squares_ == 0) return;
    weight_ = static_cast<double>(length_) * static_cast<double>(length_) / squares_;
    for (int change = 0; change < kMostChanges && improve(); ++change) {
    }
  }

 private:
  // By how much a change of code i by one, in the direction that helps, lowers the sum.
  double gain(std::uint64_t i, int& by) const {
    double slope = 0, square = 0;
    for (std::uint64_t k = 0; k < count_; ++k) {
      const double q = directions_[k * length_ + i];
      slope += q * along_[k];
      square += q * q;
    }
    by = slope > 0 ? -1 : 1;
    const double s = steps_[i];
    return -(1 + 2 * by * errors_[i] / s + weight_ * (2 * by * s * slope + s * s * square));
  }

  bool improve() {
    double best = 0;
    std::uint64_t at = 0;
    int change = 0;
    for (std::uint64_t i = 0; i < length_; ++i) {
      if (steps_[i] == 0) continue;
      int by = 0;
      const double found = gain(i, by);
      if (found <= best) continue;
      best = found;
      at = i;
      change = by;
    }
    if (change == 0) return false;
    codes_[at * stride_] += change;
    errors_[at] += change * steps_[at];
    for (std::uint64_t k = 0; k < count_; ++k)
      along_[k] += directions_[k * length_ + at] * change * steps_[at];
    return true;
  }

  std::int32_t* codes_;
  std::uint64_t stride_, length_, count_;
  std::span<const double> directions_;
  std::vector<double> along_, errors_, steps_;  // Q e, e and s
  double squares_ = 0, weight_ = 0;
};

}  // namespace

void cancel_errors(tensor::SicCodes& codes, std::span<const float> values, bool along_inputs,
                   std::span<const double> directions) {
  const std::uint64_t inputs = codes.inputs, outputs = codes.outputs;
  const std::uint64_t lines = along_inputs ? outputs : inputs, length = along_inputs ? inputs : outputs;
  for (std::uint64_t l = 0; l < lines; ++l) {
    const std::uint64_t first = along_inputs ? l : l * outputs, stride = along_inputs ? outputs : 1;
    Line line(codes.codes.data() + first, stride, length, directions);
    for (std::uint64_t i = 0; i < length; ++i) {
      const std::uint64_t input = along_inputs ? i : l;
      const float step =
          codes.step_codes.empty() ? codes.scale : tensor::sic_step(codes.scale, codes.step_codes[input]);
      line.set(i, double{step}, double{values[first + i * stride]});
    }
    line.cancel();
  }
}

}  // namespace tt::codec
