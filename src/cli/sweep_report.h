// The reports of a sweep; the keys of the JSON and the columns are documented in docs/cli.md and stable.
#pragma once

#include <string>

#include "base/json.h"
#include "pipeline/sweep.h"

namespace tt::cli {

base::Json sweep_json(const pipeline::SweepReport& report);
// RFC 4180, one line a point; a column for every figure that any point has.
std::string sweep_csv(const pipeline::SweepReport& report);
// A table for people.
std::string sweep_text(const pipeline::SweepReport& report);

}  // namespace tt::cli
