// What the manifest of an edited file says of its edits: the rows of "edits" in its options. Names of files
// are this machine's and are not kept, their hashes are.
#pragma once

#include <string>

#include "container/container.h"
#include "pipeline/edit.h"

namespace tt::pipeline {

// `container`: the file before.
base::Json edit_row(const EditOptions& options, const EditReport& report,
                    const container::Container& container);
base::Json restore_row(const std::string& pattern, const EditReport& report,
                       const container::Container& container, const container::Container& rollback);

// How many rows the options of a manifest have. Errors: bad_data if they are no array.
std::uint64_t edits_of(const base::Json& options);

// The options of a manifest with one more row.
base::Json with_edit(const base::Json& options, base::Json row);

}  // namespace tt::pipeline
