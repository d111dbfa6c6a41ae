#include "model/wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace tt::model {

using base::Error;
using base::ErrorKind;

namespace {

constexpr int kMaxReaderDepth = 200;  // messages; a graph in a graph is three of them

// Reads small windows on demand; Skip() only moves the position.
class FileStream : public google::protobuf::io::ZeroCopyInputStream {
 public:
  explicit FileStream(const base::InputFile& file) : file_(file) {}

  bool Next(const void** data, int* size) override {
    if (position_ >= file_.size()) return false;
    std::uint64_t count = std::min<std::uint64_t>(buffer_.size(), file_.size() - position_);
    file_.read(position_, std::span(buffer_).first(count));
    position_ += count;
    *data = buffer_.data();
    *size = static_cast<int>(count);
    return true;
  }
  void BackUp(int count) override { position_ -= static_cast<std::uint64_t>(count); }
  bool Skip(int count) override {
    std::uint64_t step = static_cast<std::uint64_t>(count);
    bool inside = step <= file_.size() - position_;
    position_ = inside ? position_ + step : file_.size();
    return inside;
  }
  std::int64_t ByteCount() const override { return static_cast<std::int64_t>(position_); }

 private:
  const base::InputFile& file_;
  std::uint64_t position_ = 0;
  std::array<std::uint8_t, 16384> buffer_;
};

struct Frame {
  Message message;
  const char* label;
  std::uint32_t index;
  std::uint32_t kept;  // its number in messages, or kNone
  int outer_limit;     // of the message around it
};

}  // namespace

struct WireReader::State {
  explicit State(const base::InputFile& f) : file(f), stream(f), in(&stream) {}
  const base::InputFile& file;
  FileStream stream;
  google::protobuf::io::CodedInputStream in;
  std::vector<Frame> frames;
  std::vector<Message> messages;
  std::uint64_t entered = 0;
  std::uint64_t strings = 0;
  std::uint64_t string_bytes = 0;
  int packed_limit = 0;

  std::uint64_t position() const { return static_cast<std::uint64_t>(in.CurrentPosition()); }
};

WireReader::WireReader(const base::InputFile& file) {
  if (file.size() > kMaxProtobufBytes) {
    throw Error(ErrorKind::unsupported, "ONNX file " + file.name() + " is above 2 GB, protobuf's limit",
                "save the model with external data");
  }
  state_ = std::make_unique<State>(file);
  state_->in.PushLimit(static_cast<int>(file.size()));
}

WireReader::~WireReader() = default;

const base::InputFile& WireReader::file() const {
  return state_->file;
}

std::string WireReader::path() const {
  std::string text;
  for (const Frame& frame : state_->frames) {
    if (!text.empty()) text += '.';
    text += frame.label;
    if (frame.index != kNone) text += '[' + std::to_string(frame.index) + ']';
  }
  return text.empty() ? "model" : text;
}

void WireReader::fail(const std::string& why) const {
  throw Error(
      ErrorKind::bad_data,
      "malformed ONNX file, " + path() + " at byte " + std::to_string(state_->position()) + ", " + why,
      "the file is damaged or not an ONNX model");
}

std::uint64_t WireReader::read_varint() {
  std::uint64_t value = 0;
  if (!state_->in.ReadVarint64(&value)) fail("a number is cut off or too long");
  return value;
}

bool WireReader::next(Field& field) {
  using google::protobuf::internal::WireFormatLite;
  auto& in = state_->in;
  if (in.BytesUntilLimit() == 0) return false;
  std::uint64_t start = state_->position();
  field = {};
  field.tag = in.ReadTag();
  if (WireFormatLite::GetTagFieldNumber(field.tag) == 0) fail("the field number is 0 or cut off");
  field.length_at = state_->position();
  std::uint64_t size = 0;
  switch (WireFormatLite::GetTagWireType(field.tag)) {
    case WireFormatLite::WIRETYPE_VARINT:
      field.value = read_varint();
      break;
    case WireFormatLite::WIRETYPE_FIXED64:
      if (!in.ReadLittleEndian64(&field.value)) fail("a number is cut off");
      break;
    case WireFormatLite::WIRETYPE_FIXED32: {
      std::uint32_t value = 0;
      if (!in.ReadLittleEndian32(&value)) fail("a number is cut off");
      field.value = value;
      break;
    }
    case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
      size = read_varint();
      if (size > static_cast<std::uint64_t>(in.BytesUntilLimit())) {
        fail("a field of " + std::to_string(size) + " bytes is longer than what it stands in");
      }
      break;
    default:
      fail("wire type " + std::to_string(field.tag & 7) + " is not one of ONNX");
  }
  bool has_payload = WireFormatLite::GetTagWireType(field.tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
  std::uint64_t here = state_->position();
  field.payload = has_payload ? Range{here, here + size} : Range{field.length_at, here};
  field.whole = {start, field.payload.end};
  return true;
}

void WireReader::finish(const Field& field) {
  std::uint64_t here = state_->position();
  if (here < field.whole.end && !state_->in.Skip(static_cast<int>(field.whole.end - here)))
    fail("the file ends");
}

void WireReader::enter(const Field& field, const char* label, std::uint32_t index) {
  if (++state_->entered > kMaxMessages) {
    throw Error(ErrorKind::resource_limit,
                "ONNX file has more than " + std::to_string(kMaxMessages) + " messages, at " + path());
  }
  if (state_->frames.size() >= kMaxReaderDepth) {
    throw Error(ErrorKind::resource_limit, "ONNX file is nested too deeply");
  }
  int outer = state_->in.PushLimit(static_cast<int>(field.payload.size()));
  state_->frames.push_back({{field.length_at, field.payload, kNone}, label, index, kNone, outer});
}

void WireReader::leave() {
  state_->in.PopLimit(state_->frames.back().outer_limit);
  state_->frames.pop_back();
}

void WireReader::open_packed(const Field& field) {
  state_->packed_limit = state_->in.PushLimit(static_cast<int>(field.payload.size()));
}
bool WireReader::more_packed() {
  return state_->in.BytesUntilLimit() > 0;
}
void WireReader::close_packed() {
  state_->in.PopLimit(state_->packed_limit);
}

std::string WireReader::text(const Field& field) {
  std::uint64_t size = field.payload.size();
  if (size > kMaxNameBytes) {
    throw Error(ErrorKind::resource_limit, "a name of " + std::to_string(size) + " bytes at " + path() +
                                               " is above the limit of 64 KiB");
  }
  state_->string_bytes += size;
  if (state_->string_bytes > kMaxAllNameBytes || ++state_->strings > kMaxStrings) {
    throw Error(ErrorKind::resource_limit, "the names of the ONNX file are above the limit of " +
                                               std::to_string(kMaxStrings) + " or 256 MiB together");
  }
  std::string result;
  if (!state_->in.ReadString(&result, static_cast<int>(size))) fail("the file ends");
  return result;
}

std::uint32_t WireReader::keep_message() {
  std::uint32_t parent = kNone;
  for (Frame& frame : state_->frames) {
    if (frame.kept == kNone) {
      frame.message.parent = parent;
      frame.kept = static_cast<std::uint32_t>(state_->messages.size());
      state_->messages.push_back(frame.message);
    }
    parent = frame.kept;
  }
  return parent;
}

std::vector<Message> WireReader::take_messages() {
  return std::move(state_->messages);
}

}  // namespace tt::model
