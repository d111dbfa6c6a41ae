// What the outputs or inputs of some layers are called: a text file with one name a line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tt::pipeline {

inline constexpr std::uint64_t kMaxLabelBytes = 16 << 20;

class AxisLabels {
 public:
  AxisLabels() = default;
  // Line i names index i of every axis that is as long as the file has lines; the end of the last line does
  // not begin another, a carriage return before an end of line is not part of the name. Errors: not_found;
  // bad_data: empty, or not UTF-8; resource_limit above kMaxLabelBytes.
  static AxisLabels read(const std::string& path);

  std::uint64_t size() const { return labels_.size(); }  // 0: there are none
  // Empty if an axis of this length has no names.
  std::string at(std::uint64_t length, std::uint64_t index) const;

 private:
  std::vector<std::string> labels_;
};

}  // namespace tt::pipeline
