// What goes into a model and what comes out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/array.h"

namespace tt::runtime {

inline constexpr std::int64_t kFree = -1;

struct Dim {
  std::int64_t size = kFree;
  std::string name;  // of a free one, may be empty
};

struct ValueInfo {
  std::string name;
  ElementType type = ElementType::f32;
  std::vector<Dim> dims;
};
std::string dims_text(const ValueInfo& info);  // "Nx784", "?x3x224x224", "scalar"

struct Signature {
  std::vector<ValueInfo> inputs;  // without initializers that are repeated there
  std::vector<ValueInfo> outputs;
};

const ValueInfo* find_value(const std::vector<ValueInfo>& values, std::string_view name);  // null if absent

}  // namespace tt::runtime
