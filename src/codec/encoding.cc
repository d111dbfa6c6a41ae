#include "codec/encoding.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "base/error.h"
#include "base/text.h"

namespace tt::codec {
namespace {

constexpr std::array<std::string_view, 9> kNames{"raw",     "lossless", "f16",        "lowrank", "tt",
                                                 "rounded", "quant",    "blockquant", "tucker"};
constexpr std::size_t kMaxModes = 8;
constexpr std::uint64_t kLeastGroup = 16, kMostGroup = 65536;  // what runtimes multiply with
constexpr double kMaxRate = 24, kMaxStep = 1000;

[[noreturn]] void refuse(const std::string& why, const std::string& hint) {
  throw base::Error(base::ErrorKind::usage, why, hint);
}

Format format_from_name(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    refuse("unknown encoding " + base::quoted(name),
           "encodings are raw, lossless, rounded, f16, quant, blockquant, lowrank, tucker and tt");
  }
  return static_cast<Format>(found - kNames.begin());
}

// The shortest text that reads back to the same number.
std::string number_text(double value) {
  std::array<char, 32> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), result.ptr};
}

// Decimal digits without sign, leading zero or anything after them; at least 1.
std::uint64_t parse_number(std::string_view key, std::string_view text) {
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
  if (!whole || value == 0 || text[0] == '0') {
    refuse("bad value " + base::quoted(text) + " for key '" + std::string(key) + "'",
           "give an integer of at least 1");
  }
  return value;
}

std::vector<std::uint64_t> parse_numbers(std::string_view key, std::string_view text, std::size_t most) {
  std::vector<std::uint64_t> values;
  for (;;) {
    const std::size_t end = text.find('x');
    values.push_back(parse_number(key, text.substr(0, end)));
    if (values.size() > most) {
      refuse("too many values for key '" + std::string(key) + "'",
             "at most " + std::to_string(most) + " are allowed");
    }
    if (end == std::string_view::npos) return values;
    text.remove_prefix(end + 1);
  }
}

// A plain decimal number above 0, at most `most`, with or without an exponent.
double parse_positive(std::string_view key, std::string_view text, double most) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
  if (!whole || !(value > 0) || value > most) {
    refuse("bad value " + base::quoted(text) + " for key '" + std::string(key) + "'",
           "give a number above 0, at most " + number_text(most));
  }
  return value;
}

tensor::DType parse_core_dtype(std::string_view text) {
  if (text == "f16") return tensor::DType::f16;
  if (text == "f32") return tensor::DType::f32;
  refuse("bad value " + base::quoted(text) + " for key 'dtype'", "cores are f16 or f32");
}

unsigned parse_mantissa(std::string_view text, Format format) {
  const std::uint64_t bits = parse_number("mantissa", text);
  const unsigned most = format == Format::f16 ? 10 : 51;
  if (bits > most) {
    refuse("bad value " + base::quoted(text) + " for key 'mantissa'",
           "1 to " + std::to_string(most) + " bits can be kept");
  }
  return static_cast<unsigned>(bits);
}

unsigned parse_code_bits(std::string_view text) {
  if (text == "4") return 4;
  if (text == "8") return 8;
  refuse("bad value " + base::quoted(text) + " for key 'bits'", "codes have 4 or 8 bits");
}

std::uint64_t parse_group(std::string_view text) {
  if (text == "0") return 0;
  const std::uint64_t group = parse_number("group", text);
  if (!std::has_single_bit(group) || group < kLeastGroup || group > kMostGroup)
    refuse("bad value " + base::quoted(text) + " for key 'group'",
           "give a power of two from " + std::to_string(kLeastGroup) + " to " + std::to_string(kMostGroup) +
               ", or 0 for one scale a row or column");
  return group;
}

unsigned parse_axis(std::string_view text) {
  if (text == "0") return 0;
  if (text == "1") return 1;
  refuse("bad value " + base::quoted(text) + " for key 'axis'",
         "groups run along axis 0 (rows) or 1 (columns) of the weight's matrix");
}

std::string_view keys_of(Format format) {
  switch (format) {
    case Format::f16:
    case Format::rounded:
      return "mantissa";
    case Format::lowrank:
      return "rank, and dtype or one of rate and step";
    case Format::tt:
      return "modes, ranks, dtype";
    case Format::quant:
    case Format::tucker:
      return "rate, step";
    case Format::blockquant:
      return "bits, group, axis";
    default:
      return "none";
  }
}

bool has_codes(Format format) {
  return format == Format::quant || format == Format::lowrank || format == Format::tucker;
}

