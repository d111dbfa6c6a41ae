// One TensorProto: dimensions, element type, and where its payload lies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/graph.h"
#include "tensor/dtype.h"

namespace tt::model {

// The float types that weights may have.
std::optional<tensor::DType> weight_dtype(std::int32_t data_type);
// "int8", "float8e4m3fn", "type 77"
std::string data_type_name(std::int32_t data_type);
// Product of the dimensions. Errors: bad_data on overflow.
std::uint64_t element_count(const Onnx& onnx, const TensorInfo& info);
// Bytes of raw_data or external data; nothing for strings and unknown types. Errors: bad_data on overflow.
std::optional<std::uint64_t> raw_size(const Onnx& onnx, const TensorInfo& info);
// "tensor 'w'" or its path in the file where it has no name.
std::string tensor_text(const Onnx& onnx, const TensorInfo& info);

// Walks the TensorProto in `field` and adds it to onnx.tensors (sparse tensors and tensors of other
// attributes only if their data is external). Returns its index, or kNone where it is not kept. Errors:
// bad_data: negative dimension, no element type, payload size other than the dimensions say, two payloads, no
// payload.
std::uint32_t walk_tensor(WireReader& in, Onnx& onnx, const Field& field, const char* label,
                          std::uint32_t index, std::uint32_t graph, TensorKind kind);

}  // namespace tt::model
