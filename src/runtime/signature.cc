#include "runtime/signature.h"

#include <algorithm>

#include "base/text.h"

namespace tt::runtime {

std::string dims_text(const ValueInfo& info) {
  if (info.dims.empty()) return "scalar";
  std::string text;
  for (const Dim& dim : info.dims) {
    if (!text.empty()) text += "x";
    text += dim.size != kFree  ? std::to_string(dim.size)
            : dim.name.empty() ? "?"
                               : base::printable(dim.name, 40);
  }
  return text;
}

const ValueInfo* find_value(const std::vector<ValueInfo>& values, std::string_view name) {
  const auto found =
      std::find_if(values.begin(), values.end(), [&](const ValueInfo& value) { return value.name == name; });
  return found == values.end() ? nullptr : &*found;
}

}  // namespace tt::runtime
