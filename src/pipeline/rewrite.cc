#include "pipeline/rewrite.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "pipeline/edited_weight.h"
#include "pipeline/file_hash.h"
#include "pipeline/layer_export.h"
#include "pipeline/undo_file.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::JsonArray;
using base::JsonObject;
using container::Container;
using container::EncodedWeight;
using Clock = std::chrono::steady_clock;

Json with_row(const Json& options, Json row) {
  JsonObject all = options.is_object() ? options.as_object("options") : JsonObject{};
  const auto found =
      std::find_if(all.begin(), all.end(), [](const auto& item) { return item.first == "edits"; });
  JsonArray rows = found == all.end() ? JsonArray{} : found->second.as_array("edits");
  rows.push_back(std::move(row));
  if (found == all.end())
    all.emplace_back("edits", Json(std::move(rows)));
  else
    found->second = Json(std::move(rows));
  return Json(std::move(all));
}

base::Bytes literals_of(const Container& container) {
  base::Bytes literals;
  container.check_skeleton();
  container.read_literals(
      [&](base::ByteView piece) { literals.insert(literals.end(), piece.begin(), piece.end()); });
  return literals;
}

void finish(Clock::time_point start, EditReport& report) {
  report.peak_rss_bytes = base::peak_rss_bytes();
  report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
}

// Weights mean the same in both files only if they come from the same model and stand in the same graph.
void check_pair(const Container& container, const Container& rollback) {
  const auto source = [](const Container& file) {
    const auto& sources = file.manifest().sources;
    return sources.empty() ? std::string() : base::hex(sources[0].sha256);
  };
  if (source(container) != source(rollback))
    throw Error(ErrorKind::bad_data,
                base::quoted(rollback.file().name()) + " does not belong to " +
                    base::quoted(container.file().name()) + ": they were made from different models",
                "give the file that tt compress --rollback wrote with it");
  if (literals_of(container) != literals_of(rollback))
    throw Error(ErrorKind::unsupported,
                "single weights of " + base::quoted(container.file().name()) +
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
              "give the file that tt compress --rollback wrote with it");
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

Json restore_row(const std::string& pattern, const EditReport& report, const Container& container,
                 const Container& rollback) {
  JsonArray names;
  for (const EditedReport& weight : report.weights) names.emplace_back(weight.name);
  return Json(JsonObject{{"action", Json(report.action)},
                         {"pattern", Json(pattern)},
                         {"rollback_sha256", Json(base::hex(base::sha256_file(rollback.file())))},
                         {"weights", Json(std::move(names))},
                         {"before_sha256", Json(base::hex(base::sha256_file(container.file())))}});
}

}  // namespace

void write_changed(const Container& container, const std::vector<EncodedWeight>& changed, Json row,
                   base::OutputFile& out) {
  container::Manifest manifest = container.manifest();
  manifest.tool_version = TT_VERSION;
  manifest.exact = false;
  manifest.options = with_row(manifest.options, std::move(row));
  std::map<std::string, const EncodedWeight*> by_name;
  for (const EncodedWeight& weight : changed) by_name.emplace(weight.entry.name, &weight);
  std::vector<EncodedWeight> kept(manifest.weights.size());
  std::vector<const EncodedWeight*> all;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const auto found = by_name.find(manifest.weights[i].name);
    if (found == by_name.end()) kept[i] = stored_weight(container, i);
    all.push_back(found == by_name.end() ? &kept[i] : found->second);
  }
  container::Writer(std::move(manifest), literals_of(container)).write(all, out);
}

void publish_edit(const Container& before, const std::string& undo_file, base::OutputFile& out,
                  EditReport& report) {
  report.output_sha256 = sha256_of(out);
  report.bytes_out = out.size();
  if (!undo_file.empty()) {
    base::OutputFile undo = base::OutputFile::create(undo_file);
    write_undo(before, out.reopen(), undo);
    undo.commit();
  }
  report.undo_file = undo_file;
  out.commit();
}

EditReport restore_weights(const RestoreOptions& options) {
  const auto start = Clock::now();
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
  finish(start, report);
  return report;
}

EditReport undo_edit(const std::string& input, const std::string& undo_file, const std::string& output) {
  const auto start = Clock::now();
  const base::InputFile after = base::InputFile::open(input);
  const base::InputFile undo = base::InputFile::open(undo_file);
  base::OutputFile out = base::OutputFile::create(output);
  apply_undo(undo, after, out);
  EditReport report;
  report.action = "undo";
  report.input = input;
  report.output = output;
  report.bytes_in = after.size();
  report.bytes_out = out.size();
  report.output_sha256 = sha256_of(out);
  out.commit();
  finish(start, report);
  return report;
}

}  // namespace tt::pipeline
