#include "model/skeleton.h"

#include <algorithm>

#include "base/error.h"
#include "model/payload_edits.h"
#include "model/splice.h"

namespace tt::model {

Skeleton cut_exact(const std::vector<SourceFile>& files, const std::vector<Weight>& weights) {
  std::vector<std::vector<Edit>> edits(files.size());
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    edits[weights[i].place.file].push_back(payload_edit(weights[i].place, i));
  }
  SkeletonBuilder builder(files);
  for (std::uint32_t file = 0; file < files.size(); ++file) {
    std::sort(edits[file].begin(), edits[file].end(),
              [](const Edit& a, const Edit& b) { return a.range.begin < b.range.begin; });
    builder.add_file(file, edits[file]);
  }
  return builder.take();
}

bool needs_inlining(const std::vector<SourceFile>& files, const std::vector<Weight>& weights) {
  return files.size() > 1 || std::any_of(weights.begin(), weights.end(), [](const Weight& weight) {
           return weight.place.form == PayloadForm::varint16;
         });
}

Skeleton cut_inline(const Onnx& onnx, const std::vector<SourceFile>& files,
                    const std::vector<Weight>& weights, const std::vector<std::uint32_t>& of_tensor,
                    std::vector<Edit> edits) {
  for (std::size_t i = 0; i < onnx.tensors.size(); ++i) {
    const TensorInfo& info = onnx.tensors[i];
    std::uint32_t weight = of_tensor[i];
    if (info.external != kNone) {
      inline_external(info, onnx.externals[info.external], weight, edits);
    } else if (weight != kNone && info.place.form == PayloadForm::varint16) {
      inline_varints(info, weight, weights[weight].layout.payload_size(), edits);
    } else if (weight != kNone) {
      edits.push_back(payload_edit(info.place, weight));
    }
  }
  std::uint64_t size = fix_lengths(onnx.messages, files[0].file.size(), edits);
  if (size > kMaxProtobufBytes) {
    throw base::Error(base::ErrorKind::unsupported,
                      "the model with all weights inline has " + std::to_string(size) +
                          " bytes, above protobuf's limit of 2 GB",
                      "keep the external data files");
  }
  SkeletonBuilder builder(files);
  builder.add_file(0, edits);
  return builder.take();
}

}  // namespace tt::model
