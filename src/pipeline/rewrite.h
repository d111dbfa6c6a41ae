// The last steps of an edit: a container with some weights replaced, its history, and the undo file.
#pragma once

#include <string>
#include <vector>

#include "base/output_file.h"
#include "container/container.h"
#include "pipeline/edit.h"

namespace tt::pipeline {

// `changed` take the places of the weights of their names, all others keep their cores bit for bit. `row` is
// appended to "edits" in the options of the manifest; the file is not exact any more. Errors: corrupt;
// write_failed.
void write_changed(const container::Container& container,
                   const std::vector<container::EncodedWeight>& changed, base::Json row,
                   base::OutputFile& out);

// The undo file (none if empty), then `out`, under their names; fills the report.
void publish_edit(const container::Container& before, const std::string& undo_file, base::OutputFile& out,
                  EditReport& report);

}  // namespace tt::pipeline
