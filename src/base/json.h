// Strict JSON: what is read is depth-limited, has unique keys and keeps integers exact; what is written is
// stable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tt::base {

class Json;
using JsonArray = std::vector<Json>;
using JsonObject = std::vector<std::pair<std::string, Json>>;  // in the order of the text

struct JsonLimits {
  std::uint64_t max_bytes = 25'000'000;
  int max_depth = 32;
  std::uint64_t max_values = 2'000'000;  // one takes 40 bytes, and two in the text
};

// A JSON value. Integers are kept as uint64 or (negative) int64; anything with a fraction or exponent is a
// double. Accessors throw Error(bad_data) naming `what` when the type is another one: as_uint refuses -8, 1.5
// and 2^64.
class Json {
 public:
  using Value = std::variant<std::nullptr_t, bool, std::uint64_t, std::int64_t, double, std::string,
                             JsonArray, JsonObject>;

  Json() : value_(nullptr) {}
  Json(Value value) : value_(std::move(value)) {}
  Json(const char* text) : value_(std::string(text)) {}
  Json(std::string text) : value_(std::move(text)) {}
  Json(std::string_view text) : value_(std::string(text)) {}
  Json(bool value) : value_(value) {}
  Json(double value) : value_(value) {}  // not finite is written as null
  Json(std::uint64_t value) : value_(value) {}
  Json(int value)
      : value_(value < 0 ? Value(std::int64_t{value}) : Value(static_cast<std::uint64_t>(value))) {}
  Json(JsonArray value) : value_(std::move(value)) {}
  Json(JsonObject value) : value_(std::move(value)) {}
  static Json of(const std::vector<std::uint64_t>& values);

  const Value& value() const { return value_; }
  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  bool is_object() const { return std::holds_alternative<JsonObject>(value_); }
  bool is_array() const { return std::holds_alternative<JsonArray>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_number() const;

  bool as_bool(const std::string& what) const;
  std::uint64_t as_uint(const std::string& what) const;
  double as_double(const std::string& what) const;
  const std::string& as_string(const std::string& what) const;
  const JsonArray& as_array(const std::string& what) const;
  const JsonObject& as_object(const std::string& what) const;
  const Json* find(std::string_view key) const;                         // null if absent or not an object
  const Json& at(std::string_view key, const std::string& what) const;  // absent: bad_data
  std::vector<std::uint64_t> as_uints(const std::string& what) const;

  // Compact text for indent < 0. Doubles are written in the shortest form that reads back to the same value.
  std::string dump(int indent = -1) const;

 private:
  Value value_;
};

// Errors: bad_data with the position: not UTF-8, not JSON, text after the value, duplicate key, too deep, too
// large.
Json parse_json(std::string_view text, const std::string& what, const JsonLimits& limits = {});

}  // namespace tt::base
