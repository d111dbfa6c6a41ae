// What brings a .tt file back as it was before an edit, byte for byte: a patch from the edited file. Layout:
// docs/formats/undo.md. It holds the cores that were replaced, so it stays with whoever may see them, beside
// the edited file and not in it.
#pragma once

#include <string>

#include "base/output_file.h"
#include "container/container.h"

namespace tt::pipeline {

// `before` in terms of `after`: cores of weights and skeleton that are the same are copied from there, the
// rest is in the patch. Errors: write_failed.
void write_undo(const container::Container& before, const base::InputFile& after, base::OutputFile& out);

// Fills `out` with the file as it was. Errors: bad_data if `undo` is no undo file or belongs to another file
// than `after`; corrupt if it is damaged or the result does not have the hash that it names.
void apply_undo(const base::InputFile& undo, const base::InputFile& after, base::OutputFile& out);

}  // namespace tt::pipeline
