#include "cli/encoding_json.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonObject;

void add(JsonObject& object, std::string_view name, const Json& value) {
  object.emplace_back(name, value);
}

void add_fineness(const codec::Encoding& encoding, JsonObject& object) {
  if (encoding.rate != 0) add(object, "rate", Json(encoding.rate));
  if (encoding.step != 0) add(object, "step", Json(encoding.step));
}

}  // namespace

base::Json encoding_json(const codec::Encoding& encoding) {
  JsonObject object = {{"format", Json(codec::format_name(encoding.format))}};
  const Json dtype(tensor::dtype_name(encoding.dtype));
  switch (encoding.format) {
    case codec::Format::raw:
    case codec::Format::lossless:
      break;
    case codec::Format::f16:
    case codec::Format::rounded:
      add(object, "mantissa", Json(std::uint64_t{encoding.mantissa}));
      break;
    case codec::Format::lowrank:
      add(object, "rank", Json(encoding.rank));
      if (codec::knows_metric(encoding))
        add_fineness(encoding, object);
      else
        add(object, "dtype", dtype);
      break;
    case codec::Format::quant:
    case codec::Format::tucker:
      add_fineness(encoding, object);
      break;
    case codec::Format::blockquant:
      add(object, "bits", Json(std::uint64_t{encoding.bits}));
      add(object, "group", Json(encoding.group));
      add(object, "axis", Json(std::uint64_t{encoding.axis}));
      break;
    case codec::Format::tt:
      add(object, "modes", Json::of(encoding.modes));
      add(object, "ranks", Json::of(encoding.ranks));
      add(object, "dtype", dtype);
      break;
  }
  return Json(std::move(object));
}

}  // namespace tt::cli
