// A protobuf file field by field: tags, lengths and positions are read, payloads are skipped without being
// read.
//
// Wire format: https://protobuf.dev/programming-guides/encoding. Unknown fields are skipped by wire type,
// groups are refused. Errors of all functions: bad_data with path and position for malformed data,
// resource_limit for counts above the caps below.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/input_file.h"

namespace tt::model {

inline constexpr std::uint64_t kMaxMessages = 2'000'000;
inline constexpr std::uint64_t kMaxStrings = 4 * kMaxMessages;
inline constexpr std::uint64_t kMaxNameBytes = 64 << 10;
inline constexpr std::uint64_t kMaxAllNameBytes = 256 << 20;
inline constexpr std::uint64_t kMaxProtobufBytes = 0x7fffffff;  // of one file, protobuf's own limit
inline constexpr std::uint32_t kNone = 0xffffffff;

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Field number and wire type in one number, as on the wire.
constexpr std::uint32_t wire_tag(int number, WireType type) {
  return (static_cast<std::uint32_t>(number) << 3) | static_cast<std::uint32_t>(type);
}
constexpr std::uint32_t bytes_tag(int number) {
  return wire_tag(number, WireType::bytes);
}
constexpr std::uint32_t varint_tag(int number) {
  return wire_tag(number, WireType::varint);
}

struct Range {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t size() const { return end - begin; }
};

struct Field {
  std::uint32_t tag = 0;
  Range whole;                  // with tag and length
  Range payload;                // the value alone
  std::uint64_t length_at = 0;  // where the length of a bytes field stands
  std::uint64_t value = 0;      // of a varint or fixed field
};

// A length-delimited message and the one around it; the outermost message of the file has no entry.
struct Message {
  std::uint64_t length_at = 0;
  Range body;
  std::uint32_t parent = kNone;
};

class WireReader {
 public:
  explicit WireReader(const base::InputFile& file);
  ~WireReader();
  WireReader(const WireReader&) = delete;
  WireReader& operator=(const WireReader&) = delete;

  // Calls on_field(field) for every field of the current message, in order; what it does not read is skipped.
  template <typename F>
  void fields(F&& on_field) {
    Field field;
    while (next(field)) {
      on_field(field);
      finish(field);
    }
  }
  // The same for the message in `field`. `label` and `index` name it in errors: "node[12]"; kNone for no
  // index.
  template <typename F>
  void message(const Field& field, const char* label, std::uint32_t index, F&& on_field) {
    enter(field, label, index);
    fields(on_field);
    leave();
  }
  // The varints of a packed field.
  template <typename F>
  void packed_varints(const Field& field, F&& on_value) {
    for (open_packed(field); more_packed();) on_value(read_varint());
    close_packed();
  }
  // A string field of at most kMaxNameBytes.
  std::string text(const Field& field);

  // The current message in messages(), with all that enclose it.
  std::uint32_t keep_message();
  std::vector<Message> take_messages();
  const base::InputFile& file() const;
  // "graph.node[12].attribute[0]"
  std::string path() const;
  [[noreturn]] void fail(const std::string& why) const;

 private:
  bool next(Field& field);
  void finish(const Field& field);
  void enter(const Field& field, const char* label, std::uint32_t index);
  void leave();
  void open_packed(const Field& field);
  bool more_packed();
  void close_packed();
  std::uint64_t read_varint();

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tt::model
