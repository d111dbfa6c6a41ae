// How an array of samples becomes an input of a model: `--input NAME:scale=S,mean=M,std=D,shape=N,784`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tt::runtime {

// An element x becomes (x*scale - mean) / std, computed in double and then rounded.
struct InputMapping {
  std::optional<double> scale, mean, std;
  std::vector<std::uint64_t> shape;  // of one sample, without the N in front
  bool reshaped = false;

  bool has_values() const { return scale || mean || std; }
};
using InputMappings = std::map<std::string, InputMapping>;

// Numbers may be fractions ("1/255"); a shape begins with N. Errors: usage.
std::pair<std::string, InputMapping> parse_input_mapping(std::string_view text);

}  // namespace tt::runtime
