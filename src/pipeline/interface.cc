#include "pipeline/interface.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace tt::pipeline {
namespace {

using runtime::ValueInfo;

[[noreturn]] void refuse(const std::string& what) {
  throw base::Error(base::ErrorKind::bad_data, "the models cannot be compared, " + what,
                    "give a candidate that was made from the original");
}

std::string names_of(const std::vector<ValueInfo>& values) {
  std::string names;
  for (const ValueInfo& value : values) names += (names.empty() ? "" : ", ") + base::quoted(value.name);
  return names.empty() ? "none" : names;
}

bool same_dims(const ValueInfo& a, const ValueInfo& b) {
  return std::equal(a.dims.begin(), a.dims.end(), b.dims.begin(), b.dims.end(),
                    [](const runtime::Dim& left, const runtime::Dim& right) {
                      return left.size == right.size || left.size == runtime::kFree ||
                             right.size == runtime::kFree;
                    });
}

std::string text_of(const ValueInfo& value) {
  return std::string(runtime::element_name(value.type)) + " " + runtime::dims_text(value);
}

void check_same(const std::vector<ValueInfo>& original, const std::vector<ValueInfo>& candidate,
                const std::string& kind) {
  const bool same_names = original.size() == candidate.size() &&
                          std::all_of(original.begin(), original.end(), [&](const ValueInfo& value) {
                            return runtime::find_value(candidate, value.name);
                          });
  if (!same_names)
    refuse("the " + kind + "s of the original are " + names_of(original) + ", those of the candidate " +
           names_of(candidate));
  for (const ValueInfo& value : original) {
    const ValueInfo& other = *runtime::find_value(candidate, value.name);
    if (value.type != other.type || !same_dims(value, other))
      refuse(kind + " " + base::quoted(value.name) + " of the original is " + text_of(value) +
             ", that of the candidate " + text_of(other));
  }
}

}  // namespace

void check_same_interface(const runtime::Session& original, const runtime::Session& candidate) {
  check_same(original.inputs(), candidate.inputs(), "input");
  check_same(original.outputs(), candidate.outputs(), "output");
}

}  // namespace tt::pipeline