void set_key(Encoding& encoding, std::string_view key, std::string_view value) {
  const Format format = encoding.format;
  if (key == "mantissa" && (format == Format::f16 || format == Format::rounded)) {
    encoding.mantissa = parse_mantissa(value, format);
  } else if (key == "rate" && has_codes(format)) {
    encoding.rate = parse_positive(key, value, kMaxRate);
  } else if (key == "step" && has_codes(format)) {
    encoding.step = parse_positive(key, value, kMaxStep);
  } else if (key == "bits" && format == Format::blockquant) {
    encoding.bits = parse_code_bits(value);
  } else if (key == "group" && format == Format::blockquant) {
    encoding.group = parse_group(value);
  } else if (key == "axis" && format == Format::blockquant) {
    encoding.axis = parse_axis(value);
  } else if (key == "rank" && format == Format::lowrank) {
    encoding.rank = parse_number(key, value);
  } else if (key == "modes" && format == Format::tt) {
    encoding.modes = parse_numbers(key, value, kMaxModes);
  } else if (key == "ranks" && format == Format::tt) {
    encoding.ranks = parse_numbers(key, value, kMaxModes - 1);
  } else if (key == "dtype" && (format == Format::lowrank || format == Format::tt)) {
    encoding.dtype = parse_core_dtype(value);
  } else {
    refuse("unknown key " + base::quoted(key) + " for encoding '" + std::string(format_name(format)) + "'",
           "allowed keys: " + std::string(keys_of(format)));
  }
}

void check_counts(const Encoding& encoding) {
  if (encoding.modes.empty() || encoding.ranks.empty() || encoding.ranks.size() + 1 == encoding.modes.size())
    return;
  refuse("key 'ranks' has " + std::to_string(encoding.ranks.size()) + " values for " +
             std::to_string(encoding.modes.size()) + " modes",
         "there is one rank fewer than modes");
}

}  // namespace

std::string_view format_name(Format format) {
  return kNames.at(static_cast<std::size_t>(format));
}

std::string spec_of(const Encoding& encoding) {
  std::string spec(format_name(encoding.format));
  if (encoding.format == Format::f16 && encoding.mantissa != 10)
    spec += ",mantissa=" + std::to_string(encoding.mantissa);
  if (encoding.format == Format::rounded) spec += ",mantissa=" + std::to_string(encoding.mantissa);
  if (encoding.format == Format::blockquant) {
    spec += ",bits=" + std::to_string(encoding.bits) + ",group=" + std::to_string(encoding.group);
    if (encoding.axis != kNoAxis) spec += ",axis=" + std::to_string(encoding.axis);
  }
  if (encoding.format == Format::lowrank && encoding.rank != 0)
    spec += ",rank=" + std::to_string(encoding.rank);
  if (has_codes(encoding.format) && encoding.rate != 0) spec += ",rate=" + number_text(encoding.rate);
  if (has_codes(encoding.format) && encoding.step != 0) spec += ",step=" + number_text(encoding.step);
  if (encoding.format == Format::tt && !encoding.modes.empty())
    spec += ",modes=" + tensor::shape_text(encoding.modes);
  if (encoding.format == Format::tt && !encoding.ranks.empty())
    spec += ",ranks=" + tensor::shape_text(encoding.ranks);
  if ((encoding.format == Format::lowrank && !knows_metric(encoding)) || encoding.format == Format::tt)
    spec += ",dtype=" + std::string(tensor::dtype_name(encoding.dtype));
  return spec;
}

Encoding parse_spec(const std::string& spec) {
  std::string_view rest = spec;
  std::size_t comma = rest.find(',');
  Encoding encoding;
  encoding.format = format_from_name(rest.substr(0, comma));
  std::vector<std::string_view> seen;
  while (comma != std::string_view::npos) {
    rest.remove_prefix(comma + 1);
    comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      refuse("expected KEY=VALUE instead of " + base::quoted(item),
             "allowed keys: " + std::string(keys_of(encoding.format)));
    }
    const std::string_view key = item.substr(0, equals);
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
      refuse("key " + base::quoted(key) + " stands twice", "give each key once");
    }
    seen.push_back(key);
    set_key(encoding, key, item.substr(equals + 1));
  }
  check_counts(encoding);
  if (encoding.rate != 0 && encoding.step != 0)
    refuse("keys 'rate' and 'step' exclude each other", "give one of them");
  if (knows_metric(encoding) && std::find(seen.begin(), seen.end(), "dtype") != seen.end())
    refuse("key 'dtype' is for factors without a rate or step", "leave it out: coded factors have no type");
  return encoding;
}

}  // namespace tt::codec
