#include "runtime/array.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/checked.h"
#include "base/error.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

struct TypeRow {
  const char* name;
  std::uint64_t size;
};
constexpr std::array<TypeRow, kElementTypes> kTypes = {{{"float32", 4},
                                                        {"float16", 2},
                                                        {"bfloat16", 2},
                                                        {"float64", 8},
                                                        {"int8", 1},
                                                        {"uint8", 1},
                                                        {"int16", 2},
                                                        {"uint16", 2},
                                                        {"int32", 4},
                                                        {"uint32", 4},
                                                        {"int64", 8},
                                                        {"uint64", 8},
                                                        {"bool", 1}}};

// Calls `f` with a value of the C++ type of an integer type.
template <typename F>
auto with_integer(ElementType type, F&& f) {
  switch (type) {
    case ElementType::i8:
      return f(std::int8_t{});
    case ElementType::i16:
      return f(std::int16_t{});
    case ElementType::u16:
      return f(std::uint16_t{});
    case ElementType::i32:
      return f(std::int32_t{});
    case ElementType::u32:
      return f(std::uint32_t{});
    case ElementType::i64:
      return f(std::int64_t{});
    case ElementType::u64:
      return f(std::uint64_t{});
    default:
      return f(std::uint8_t{});  // u8, boolean
  }
}

tensor::DType dtype_of(ElementType type) {
  switch (type) {
    case ElementType::f16:
      return tensor::DType::f16;
    case ElementType::bf16:
      return tensor::DType::bf16;
    case ElementType::f64:
      return tensor::DType::f64;
    default:
      return tensor::DType::f32;
  }
}

std::vector<double> floats_to_doubles(const Array& array, std::size_t count) {
  std::vector<double> result(count);
  if (array.type == ElementType::f64) {
    for (std::size_t i = 0; i < count; ++i) result[i] = base::load_le<double>(array.data.data() + 8 * i);
    return result;
  }
  std::vector<float> values(count);
  tensor::to_float(dtype_of(array.type), array.data, values);
  std::copy(values.begin(), values.end(), result.begin());
  return result;
}

[[noreturn]] void refuse(const std::string& what, ElementType from, ElementType to) {
  throw Error(ErrorKind::bad_data, what + " has elements of type " + std::string(element_name(from)) +
                                       " where " + std::string(element_name(to)) + " is needed");
}

Array convert_integers(const Array& array, ElementType type, const std::string& what) {
  const std::vector<std::int64_t> values = to_integers(array, what);
  Array result{type, array.shape, base::Bytes(values.size() * element_size(type))};
  with_integer(type, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::in_range<T>(values[i]))
        throw Error(ErrorKind::bad_data, what + " has the value " + std::to_string(values[i]) +
                                             ", outside the range of " + std::string(element_name(type)));
      base::store_le(result.data.data() + i * sizeof(T), static_cast<T>(values[i]));
    }
  });
  return result;
}

}  // namespace

std::uint64_t element_size(ElementType type) {
  return kTypes[static_cast<std::size_t>(type)].size;
}
std::string_view element_name(ElementType type) {
  return kTypes[static_cast<std::size_t>(type)].name;
}
bool is_float(ElementType type) {
  return type <= ElementType::f64;
}

std::uint64_t data_size(ElementType type, const tensor::Shape& shape, const std::string& what) {
  return base::checked_mul(base::checked_product(shape, "size of " + what), element_size(type),
                           "size of " + what);
}

const Array* find_array(const NamedArrays& arrays, std::string_view name) {
  const auto found =
      std::find_if(arrays.begin(), arrays.end(), [&](const NamedArray& a) { return a.name == name; });
  return found == arrays.end() ? nullptr : &found->array;
}

std::vector<double> to_doubles(const Array& array) {
  const std::size_t count = array.data.size() / element_size(array.type);
  if (is_float(array.type)) return floats_to_doubles(array, count);
  std::vector<double> result(count);
  with_integer(array.type, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < count; ++i)
      result[i] = static_cast<double>(base::load_le<T>(array.data.data() + i * sizeof(T)));
  });
  return result;
}

std::vector<std::int64_t> to_integers(const Array& array, const std::string& what) {
  if (is_float(array.type)) refuse(what, array.type, ElementType::i64);
  std::vector<std::int64_t> result(array.data.size() / element_size(array.type));
  with_integer(array.type, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < result.size(); ++i) {
      const T value = base::load_le<T>(array.data.data() + i * sizeof(T));
      if (!std::in_range<std::int64_t>(value))
        throw Error(ErrorKind::bad_data,
                    what + " has the value " + std::to_string(value) + ", outside the range of int64");
      result[i] = static_cast<std::int64_t>(value);
    }
  });
  return result;
}

Array from_doubles(const std::vector<double>& values, const tensor::Shape& shape, ElementType type,
                   const std::string& what) {
  Array result{type, shape, base::Bytes(values.size() * element_size(type))};
  if (type == ElementType::f64) {
    std::copy_n(reinterpret_cast<const std::uint8_t*>(values.data()), result.data.size(), result.data.data());
    return result;
  }
  std::vector<float> floats(values.begin(), values.end());
  tensor::from_float(dtype_of(type), floats, result.data);
  tensor::to_float(dtype_of(type), result.data, floats);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (std::isfinite(values[i]) && !std::isfinite(floats[i]))
      throw Error(ErrorKind::bad_data, what + " has the value " + std::to_string(values[i]) +
                                           ", outside the range of " + std::string(element_name(type)));
  return result;
}

Array convert(Array array, ElementType type, const std::string& what) {
  if (array.type == type) return array;
  const bool same_class = is_float(array.type) == is_float(type);
  if (!same_class || array.type == ElementType::boolean || type == ElementType::boolean)
    refuse(what, array.type, type);
  if (!is_float(type)) return convert_integers(array, type, what);
  return from_doubles(to_doubles(array), array.shape, type, what);
}

}  // namespace tt::runtime
