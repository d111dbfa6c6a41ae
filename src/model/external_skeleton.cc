// Inline payloads become external data: the payload field of a TensorProto gives way to external_data entries
// and data_location, and every enclosing length follows.
#include "model/payload_edits.h"
#include "model/skeleton.h"
#include "model/splice.h"

namespace tt::model {
namespace {

// In subgraphs they stay: a runtime that gets its files in memory looks for those of the main graph only.
bool moves_out(const TensorInfo& info, std::uint32_t weight) {
  return weight != kNone && info.kind == TensorKind::initializer && info.graph == 0 && info.whole &&
         info.external == kNone && info.place.form == PayloadForm::flat &&
         info.place.length >= kExternalBytes;
}

}  // namespace

Skeleton cut_external(const Onnx& onnx, const std::vector<SourceFile>& files,
                      const std::vector<std::uint32_t>& of_tensor, const std::string& location) {
  std::vector<Edit> edits;
  PayloadFile outside;
  for (std::size_t i = 0; i < onnx.tensors.size(); ++i) {
    const TensorInfo& info = onnx.tensors[i];
    const std::uint32_t weight = of_tensor[i];
    if (!moves_out(info, weight)) {
      if (weight != kNone) edits.push_back(payload_edit(info.place, weight));
      continue;
    }
    Edit edit;
    edit.range = info.field;
    edit.message = info.message;
    edit.text = external_fields(location, outside.place(weight, info.place.length), info.place.length);
    edits.push_back(std::move(edit));
  }
  fix_lengths(onnx.messages, files[0].file.size(), edits);
  SkeletonBuilder builder(files);
  builder.add_file(0, edits);
  builder.add_payload_file(location, outside.weights(), outside.sizes(), kExternalAlignment);
  return builder.take();
}

}  // namespace tt::model
