// Reports for people.
#pragma once

#include <string>
#include <string_view>

#include "pipeline/compress.h"
#include "pipeline/decompress.h"
#include "pipeline/inspect.h"

namespace tt::cli {

// `verbose` lists every weight.
std::string compress_text(const pipeline::CompressReport& report, bool verbose);
// `verbose` lists every weight that is stored as factors, or as codes.
std::string decompress_text(const pipeline::DecompressReport& report, bool verbose);
// `verbose` adds the parts of the file, the original's files and the options.
std::string inspect_text(const pipeline::InspectReport& report, bool verbose);

// Text for people beside data: to standard error.
void talk(std::string_view text);

}  // namespace tt::cli
