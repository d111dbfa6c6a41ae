// Writing JSON; reading is in json_parse.cc.
#include <array>
#include <charconv>
#include <cmath>

#include "base/json.h"
#include "base/utf8.h"

namespace tt::base {
namespace {

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  void write(const Json& json) {
    std::visit([this](const auto& value) { put(value); }, json.value());
  }
  std::string take() { return std::move(text_); }

 private:
  void put(std::nullptr_t) { text_ += "null"; }
  void put(bool value) { text_ += value ? "true" : "false"; }
  void put(std::uint64_t value) { text_ += std::to_string(value); }
  void put(std::int64_t value) { text_ += std::to_string(value); }
  void put(double value) {
    if (!std::isfinite(value)) {
      text_ += "null";
      return;
    }
    std::array<char, 32> buffer;
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    const std::string_view digits(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    text_ += digits;
    // Without a point it would be read back as an integer (and -0 lose its sign).
    if (digits.find_first_of(".e") == std::string_view::npos) text_ += ".0";
  }
  void put(const std::string& value);
  void put(const JsonArray& values) {
    open('[');
    for (const Json& value : values) {
      separate();
      write(value);
    }
    close(']', values.empty());
  }
  void put(const JsonObject& members) {
    open('{');
    for (const auto& [key, value] : members) {
      separate();
      put(key);
      text_ += indent_ < 0 ? ":" : ": ";
      write(value);
    }
    close('}', members.empty());
  }
  void put_escaped(char c);

  void open(char bracket) {
    text_ += bracket;
    ++depth_;
    first_ = true;
  }
  void close(char bracket, bool empty) {
    --depth_;
    if (!empty) new_line();
    text_ += bracket;
    first_ = false;
  }
  void separate() {
    if (!first_) text_ += ',';
    first_ = false;
    new_line();
  }
  void new_line() {
    if (indent_ < 0) return;
    text_ += '\n';
    text_.append(static_cast<std::size_t>(indent_) * depth_, ' ');
  }

  std::string text_;
  int indent_;
  std::size_t depth_ = 0;
  bool first_ = true;
};

void Writer::put_escaped(char c) {
  switch (c) {
    case '"':
      text_ += "\\\"";
      return;
    case '\\':
      text_ += "\\\\";
      return;
    case '\b':
      text_ += "\\b";
      return;
    case '\f':
      text_ += "\\f";
      return;
    case '\n':
      text_ += "\\n";
      return;
    case '\r':
      text_ += "\\r";
      return;
    case '\t':
      text_ += "\\t";
      return;
    default:
      break;
  }
  text_ += "\\u00";
  text_ += "0123456789abcdef"[(c >> 4) & 15];
  text_ += "0123456789abcdef"[c & 15];
}

// Bytes that are not UTF-8 become U+FFFD: a reader may refuse the whole text otherwise.
void Writer::put(const std::string& value) {
  text_ += '"';
  for (std::string_view rest = value; !rest.empty();) {
    const CodePoint point = decode_utf8(rest);
    if (point.length == 0) {
      text_ += "\xef\xbf\xbd";
    } else if (point.value < 0x20 || point.value == 0x7f || point.value == '"' || point.value == '\\') {
      put_escaped(rest[0]);
    } else {
      text_ += rest.substr(0, point.length);
    }
    rest.remove_prefix(point.length == 0 ? 1 : point.length);
  }
  text_ += '"';
}

}  // namespace

std::string Json::dump(int indent) const {
  Writer writer(indent);
  writer.write(*this);
  return writer.take();
}

}  // namespace tt::base
