#include "cli/json_values.h"

namespace tt::cli {

using base::Json;
using base::JsonArray;

Json texts_json(const std::vector<std::string>& texts) {
  return Json(JsonArray(texts.begin(), texts.end()));
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

}  // namespace tt::cli
