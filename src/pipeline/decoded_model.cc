#include "pipeline/decoded_model.h"

#include "codec/codec.h"
#include "model/taps.h"
#include "runtime/image.h"

namespace tt::pipeline {

model::Model decoded_model(const model::Model& original,
                           const std::vector<const container::EncodedWeight*>& weights,
                           const std::vector<std::string>& outputs, unsigned threads) {
  std::vector<std::uint64_t> sizes;
  for (const model::Weight& weight : original.weights()) sizes.push_back(weight.layout.payload_size());
  const auto decode = [&](std::size_t index, const runtime::PayloadSink& sink) {
    const container::EncodedWeight& weight = *weights[index];
    codec::codec_for(weight.entry.encoding.format)
        .decode(weight.entry.layout, weight.entry.encoding, codec::MemoryCores(weight.cores), sink);
  };
  return runtime::assembled_model(model::tapped_skeleton(original, outputs), sizes, decode,
                                  "compressed model", threads);
}

}  // namespace tt::pipeline
