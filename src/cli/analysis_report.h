// The reports of `tt analyze`; the keys of the JSON are documented in docs/cli.md and stable.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "pipeline/analyze.h"
#include "pipeline/sweep.h"

namespace tt::cli {

// Everything that was found; of the similar pairs the `top` first (0: all).
base::Json analysis_json(const pipeline::AnalyzeReport& report,
                         const std::optional<pipeline::SweepReport>& swept, std::uint64_t top);

// Tables for people: at most `top` lines each (0: all). `verbose` adds the tensorised weights and the
// patterns of all weights that are listed. Warnings are not in them.
std::string analysis_text(const pipeline::AnalyzeReport& report, std::uint64_t top, bool verbose);

// A spectrum in JSON lists at most so many singular values, the largest ones.
inline constexpr std::size_t kMaxSingularValues = 1024;

}  // namespace tt::cli
