#include "runtime/input_mapping.h"

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace tt::runtime {
namespace {

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw base::Error(base::ErrorKind::usage, "unusable input mapping " + base::quoted(text) + ", " + why,
                    "write NAME:scale=1/255,mean=0,std=1,shape=N,784 with at least one of them");
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> fraction(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == text.npos) return number<double>(text);
  const std::optional<double> above = number<double>(text.substr(0, slash)),
                              below = number<double>(text.substr(slash + 1));
  if (!above || !below) return std::nullopt;
  return *above / *below;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == text.npos) return parts;
    text.remove_prefix(at + 1);
  }
}

void set_number(std::optional<double>& field, std::string_view key, std::string_view value,
                std::string_view text) {
  const std::optional<double> parsed = fraction(value);
  if (field || !parsed || !std::isfinite(*parsed))
    refuse(text, "its " + std::string(key) + " is given twice or is no finite number");
  if (key == "std" && *parsed == 0) refuse(text, "its std is 0");
  field = parsed;
}

void begin_shape(InputMapping& mapping, std::string_view value, std::string_view text) {
  if (mapping.reshaped || value != "N")
    refuse(text, "its shape is given twice or does not begin with N, the axis of the samples");
  mapping.reshaped = true;
}

void add_dim(InputMapping& mapping, std::string_view value, std::string_view text) {
  const std::optional<std::uint64_t> dim = number<std::uint64_t>(value);
  if (!dim || *dim == 0) refuse(text, "its shape has the dimension " + base::quoted(value));
  mapping.shape.push_back(*dim);
}

}  // namespace

std::pair<std::string, InputMapping> parse_input_mapping(std::string_view text) {
  const std::size_t equals = text.find('='),
                    colon = equals == text.npos ? text.npos : text.rfind(':', equals);
  if (colon == text.npos || colon == 0) refuse(text, "it has no NAME: or no key=value");
  InputMapping mapping;
  std::string_view last;
  for (const std::string_view part : split(text.substr(colon + 1), ',')) {
    const std::size_t at = part.find('=');
    const std::string_view value = at == part.npos ? part : part.substr(at + 1);
    if (at == part.npos) {
      if (last != "shape") refuse(text, "the part " + base::quoted(part) + " has no key");
      add_dim(mapping, value, text);
      continue;
    }
    last = part.substr(0, at);
    if (last == "shape")
      begin_shape(mapping, value, text);
    else if (last == "scale" || last == "mean" || last == "std")
      set_number(last == "scale"  ? mapping.scale
                 : last == "mean" ? mapping.mean
                                  : mapping.std,
                 last, value, text);
    else
      refuse(text, "it has the unknown key " + base::quoted(last));
  }
  return {std::string(text.substr(0, colon)), mapping};
}

}  // namespace tt::runtime
