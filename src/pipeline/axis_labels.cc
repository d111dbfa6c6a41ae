#include "pipeline/axis_labels.h"

#include <string_view>

#include "base/error.h"
#include "base/input_file.h"
#include "base/text.h"
#include "base/utf8.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

}  // namespace

AxisLabels AxisLabels::read(const std::string& path) {
  const base::InputFile file = base::InputFile::open(path);
  if (file.size() > kMaxLabelBytes)
    throw Error(ErrorKind::resource_limit,
                "labels " + base::quoted(path) + " are " + base::format_bytes(file.size()) + ", more than " +
                    base::format_bytes(kMaxLabelBytes),
                "give a text file with one label a line");
  const base::Bytes bytes = file.read_bytes(0, file.size());
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (rest.empty())
    throw Error(ErrorKind::bad_data, "labels " + base::quoted(path) + " are empty",
                "give a text file with one label a line");
  AxisLabels labels;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!base::is_utf8(line))
      throw Error(ErrorKind::bad_data,
                  "labels " + base::quoted(path) + " are not UTF-8 in line " +
                      std::to_string(labels.labels_.size() + 1),
                  "save the file as UTF-8");
    labels.labels_.emplace_back(line);
  }
  return labels;
}

std::string AxisLabels::at(std::uint64_t length, std::uint64_t index) const {
  return length == labels_.size() && index < length ? labels_[index] : std::string();
}

}  // namespace tt::pipeline
