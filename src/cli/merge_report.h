// The report of `tt merge`; the keys of the JSON are documented in docs/cli.md and stable.
#pragma once

#include <string>

#include "base/json.h"
#include "pipeline/merge.h"

namespace tt::cli {

base::Json merge_json(const pipeline::MergeReport& report);
// `verbose` lists every weight, and the tensors that were equal.
std::string merge_text(const pipeline::MergeReport& report, bool verbose);

}  // namespace tt::cli
