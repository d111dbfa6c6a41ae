// An encoding in the JSON of all reports.
#pragma once

#include "base/json.h"
#include "codec/encoding.h"

namespace tt::cli {

// The format and only the parameters that it has.
base::Json encoding_json(const codec::Encoding& encoding);

}  // namespace tt::cli
