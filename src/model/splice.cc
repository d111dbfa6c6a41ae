#include "model/splice.h"

#include <algorithm>

namespace tt::model {

Edit payload_edit(const Place& place, std::uint32_t weight) {
  Edit edit;
  edit.range = {place.offset, place.offset + place.length};
  edit.weight = weight;
  edit.form = place.form;
  edit.weight_size = place.length;
  return edit;
}

void append_varint(base::Bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
  out.push_back(static_cast<std::uint8_t>(value));
}

std::uint64_t fix_lengths(const std::vector<Message>& messages, std::uint64_t file_size,
                          std::vector<Edit>& edits) {
  // Differences wrap around like the unsigned sums that they are added to.
  std::vector<std::uint64_t> growth(messages.size(), 0);
  std::uint64_t total = 0;
  auto grow = [&](std::uint32_t message, std::uint64_t by) {
    (message == kNone ? total : growth[message]) += by;
  };
  for (const Edit& edit : edits) grow(edit.message, edit.new_size() - edit.range.size());
  for (std::size_t i = messages.size(); i-- > 0;) {
    if (growth[i] == 0) continue;
    const Message& message = messages[i];
    Edit length;
    length.range = {message.length_at, message.body.begin};
    append_varint(length.text, message.body.size() + growth[i]);
    grow(message.parent, growth[i] + length.new_size() - length.range.size());
    edits.push_back(std::move(length));
  }
  std::sort(edits.begin(), edits.end(),
            [](const Edit& a, const Edit& b) { return a.range.begin < b.range.begin; });
  return file_size + total;
}

void SkeletonBuilder::copy(std::uint32_t file, const Range& range) {
  if (range.size() == 0) return;
  std::size_t at = skeleton_.literals.size();
  skeleton_.literals.resize(at + range.size());
  files_[file].file.read(range.begin, std::span(skeleton_.literals).subspan(at));
  literal_ += range.size();
}

void SkeletonBuilder::add_file(std::uint32_t file, const std::vector<Edit>& edits) {
  SkeletonFile& out = skeleton_.files.emplace_back();
  out.location = files_[file].location;
  std::uint64_t at = 0;
  for (const Edit& edit : edits) {
    copy(file, {at, edit.range.begin});
    at = edit.range.end;
    skeleton_.literals.insert(skeleton_.literals.end(), edit.text.begin(), edit.text.end());
    literal_ += edit.text.size();
    copy(edit.copy_file, edit.copy);
    if (edit.weight == kNoWeight) continue;
    out.pieces.push_back({literal_, edit.weight, edit.form});
    literal_ = 0;
  }
  copy(file, {at, files_[file].file.size()});
  if (literal_ != 0) out.pieces.push_back({literal_, kNoWeight, PayloadForm::flat});
  literal_ = 0;
}

void SkeletonBuilder::add_payload_file(const std::string& location, const std::vector<std::uint32_t>& weights,
                                       const std::vector<std::uint64_t>& sizes, std::uint64_t alignment) {
  SkeletonFile& out = skeleton_.files.emplace_back();
  out.location = location;
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::uint64_t padding = (alignment - at % alignment) % alignment;
    skeleton_.literals.insert(skeleton_.literals.end(), padding, 0);
    out.pieces.push_back({padding, weights[i], PayloadForm::flat});
    at += padding + sizes[i];
  }
}

}  // namespace tt::model
