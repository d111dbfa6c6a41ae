// Payloads of tensors that change their place: from data files or varints into raw_data, or out to a data
// file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/splice.h"

namespace tt::model {

// A tensor with external data gets it as raw_data: the payload of `weight`, or with kNone the bytes
// themselves.
void inline_external(const TensorInfo& info, const ExternalData& external, std::uint32_t weight,
                     std::vector<Edit>& edits);
// A weight stored as varints gets `size` bytes of raw_data.
void inline_varints(const TensorInfo& info, std::uint32_t weight, std::uint64_t size,
                    std::vector<Edit>& edits);

// A tensor with external data gets other fields in place of those that say where it lies.
void replace_external(const TensorInfo& info, const ExternalData& external, base::Bytes fields,
                      std::vector<Edit>& edits);

// The fields of a TensorProto whose payload lies in a data file.
base::Bytes external_fields(const std::string& location, std::uint64_t offset, std::uint64_t length);

// The payloads of a data file, each at a multiple of kExternalAlignment.
class PayloadFile {
 public:
  // Offset of the payload of `weight`, which is `size` bytes; the same again for one that is there already.
  std::uint64_t place(std::uint32_t weight, std::uint64_t size);
  const std::vector<std::uint32_t>& weights() const { return weights_; }
  const std::vector<std::uint64_t>& sizes() const { return sizes_; }

 private:
  std::vector<std::uint32_t> weights_;
  std::vector<std::uint64_t> sizes_;
  std::map<std::uint32_t, std::uint64_t> offsets_;
  std::uint64_t end_ = 0;
};

}  // namespace tt::model
