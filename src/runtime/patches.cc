#include "runtime/patches.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t kMaxAxes = 8;
constexpr std::int64_t kMaxAttribute = std::int64_t{1} << 31;

[[noreturn]] void refuse(const std::string& what, const std::string& why) {
  throw Error(ErrorKind::bad_data, what + " has " + why, "check the model with its exporter");
}

// One positive number for each axis, 1 if none are given.
tensor::Shape per_axis(const std::vector<std::int64_t>& values, std::size_t axes, const char* name,
                       const std::string& what) {
  if (values.empty()) return tensor::Shape(axes, 1);
  if (values.size() != axes) refuse(what, std::to_string(values.size()) + " " + name);
  tensor::Shape result;
  for (const std::int64_t value : values) {
    if (value < 1 || value > kMaxAttribute) refuse(what, std::string(name) + " of " + std::to_string(value));
    result.push_back(static_cast<std::uint64_t>(value));
  }
  return result;
}

std::vector<std::int64_t> checked_pads(const std::vector<std::int64_t>& pads, std::size_t axes,
                                       const std::string& what) {
  if (pads.empty()) return std::vector<std::int64_t>(2 * axes, 0);
  if (pads.size() != 2 * axes) refuse(what, std::to_string(pads.size()) + " pads");
  for (const std::int64_t pad : pads)
    if (pad < -kMaxAttribute || pad > kMaxAttribute) refuse(what, "a pad of " + std::to_string(pad));
  return pads;
}

struct AxisOut {
  std::uint64_t size = 0;
  std::int64_t begin = 0;
};

AxisOut axis_out(const ConvGeometry& geometry, std::size_t axis, std::uint64_t in) {
  const auto reach = static_cast<std::int64_t>(geometry.dilations[axis] * (geometry.kernel[axis] - 1) + 1);
  const auto size = static_cast<std::int64_t>(in), stride = static_cast<std::int64_t>(geometry.strides[axis]);
  if (geometry.auto_pad.starts_with("SAME")) {
    const std::int64_t out = (size + stride - 1) / stride;
    const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * stride + reach - size);
    const std::int64_t less = total / 2;
    return {static_cast<std::uint64_t>(out), geometry.auto_pad == "SAME_UPPER" ? less : total - less};
  }
  const bool explicit_pads = geometry.auto_pad != "VALID";
  const std::int64_t begin = explicit_pads ? geometry.pads[axis] : 0;
  const std::int64_t end = explicit_pads ? geometry.pads[axis + geometry.kernel.size()] : 0;
  const std::int64_t room = size + begin + end - reach;
  return {room < 0 ? 0 : static_cast<std::uint64_t>(room / stride + 1), begin};
}

}  // namespace

std::uint64_t ConvGeometry::patch_size() const {
  return base::checked_mul(channels / group, tensor::element_count(kernel), "size of a patch");
}

ConvGeometry conv_geometry(std::uint64_t channels, std::int64_t group, const tensor::Shape& kernel,
                           const std::vector<std::int64_t>& strides, const std::vector<std::int64_t>& pads,
                           const std::vector<std::int64_t>& dilations, const std::string& auto_pad,
                           const std::string& what) {
  ConvGeometry result;
  result.channels = channels;
  if (kernel.empty() || kernel.size() > kMaxAxes)
    refuse(what, "a kernel of " + std::to_string(kernel.size()) + " axes");
  if (group < 1 || channels == 0 || channels % static_cast<std::uint64_t>(group) != 0)
    refuse(what, std::to_string(group) + " groups for " + std::to_string(channels) + " channels");
  result.group = static_cast<std::uint64_t>(group);
  result.kernel = kernel;
  for (const std::uint64_t size : kernel)
    if (size == 0 || size > static_cast<std::uint64_t>(kMaxAttribute)) refuse(what, "an empty or huge kernel");
  result.strides = per_axis(strides, kernel.size(), "strides", what);
  result.dilations = per_axis(dilations, kernel.size(), "dilations", what);
  result.pads = checked_pads(pads, kernel.size(), what);
  result.auto_pad = auto_pad.empty() ? "NOTSET" : auto_pad;
  for (const char* known : {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"})
    if (result.auto_pad == known) return result;
  refuse(what, "an unknown auto_pad");
}

Patches::Patches(const ConvGeometry& geometry, const tensor::Shape& spatial)
    : geometry_(geometry), spatial_(spatial) {
  if (spatial.size() != geometry.kernel.size())
    throw Error(ErrorKind::bad_data, "an image of " + std::to_string(spatial.size()) +
                                         " axes meets a kernel of " + std::to_string(geometry.kernel.size()));
  for (std::size_t axis = 0; axis < spatial.size(); ++axis) {
    const AxisOut out = axis_out(geometry, axis, spatial[axis]);
    output_.push_back(out.size);
    begin_.push_back(out.begin);
  }
  positions_ = tensor::element_count(output_);
  pixels_ = tensor::element_count(spatial_);
}

void Patches::append(std::span<const float> image, std::uint64_t position, std::vector<float>& out) const {
  const std::size_t axes = spatial_.size();
  std::vector<std::int64_t> corner(axes);
  for (std::size_t axis = axes; axis-- > 0; position /= output_[axis])
    corner[axis] =
        static_cast<std::int64_t>(position % output_[axis] * geometry_.strides[axis]) - begin_[axis];
  // Where each element of the kernel lies in one channel, or -1 outside.
  const std::uint64_t taps = tensor::element_count(geometry_.kernel);
  std::vector<std::int64_t> offsets(taps, 0);
  for (std::uint64_t tap = 0; tap < taps; ++tap) {
    std::uint64_t rest = tap;
    std::int64_t scale = 1;
    for (std::size_t axis = axes; axis-- > 0; rest /= geometry_.kernel[axis]) {
      const auto at = corner[axis] +
                      static_cast<std::int64_t>(rest % geometry_.kernel[axis] * geometry_.dilations[axis]);
      const auto size = static_cast<std::int64_t>(spatial_[axis]);
      if (at < 0 || at >= size || offsets[tap] < 0)
        offsets[tap] = -1;
      else
        offsets[tap] += at * scale;
      scale *= size;
    }
  }
  for (std::uint64_t channel = 0; channel < geometry_.channels; ++channel) {
    const float* const pixels = image.data() + channel * pixels_;
    for (const std::int64_t offset : offsets) out.push_back(offset < 0 ? 0.0f : pixels[offset]);
  }
}

}  // namespace tt::runtime
