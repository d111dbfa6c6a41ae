// What the runtime is given: a model that `model` has read and checked, put together again in memory. Files
// of strangers never reach it as they came.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/model.h"

namespace tt::runtime {

struct DataFile {
  std::string location;  // as external_data names it
  base::Bytes bytes;
};
struct ModelImage {
  base::Bytes model;           // ONNX protobuf
  std::vector<DataFile> data;  // initializers outside of it: only for models above the limit
};

// All weights inline; above `max_inline` bytes the model file and its data files one by one. Errors:
// unsupported for safetensors files, and for models above the limit whose data files are named in two ways;
// bad_data, corrupt as model::Model.
ModelImage image_of(const model::Model& model, std::uint64_t max_inline = 0x7fffffff);

// Gives the payload of weight `index` (flat, whatever the form of its places) to `sink` in pieces.
using PayloadSink = std::function<void(std::uint64_t offset, base::ByteView piece)>;
using PayloadReader = std::function<void(std::size_t index, const PayloadSink& sink)>;

// The files of a skeleton with the payloads at their places, in memory. `payload_sizes`: bytes in the output
// per weight. `read` is called from up to `threads` threads at once. Errors: bad_data as place_pieces;
// corrupt if a payload does not fill its place.
std::vector<base::Bytes> assemble(const model::Skeleton& skeleton,
                                  const std::vector<std::uint64_t>& payload_sizes, const PayloadReader& read,
                                  unsigned threads = 1);
// The same, walked and checked as any model from a file: the way of a container (skeleton and decoded
// weights) to a session.
model::Model assembled_model(const model::Skeleton& skeleton, const std::vector<std::uint64_t>& payload_sizes,
                             const PayloadReader& read, const std::string& name, unsigned threads = 1);

}  // namespace tt::runtime
