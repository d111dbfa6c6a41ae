// Reading JSON. nlohmann's events go into our own values: its own containers overflow the stack at deep
// nesting, keep the last of several equal keys and turn numbers into others.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace tt::base {
namespace {

// Builds our values; what nlohmann's parser would take and we do not is thrown here.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(const std::string& what, const JsonLimits& limits) : what_(what), limits_(limits) {}

  Json take() { return std::move(root_); }

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    return add(Json(Json::Value(std::uint64_t{value})));
  }
  bool number_integer(number_integer_t value) override {
    // Only "-0" comes here without being negative.
    return add(value < 0 ? Json(Json::Value(std::int64_t{value})) : Json(static_cast<std::uint64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override { return add(Json(value)); }
  bool string(string_t& value) override { return add(Json(std::move(value))); }
  bool binary(binary_t&) override { fail("binary data"); }
  bool start_object(std::size_t) override { return open(Json(JsonObject())); }
  bool start_array(std::size_t) override { return open(Json(JsonArray())); }
  bool key(string_t& name) override {
    open_.back().key = std::move(name);
    return true;
  }
  bool end_object() override {
    check_unique_keys(std::get<JsonObject>(open_.back().value));
    return close();
  }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail("it is not JSON at byte " + std::to_string(position));
  }

 private:
  // A container that is still open, and the last key read in it.
  struct Open {
    Json::Value value;
    std::string key;
  };

  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorKind::bad_data, what_ + " is unusable, " + why);
  }

  bool add(Json value) {
    if (++values_ > limits_.max_values)
      fail("it has more than " + std::to_string(limits_.max_values) + " values");
    attach(std::move(value));
    return true;
  }
  void attach(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* array = std::get_if<JsonArray>(&open_.back().value)) {
      array->push_back(std::move(value));
    } else {
      std::get<JsonObject>(open_.back().value).emplace_back(std::move(open_.back().key), std::move(value));
    }
  }
  bool open(const Json& empty) {
    if (++values_ > limits_.max_values)
      fail("it has more than " + std::to_string(limits_.max_values) + " values");
    if (open_.size() >= static_cast<std::size_t>(limits_.max_depth)) {
      fail("it is nested deeper than " + std::to_string(limits_.max_depth) + " levels");
    }
    open_.push_back({empty.value(), {}});
    return true;
  }
  bool close() {
    Json value(std::move(open_.back().value));
    open_.pop_back();
    attach(std::move(value));
    return true;
  }
  void check_unique_keys(const JsonObject& members) const {
    std::vector<std::string_view> keys;
    keys.reserve(members.size());
    for (const auto& member : members) keys.push_back(member.first);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) fail("the key " + quoted(*twice) + " stands there twice");
  }

  const std::string& what_;
  const JsonLimits& limits_;
  Json root_;
  std::vector<Open> open_;
  std::uint64_t values_ = 0;
};

// nlohmann ends quietly at a NUL byte and skips a byte order mark.
void check_text(std::string_view text, const std::string& what, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    throw Error(ErrorKind::bad_data, what + " is unusable, it has " + std::to_string(text.size()) +
                                         " bytes and " + std::to_string(limits.max_bytes) + " are allowed");
  }
  const std::size_t nul = text.find('\0');
  if (nul != std::string_view::npos) {
    throw Error(ErrorKind::bad_data,
                what + " is unusable, it is not JSON at byte " + std::to_string(nul + 1));
  }
  if (text.starts_with("\xef\xbb\xbf"))
    throw Error(ErrorKind::bad_data, what + " is unusable, it starts with a byte order mark");
}

}  // namespace

Json parse_json(std::string_view text, const std::string& what, const JsonLimits& limits) {
  check_text(text, what, limits);
  Builder builder(what, limits);
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

}  // namespace tt::base
