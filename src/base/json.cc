// Access to JSON values.
#include "base/json.h"

#include "base/error.h"
#include "base/text.h"

namespace tt::base {
namespace {

const char* type_name(const Json::Value& value) {
  static constexpr const char* kNames[] = {"null",       "a boolean", "an integer", "a negative integer",
                                           "a fraction", "a string",  "an array",   "an object"};
  return kNames[value.index()];
}

[[noreturn]] void throw_type(const std::string& what, const char* wanted, const Json::Value& value) {
  throw Error(ErrorKind::bad_data, what + " is " + type_name(value) + " instead of " + wanted);
}

template <typename T>
const T& get(const Json::Value& value, const std::string& what, const char* wanted) {
  if (const T* found = std::get_if<T>(&value)) return *found;
  throw_type(what, wanted, value);
}

}  // namespace

Json Json::of(const std::vector<std::uint64_t>& values) {
  return Json(JsonArray(values.begin(), values.end()));
}

bool Json::is_number() const {
  return std::holds_alternative<std::uint64_t>(value_) || std::holds_alternative<std::int64_t>(value_) ||
         std::holds_alternative<double>(value_);
}

bool Json::as_bool(const std::string& what) const {
  return get<bool>(value_, what, "a boolean");
}

std::uint64_t Json::as_uint(const std::string& what) const {
  return get<std::uint64_t>(value_, what, "an integer from 0 to 2^64 - 1");
}

double Json::as_double(const std::string& what) const {
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  return get<double>(value_, what, "a number");
}

const std::string& Json::as_string(const std::string& what) const {
  return get<std::string>(value_, what, "a string");
}
const JsonArray& Json::as_array(const std::string& what) const {
  return get<JsonArray>(value_, what, "an array");
}
const JsonObject& Json::as_object(const std::string& what) const {
  return get<JsonObject>(value_, what, "an object");
}

const Json* Json::find(std::string_view key) const {
  const auto* members = std::get_if<JsonObject>(&value_);
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : *members) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Json& Json::at(std::string_view key, const std::string& what) const {
  as_object(what);
  if (const Json* value = find(key)) return *value;
  throw Error(ErrorKind::bad_data, what + " lacks the key " + quoted(key));
}

std::vector<std::uint64_t> Json::as_uints(const std::string& what) const {
  std::vector<std::uint64_t> values;
  for (const Json& value : as_array(what)) values.push_back(value.as_uint(what));
  return values;
}

}  // namespace tt::base
