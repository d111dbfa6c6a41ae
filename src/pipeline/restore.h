// Writes the files of a container: literals and decoded weights at their places, several weights at once.
#pragma once

#include <functional>
#include <vector>

#include "base/output_file.h"
#include "base/progress.h"
#include "container/container.h"
#include "model/skeleton_writer.h"

namespace tt::pipeline {

// Where every piece of the container's files goes.
model::Placement placement_of(const container::Container& container);

// Checks every stored byte, then fills `outs` (one a file, in the manifest's order). Nothing is committed.
void restore_files(const container::Container& container, const model::Placement& placement,
                   std::vector<base::OutputFile>& outs, unsigned threads, base::Progress& progress);

// As restore_files, from a model file with inline weights to its two files with external data.
void split_model(const model::Model& model, const model::Skeleton& skeleton,
                 std::vector<base::OutputFile>& outs);

// The steps of it. Sizes of all files are reserved.
void allocate_all(const model::Placement& placement, std::vector<base::OutputFile>& outs);
// The container's literals, checked, or those of another skeleton.
void write_literals(const container::Container& container, const model::Placement& placement,
                    std::vector<base::OutputFile>& outs);
void write_literals(const model::Skeleton& skeleton, const model::Placement& placement,
                    std::vector<base::OutputFile>& outs);
// The same in memory.
base::Bytes literals_of(const container::Container& container);
// Weight `index` of the container, decoded, to all its targets.
void write_weight(const container::Container& container, std::size_t index,
                  const std::vector<model::Target>& targets, std::vector<base::OutputFile>& outs);
// The bytes at `place` of `from`.
void copy_range(const base::InputFile& from, const model::Place& place, const model::Target& target,
                base::OutputFile& out);

// The files of an exact container must be the input of compress; their hashes say so. Errors: corrupt.
void check_originals(const container::Manifest& manifest, const std::vector<base::OutputFile>& outs);

// Checks the hash of weight `index`, then calls `read`; a corrupt weight is named in the error.
using WeightReader = std::function<void(const container::WeightEntry& entry, const codec::CoreReader& cores)>;
void read_weight(const container::Container& container, std::size_t index, const WeightReader& read);

// Decodes weight `index` piece by piece, by read_weight().
void decode_weight(const container::Container& container, std::size_t index, const codec::PayloadSink& sink);

}  // namespace tt::pipeline
