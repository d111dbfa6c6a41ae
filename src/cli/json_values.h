// Values that several reports write as JSON.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace tt::cli {

base::Json texts_json(const std::vector<std::string>& texts);
base::Json text_or_null(const std::string& text);  // null if empty

}  // namespace tt::cli
