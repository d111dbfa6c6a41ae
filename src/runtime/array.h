// Arrays that go into a model and come out of it: element type, shape, little-endian bytes in C order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "tensor/dtype.h"

namespace tt::runtime {

enum class ElementType : std::uint8_t { f32, f16, bf16, f64, i8, u8, i16, u16, i32, u32, i64, u64, boolean };
inline constexpr std::size_t kElementTypes = 13;

std::uint64_t element_size(ElementType type);     // bytes
std::string_view element_name(ElementType type);  // "float32", "int64", "bool", as NumPy says
bool is_float(ElementType type);
// Bytes of an array. Errors: bad_data on overflow, naming `what`.
std::uint64_t data_size(ElementType type, const tensor::Shape& shape, const std::string& what);

struct Array {
  ElementType type = ElementType::f32;
  tensor::Shape shape;
  base::Bytes data;
};

struct NamedArray {
  std::string name;
  Array array;
};
using NamedArrays = std::vector<NamedArray>;

const Array* find_array(const NamedArrays& arrays, std::string_view name);  // null if absent

// The elements as numbers: exact for every type of at most 53 bits of precision, rounded for the others; true
// is 1.
std::vector<double> to_doubles(const Array& array);
// Exact. Errors: bad_data for floats and for values above 2^63 - 1, naming `what`.
std::vector<std::int64_t> to_integers(const Array& array, const std::string& what);

// The array with another element type. Floats are rounded to nearest; integers must fit. Errors: bad_data,
// naming `what`: floats for integers or bool, integers for floats, bool for anything else, a value that does
// not fit (finite numbers that would become infinite included).
Array convert(Array array, ElementType type, const std::string& what);
// floats -> `type`, the same rules. Errors: bad_data as above.
Array from_doubles(const std::vector<double>& values, const tensor::Shape& shape, ElementType type,
                   const std::string& what);

}  // namespace tt::runtime
