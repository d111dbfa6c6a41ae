// The report of `tt edit` for people and as JSON (docs/cli.md).
#pragma once

#include <string>

#include "base/json.h"
#include "pipeline/edit.h"

namespace tt::cli {

std::string edit_text(const pipeline::EditReport& report);
base::Json edit_json(const pipeline::EditReport& report);

}  // namespace tt::cli
