#include "model/skeleton.h"

#include <onnx/onnx_pb.h>

#include <algorithm>

#include "base/error.h"
#include "model/splice.h"

namespace tt::model {

namespace {

// A raw_data field instead of `range`; its payload follows as copy or weight.
Edit raw_data_edit(const Range& range, std::uint32_t message, std::uint64_t size) {
  Edit edit;
  edit.range = range;
  edit.message = message;
  append_varint(edit.text, bytes_tag(onnx::TensorProto::kRawDataFieldNumber));
  append_varint(edit.text, size);
  return edit;
}

void inline_external(const TensorInfo& info, const ExternalData& external, std::uint32_t weight,
                     std::vector<Edit>& edits) {
  Edit edit = raw_data_edit(external.fields.front(), info.message, info.place.length);
  if (weight == kNone) {
    edit.copy_file = info.place.file;
    edit.copy = {info.place.offset, info.place.offset + info.place.length};
  } else {
    edit.weight = weight;
    edit.weight_size = info.place.length;
  }
  edits.push_back(std::move(edit));
  for (std::size_t i = 1; i < external.fields.size(); ++i) {
    Edit removal;
    removal.range = external.fields[i];
    removal.message = info.message;
    edits.push_back(std::move(removal));
  }
}

void inline_varints(const TensorInfo& info, const Weight& weight, std::uint32_t index,
                    std::vector<Edit>& edits) {
  std::uint64_t size = weight.layout.payload_size();
  Edit edit = raw_data_edit(info.field, info.message, size);
  edit.weight = index;
  edit.weight_size = size;
  edits.push_back(std::move(edit));
}

}  // namespace

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
      inline_varints(info, weights[weight], weight, edits);
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
