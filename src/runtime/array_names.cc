#include "runtime/array_names.h"

namespace tt::runtime {
namespace {

struct TypeName {
  std::string_view name;
  ElementType type;
};
constexpr TypeName kNames[] = {
    {"F32", ElementType::f32},     {"F16", ElementType::f16}, {"BF16", ElementType::bf16},
    {"F64", ElementType::f64},     {"I8", ElementType::i8},   {"U8", ElementType::u8},
    {"I16", ElementType::i16},     {"U16", ElementType::u16}, {"I32", ElementType::i32},
    {"U32", ElementType::u32},     {"I64", ElementType::i64}, {"U64", ElementType::u64},
    {"BOOL", ElementType::boolean}};

}  // namespace

std::string_view safetensors_type(ElementType type) {
  for (const TypeName& row : kNames)
    if (row.type == type) return row.name;
  return "";
}

std::optional<ElementType> type_of_safetensors(std::string_view name) {
  for (const TypeName& row : kNames)
    if (row.name == name) return row.type;
  return std::nullopt;
}

}  // namespace tt::runtime
