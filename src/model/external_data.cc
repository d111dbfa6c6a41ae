#include "model/external_data.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <tuple>

#include "base/checked.h"
#include "base/error.h"
#include "base/text.h"
#include "model/tensor_walk.h"

namespace tt::model {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t kMaxExternalFiles = 65'536;

std::uint64_t parse_number(const std::string& text, const std::string& what) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorKind::bad_data, what + " is " + base::quoted(text) + ", not a decimal number");
  }
  return value;
}

// Opens a location that the model names; `location` is normalised.
using Opener = std::function<base::InputFile(const std::string& location)>;

class Files {
 public:
  Files(const Opener& open, std::vector<SourceFile>& files) : open_(open), files_(files) {}

  std::uint32_t find(const std::string& location) {
    // "./a" and "a" are one file; ".." is left for open_beneath to refuse.
    std::string key = location.find("..") == std::string::npos
                          ? std::filesystem::path(location).lexically_normal().string()
                          : location;
    auto [at, fresh] = numbers_.emplace(key, static_cast<std::uint32_t>(files_.size()));
    if (!fresh) return at->second;
    if (files_.size() > kMaxExternalFiles) {
      throw Error(ErrorKind::resource_limit,
                  "ONNX file names more than " + std::to_string(kMaxExternalFiles) + " external data files");
    }
    files_.push_back({key, open_(key)});
    return at->second;
  }

 private:
  const Opener& open_;
  std::vector<SourceFile>& files_;
  std::map<std::string, std::uint32_t> numbers_;
};

base::InputFile open_in_folder(const std::string& folder, const std::string& location,
                               const OpenOptions& options, const base::InputFile& model) {
  base::InputFile file = base::InputFile::open_beneath(folder, location, options.allow_symlinks);
  if (model.is_same_file((std::filesystem::path(folder) / location).string())) {
    throw Error(ErrorKind::bad_data, "external data " + base::quoted(location) + " is the model file itself");
  }
  return file;
}

void set_place(Onnx& onnx, TensorInfo& info, Files& files, const std::vector<SourceFile>& sources) {
  const ExternalData& external = onnx.externals[info.external];
  std::string what = tensor_text(onnx, info);
  if (external.location.empty())
    throw Error(ErrorKind::bad_data, what + " has external data without a location");
  std::optional<std::uint64_t> need = raw_size(onnx, info);
  if (info.data_type == onnx::TensorProto::STRING) {
    throw Error(ErrorKind::bad_data, what + " has external data, but holds strings");
  }
  std::uint32_t file = files.find(external.location);
  std::uint64_t file_size = sources[file].file.size();
  std::uint64_t offset =
      external.offset.empty() ? 0 : parse_number(external.offset, "external offset of " + what);
  std::uint64_t rest = offset <= file_size ? file_size - offset : 0;
  std::uint64_t length =
      external.length.empty() ? rest : parse_number(external.length, "external length of " + what);
  if (!base::range_inside(offset, length, file_size)) {
    throw Error(ErrorKind::bad_data, "external data of " + what + " ends outside " +
                                         base::quoted(external.location) + " of " +
                                         std::to_string(file_size) + " bytes");
  }
  if (need && *need != length) {
    throw Error(ErrorKind::bad_data, what + " has " + std::to_string(length) +
                                         " bytes of external data where its dimensions need " +
                                         std::to_string(*need));
  }
  info.place = {file, offset, length, PayloadForm::flat};
  info.whole = length != 0;
}

bool same_data(const TensorInfo& a, const TensorInfo& b) {
  return a.place.offset == b.place.offset && a.place.length == b.place.length && a.data_type == b.data_type;
}

// Sweeps over all ranges by file and offset; a run of ranges that touch each other is whole only if all its
// members are the same.
void find_overlaps(Onnx& onnx) {
  std::vector<TensorInfo*> order;
  for (TensorInfo& info : onnx.tensors) {
    if (info.external != kNone && info.place.length != 0) order.push_back(&info);
  }
  std::stable_sort(order.begin(), order.end(), [](const TensorInfo* a, const TensorInfo* b) {
    return std::tie(a->place.file, a->place.offset, a->place.length) <
           std::tie(b->place.file, b->place.offset, b->place.length);
  });
  for (std::size_t begin = 0; begin < order.size();) {
    std::uint64_t run_end = order[begin]->place.offset + order[begin]->place.length;
    bool same = true;
    std::size_t end = begin + 1;
    for (; end < order.size() && order[end]->place.file == order[begin]->place.file &&
           order[end]->place.offset < run_end;
         ++end) {
      same = same && same_data(*order[begin], *order[end]);
      run_end = std::max(run_end, order[end]->place.offset + order[end]->place.length);
    }
    if (!same) {
      for (std::size_t i = begin; i < end; ++i) order[i]->whole = false;
      onnx.notes.push_back(tensor_text(onnx, *order[begin]) + " and " + std::to_string(end - begin - 1) +
                           " more: external data overlaps");
    }
    begin = end;
  }
}

void resolve(Onnx& onnx, const Opener& open, std::vector<SourceFile>& files) {
  Files opened(open, files);
  for (TensorInfo& info : onnx.tensors) {
    if (info.external != kNone) set_place(onnx, info, opened, files);
  }
  find_overlaps(onnx);
}

}  // namespace

void resolve_external_data(Onnx& onnx, const std::string& folder, const OpenOptions& options,
                           std::vector<SourceFile>& files) {
  resolve(
      onnx,
      [&](const std::string& location) { return open_in_folder(folder, location, options, files[0].file); },
      files);
}

void resolve_external_data(Onnx& onnx, std::vector<SourceFile> beside, std::vector<SourceFile>& files) {
  const auto take = [&](const std::string& location) {
    for (SourceFile& source : beside) {
      if (source.location == location) return std::move(source.file);
    }
    throw Error(ErrorKind::bad_data, "external data " + base::quoted(location) + " is not part of the model");
  };
  resolve(onnx, take, files);
}

}  // namespace tt::model
