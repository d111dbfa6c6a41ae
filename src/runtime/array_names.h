// Element types as safetensors files spell them.
#pragma once

#include <optional>
#include <string_view>

#include "runtime/array.h"

namespace tt::runtime {

std::string_view safetensors_type(ElementType type);  // "F32", "BOOL"
std::optional<ElementType> type_of_safetensors(std::string_view name);

}  // namespace tt::runtime
