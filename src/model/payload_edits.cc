#include "model/payload_edits.h"

#include <onnx/onnx_pb.h>

#include <string_view>

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

void remove_others(const TensorInfo& info, const ExternalData& external, std::vector<Edit>& edits) {
  for (std::size_t i = 1; i < external.fields.size(); ++i) {
    Edit removal;
    removal.range = external.fields[i];
    removal.message = info.message;
    edits.push_back(std::move(removal));
  }
}

}  // namespace

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
  remove_others(info, external, edits);
}

void replace_external(const TensorInfo& info, const ExternalData& external, base::Bytes fields,
                      std::vector<Edit>& edits) {
  Edit edit;
  edit.range = external.fields.front();
  edit.message = info.message;
  edit.text = std::move(fields);
  edits.push_back(std::move(edit));
  remove_others(info, external, edits);
}

void inline_varints(const TensorInfo& info, std::uint32_t weight, std::uint64_t size,
                    std::vector<Edit>& edits) {
  Edit edit = raw_data_edit(info.field, info.message, size);
  edit.weight = weight;
  edit.weight_size = size;
  edits.push_back(std::move(edit));
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

std::uint64_t PayloadFile::place(std::uint32_t weight, std::uint64_t size) {
  const std::uint64_t offset = (end_ + kExternalAlignment - 1) / kExternalAlignment * kExternalAlignment;
  const auto [at, fresh] = offsets_.emplace(weight, offset);
  if (!fresh) return at->second;
  weights_.push_back(weight);
  sizes_.push_back(size);
  end_ = offset + size;
  return offset;
}

}  // namespace tt::model
