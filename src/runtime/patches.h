// What a convolution's kernel sees: im2col, position by position.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace tt::runtime {

// One Conv over N x C x spatial... arrays. As ONNX defines it: out = floor((in + pads - (dilation (k - 1) + 1)) /
// stride) + 1; auto_pad SAME_UPPER and SAME_LOWER give out = ceil(in / stride) with the odd pixel at the end or
// the beginning.
struct ConvGeometry {
  std::uint64_t channels = 0;         // of the input
  std::uint64_t group = 1;            // divides channels
  tensor::Shape kernel;               // spatial, 1 to 8 axes
  tensor::Shape strides, dilations;   // one for each axis
  std::vector<std::int64_t> pads;     // begin of every axis, then end of every axis
  std::string auto_pad = "NOTSET";    // NOTSET, VALID, SAME_UPPER, SAME_LOWER

  std::uint64_t patch_size() const;  // channels / group * kernel
  bool operator==(const ConvGeometry&) const = default;
};

// The attributes of a node, where empty lists stand for the defaults. Errors: bad_data, naming `what`: lists of
// other lengths, zero or negative strides, dilations or kernel, a group that does not divide, an unknown
// auto_pad.
ConvGeometry conv_geometry(std::uint64_t channels, std::int64_t group, const tensor::Shape& kernel,
                           const std::vector<std::int64_t>& strides, const std::vector<std::int64_t>& pads,
                           const std::vector<std::int64_t>& dilations, const std::string& auto_pad,
                           const std::string& what);

class Patches {
 public:
  // `spatial`: of the arrays that will be cut. Errors: bad_data if it has another rank than the kernel.
  Patches(const ConvGeometry& geometry, const tensor::Shape& spatial);

  std::uint64_t positions() const { return positions_; }  // of one image
  // Appends the patch of every group at position `position` (C order over the output) of `image` (channels x
  // spatial): group after group, each channels / group x kernel, zeros outside the image.
  void append(std::span<const float> image, std::uint64_t position, std::vector<float>& out) const;

 private:
  ConvGeometry geometry_;
  tensor::Shape spatial_, output_;
  std::vector<std::int64_t> begin_;  // pads in front
  std::uint64_t positions_ = 1, pixels_ = 1;
};

}  // namespace tt::runtime
