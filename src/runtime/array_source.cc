#include "runtime/array_source.h"

#include <filesystem>
#include <set>

#include "base/checked.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/npy.h"
#include "runtime/safetensors_arrays.h"
#include "runtime/test_data.h"
#include "runtime/zip_archive.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

// Entries that are no .npy (a README, macOS folders) are not arrays.
ArraySources open_npz(const std::shared_ptr<const base::InputFile>& file) {
  ArraySources sources;
  for (ZipEntry& entry : open_zip(file)) {
    const std::string_view name = entry.name;
    if (!name.ends_with(".npy")) continue;
    sources.push_back(
        open_npy(std::move(entry.stream), std::string(name.substr(0, name.size() - 4)), file->name()));
  }
  if (sources.empty())
    throw Error(ErrorKind::bad_data, base::quoted(file->name()) + " is a zip archive without .npy arrays",
                "numpy.savez writes them");
  return sources;
}

bool looks_like_safetensors(const base::InputFile& file) {
  if (file.size() < 10) return false;
  const base::Bytes start = file.read_bytes(0, 9);
  return start[8] == '{' && base::load_le<std::uint64_t>(start.data()) <= file.size() - 8;
}

void check_sources(const ArraySources& sources, const std::string& file) {
  if (sources.size() > kMaxArrays)
    throw Error(ErrorKind::resource_limit,
                base::quoted(file) + " holds more than " + std::to_string(kMaxArrays) + " arrays");
  std::set<std::string> names;
  for (const auto& source : sources)
    if (!names.insert(source->name()).second)
      throw Error(ErrorKind::bad_data, base::quoted(file) + " holds " + source->text() + " twice");
}

}  // namespace

void ArraySource::set_text(const std::string& file) {
  text_ = name_.empty() ? base::quoted(file) : "array " + base::quoted(name_) + " of " + base::quoted(file);
  data_size(type_, shape_, text_);
  const tensor::Shape row(shape_.begin() + (shape_.empty() ? 0 : 1), shape_.end());
  row_bytes_ = data_size(type_, row, text_);
  if (row_bytes_ > kMaxRowBytes)
    throw Error(ErrorKind::resource_limit,
                text_ + " has rows of more than " + base::format_bytes(kMaxRowBytes));
}

Array ArraySource::read(std::uint64_t begin, std::uint64_t count) {
  if (!base::range_inside(begin, count, rows()))
    throw Error(ErrorKind::bad_data, text_ + " has " + std::to_string(rows()) + " rows, row " +
                                         std::to_string(begin + count - 1) + " was wanted");
  Array result{type_, shape_, base::Bytes(base::checked_mul(count, row_bytes_, "size of " + text_))};
  if (!shape_.empty()) result.shape[0] = count;
  if (!result.data.empty()) read_bytes(begin * row_bytes_, result.data);
  return result;
}

ArraySources open_arrays(base::InputFile input) {
  const auto file = std::make_shared<const base::InputFile>(std::move(input));
  const base::Bytes start = file->read_bytes(0, std::min<std::uint64_t>(8, file->size()));
  ArraySources sources;
  if (looks_like_npy(start)) {
    sources.push_back(open_npy(std::make_shared<FileStream>(file), "", file->name()));
  } else if (looks_like_zip(start)) {
    sources = open_npz(file);
  } else if (looks_like_safetensors(*file)) {
    sources = open_safetensors_arrays(file);
  } else {
    throw Error(ErrorKind::bad_data, base::quoted(file->name()) + " holds no arrays that tt can read",
                "give a .npz, .npy or safetensors file, or a folder in the form of ONNX's test_data_set");
  }
  check_sources(sources, file->name());
  return sources;
}

ArraySources open_arrays(const std::string& path) {
  if (path == "-" || !std::filesystem::is_directory(path)) return open_arrays(base::InputFile::open(path));
  ArraySources sources = open_test_data(path);
  check_sources(sources, path);
  return sources;
}

}  // namespace tt::runtime
