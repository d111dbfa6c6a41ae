// Reports as JSON; keys, meaning and order are documented in docs/cli.md and stable.
#pragma once

#include "base/json.h"
#include "pipeline/compress.h"
#include "pipeline/decompress.h"
#include "pipeline/inspect.h"

namespace tt::cli {

base::Json compress_json(const pipeline::CompressReport& report);
base::Json decompress_json(const pipeline::DecompressReport& report);
base::Json inspect_json(const pipeline::InspectReport& report);

}  // namespace tt::cli
