// Where the files of a container go: names from strangers never lead out of the output's folder.
#pragma once

#include <string>
#include <vector>

#include "base/output_file.h"
#include "container/manifest.h"

namespace tt::pipeline {

// The output path for the model file, then `folder of output`/location for every external data file; missing
// sub-folders are made. Errors: corrupt for a location that is absolute, has "..", an empty or hidden part, a
// backslash or a control character, or is the output itself or another location; usage if several files would
// go to standard output.
std::vector<std::string> output_paths(const std::vector<model::SkeletonFile>& files,
                                      const std::string& output);

// External data files that exist already may only be replaced by the same content, or if `overwrite`. Errors:
// cannot_create.
void refuse_other_content(const std::vector<base::OutputFile>& outs, bool overwrite);

}  // namespace tt::pipeline
