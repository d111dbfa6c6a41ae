// Single weights from a rollback file.
#include <chrono>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "pipeline/edit.h"
#include "pipeline/edit_history.h"
#include "pipeline/edited_weight.h"
#include "pipeline/layer_export.h"
#include "pipeline/restore.h"
#include "pipeline/rewrite.h"
#include "pipeline/rollback_pair.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using container::Container;
using container::EncodedWeight;

constexpr const char* kPairHint = "give the file that tt compress --rollback wrote with it";

// Weights mean the same in both files only if they come from the same model and stand in the same graph.
void check_pair(const Container& container, const Container& rollback) {
  const std::string& name = container.file().name();
  if (const std::string why = pair_obstacle(container, rollback); !why.empty())
    throw Error(
        ErrorKind::bad_data,
        base::quoted(rollback.file().name()) + " does not belong to " + base::quoted(name) + ": " + why,
        kPairHint);
  if (literals_of(container) != literals_of(rollback))
    throw Error(ErrorKind::unsupported,
                "single weights of " + base::quoted(name) +
                    " cannot be restored, its graph was folded or its weights were moved into one file",
                "compress with --no-fold, or go back to the whole rollback file");
}

EncodedWeight original_of(const container::WeightEntry& entry, const Container& rollback) {
  const auto& entries = rollback.manifest().weights;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entries[i].name == entry.name && entries[i].layout.shape == entry.layout.shape &&
        entries[i].layout.dtype == entry.layout.dtype)
      return stored_weight(rollback, i);
  throw Error(ErrorKind::bad_data,
              "weight " + base::quoted(entry.name) + " is not in " + base::quoted(rollback.file().name()),
              kPairHint);
}

EditedReport restored_report(const container::WeightEntry& before, const EncodedWeight& after) {
  EditedReport report;
  report.name = before.name;
  report.role = model::role_name(before.role);
  report.encoding = after.entry.encoding;
  for (const std::uint64_t size : before.core_sizes) report.bytes_before += size;
  for (const codec::Core& core : after.cores) report.bytes_after += core.bytes.size();
  return report;
}

}  // namespace

EditReport restore_weights(const RestoreOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const Container container = Container::open(base::InputFile::open(options.input));
  const Container rollback = Container::open(base::InputFile::open(options.rollback));
  base::OutputFile out = base::OutputFile::create(options.output);
  check_pair(container, rollback);
  EditReport report;
  report.action = "restore";
  report.input = options.input;
  report.output = options.output;
  report.bytes_in = container.file().size();
  std::vector<EncodedWeight> changed;
  for (const std::size_t i : matching_weights(container, options.pattern)) {
    const container::WeightEntry& entry = container.manifest().weights[i];
    EncodedWeight original = original_of(entry, rollback);
    original.entry.target_size = entry.target_size;
    report.weights.push_back(restored_report(entry, original));
    changed.push_back(std::move(original));
  }
  write_changed(container, changed, restore_row(options.pattern, report, container, rollback), out);
  publish_edit(container, options.undo_file, out, report);
  report.peak_rss_bytes = base::peak_rss_bytes();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline
