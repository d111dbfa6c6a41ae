// Inline payloads become external data: the payload field of a TensorProto gives way to external_data entries
// and data_location, and every enclosing length follows.
#include <onnx/onnx_pb.h>

#include <string_view>

#include "model/skeleton.h"
#include "model/splice.h"

namespace tt::model {
namespace {

std::uint64_t varint_tag(int field) {
  return static_cast<std::uint64_t>(field) << 3;
}

void append_bytes(base::Bytes& out, int field, std::string_view value) {
  append_varint(out, bytes_tag(field));
  append_varint(out, value.size());
  const base::ByteView bytes = base::view_of(value);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_entry(base::Bytes& out, std::string_view key, std::string_view value) {
  base::Bytes entry;
  append_bytes(entry, onnx::StringStringEntryProto::kKeyFieldNumber, key);
  append_bytes(entry, onnx::StringStringEntryProto::kValueFieldNumber, value);
  append_bytes(out, onnx::TensorProto::kExternalDataFieldNumber, base::text_of(entry));
}

base::Bytes external_fields(const std::string& location, std::uint64_t offset, std::uint64_t length) {
  base::Bytes text;
  append_entry(text, "location", location);
  append_entry(text, "offset", std::to_string(offset));
  append_entry(text, "length", std::to_string(length));
  append_varint(text, varint_tag(onnx::TensorProto::kDataLocationFieldNumber));
  append_varint(text, onnx::TensorProto::EXTERNAL);
  return text;
}

// In subgraphs they stay: a runtime that gets its files in memory looks for those of the main graph only.
bool moves_out(const TensorInfo& info, std::uint32_t weight) {
  return weight != kNone && info.kind == TensorKind::initializer && info.graph == 0 && info.whole &&
         info.external == kNone && info.place.form == PayloadForm::flat &&
         info.place.length >= kExternalBytes;
}

}  // namespace

Skeleton cut_external(const Onnx& onnx, const std::vector<SourceFile>& files,
                      const std::vector<Weight>& weights, const std::vector<std::uint32_t>& of_tensor,
                      const std::string& location) {
  std::vector<Edit> edits;
  std::vector<std::uint32_t> moved;
  std::vector<std::uint64_t> sizes;
  std::uint64_t offset = 0;
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
    edit.text = external_fields(location, offset, info.place.length);
    edits.push_back(std::move(edit));
    moved.push_back(weight);
    sizes.push_back(weights[weight].place.length);
    offset = (offset + info.place.length + kExternalAlignment - 1) / kExternalAlignment * kExternalAlignment;
  }
  fix_lengths(onnx.messages, files[0].file.size(), edits);
  SkeletonBuilder builder(files);
  builder.add_file(0, edits);
  builder.add_payload_file(location, moved, sizes, kExternalAlignment);
  return builder.take();
}

}  // namespace tt::model
