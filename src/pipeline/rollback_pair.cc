#include "pipeline/rollback_pair.h"

#include <algorithm>

#include "base/text.h"

namespace tt::pipeline {
namespace {

using container::SourceEntry;

std::string source_name(const SourceEntry& source) {
  return source.location.empty() ? "the model file" : "file " + base::quoted(source.location);
}

const SourceEntry* find(const std::vector<SourceEntry>& sources, const std::string& location) {
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [&](const SourceEntry& source) { return source.location == location; });
  return found == sources.end() ? nullptr : &*found;
}

}  // namespace

std::string pair_obstacle(const container::Container& file, const container::Container& rollback) {
  const std::vector<SourceEntry>&mine = file.manifest().sources, &theirs = rollback.manifest().sources;
  if (!rollback.manifest().exact) return "it is not lossless";
  for (const SourceEntry& source : mine) {
    const SourceEntry* const other = find(theirs, source.location);
    if (!other) return "it does not restore " + source_name(source);
    if (other->sha256 != source.sha256)
      return source_name(source) + " that it restores has sha256 " + base::hex(other->sha256) +
             " instead of " + base::hex(source.sha256);
  }
  if (mine.size() != theirs.size())
    return "it restores " + std::to_string(theirs.size()) + " files instead of " +
           std::to_string(mine.size());
  return {};
}

}  // namespace tt::pipeline
