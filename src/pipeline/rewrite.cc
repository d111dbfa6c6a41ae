#include "pipeline/rewrite.h"

#include <chrono>
#include <map>

#include "base/memory.h"
#include "pipeline/edit_history.h"
#include "pipeline/edited_weight.h"
#include "pipeline/file_hash.h"
#include "pipeline/restore.h"
#include "pipeline/undo_file.h"

namespace tt::pipeline {

using container::Container;
using container::EncodedWeight;

void write_changed(const Container& container, const std::vector<EncodedWeight>& changed, base::Json row,
                   base::OutputFile& out) {
  container::Manifest manifest = container.manifest();
  manifest.tool_version = TT_VERSION;
  manifest.exact = false;
  manifest.options = with_edit(manifest.options, std::move(row));
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

EditReport undo_edit(const std::string& input, const std::string& undo_file, const std::string& output) {
  const auto start = std::chrono::steady_clock::now();
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
  report.peak_rss_bytes = base::peak_rss_bytes();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline
