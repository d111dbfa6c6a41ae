// The page of --report without its data: src/cli/page with the chart library, put together when tt is built.
#pragma once

#include <string_view>

namespace tt::cli {

extern const std::string_view kPageBefore, kPageAfter;  // what stands around the JSON

}  // namespace tt::cli
