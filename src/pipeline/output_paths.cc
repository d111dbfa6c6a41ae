#include "pipeline/output_paths.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/sha256.h"
#include "base/text.h"
#include "pipeline/file_hash.h"

namespace tt::pipeline {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorKind;

bool is_plain_part(const std::string& part) {
  return !part.empty() && part.front() != '.' && part.size() <= 255 &&
         std::none_of(part.begin(), part.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; });
}

std::vector<std::string> parts_of(const std::string& location) {
  std::vector<std::string> parts{""};
  for (char c : location) {
    if (c == '/')
      parts.emplace_back();
    else
      parts.back().push_back(c);
  }
  return parts;
}

void check_location(const std::string& location) {
  const std::vector<std::string> parts = parts_of(location);
  if (parts.size() <= 8 && std::all_of(parts.begin(), parts.end(), is_plain_part)) return;
  throw Error(ErrorKind::corrupt,
              "external data location " + base::quoted(location) + " would leave the output's folder",
              "this file is broken or hostile: do not trust it");
}

// Makes the folders between `folder` and the file; a symbolic link among them is refused.
void make_folders(fs::path folder, const std::string& location) {
  std::vector<std::string> parts = parts_of(location);
  parts.pop_back();
  for (const std::string& part : parts) {
    folder /= part;
    std::error_code error;
    fs::create_directory(folder, error);
    const fs::file_status status = fs::symlink_status(folder, error);
    if (status.type() != fs::file_type::directory)
      throw Error(ErrorKind::cannot_create, "cannot create the folder " + base::quoted(folder.string()),
                  "external data would lie there: choose another output folder");
  }
}

}  // namespace

std::vector<std::string> output_paths(const std::vector<model::SkeletonFile>& files,
                                      const std::string& output) {
  std::vector<std::string> paths{output};
  if (files.size() > 1 && output == "-")
    throw Error(ErrorKind::usage, "the model has external data files and cannot go to standard output",
                "name an output file");
  const fs::path folder = fs::path(output).parent_path();
  std::set<std::string> taken{fs::path(output).filename().string()};
  for (std::size_t i = 1; i < files.size(); ++i) {
    const std::string& location = files[i].location;
    check_location(location);
    if (!taken.insert(location).second)
      throw Error(ErrorKind::usage,
                  "the model's external data file " + base::quoted(location) + " has the name of the output",
                  "choose another output name");
  }
  for (std::size_t i = 1; i < files.size(); ++i) {
    make_folders(folder.empty() ? fs::path(".") : folder, files[i].location);
    paths.push_back((folder / files[i].location).string());
  }
  return paths;
}

void refuse_other_content(const std::vector<base::OutputFile>& outs, bool overwrite) {
  if (overwrite) return;
  for (std::size_t i = 1; i < outs.size(); ++i) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(outs[i].path(), error))) continue;
    if (fs::is_regular_file(fs::symlink_status(outs[i].path(), error)) &&
        base::hex(base::sha256_file(base::InputFile::open(outs[i].path()))) == sha256_of(outs[i]))
      continue;
    throw Error(ErrorKind::cannot_create,
                "external data file " + base::quoted(outs[i].path()) + " exists with other content",
                "choose another output folder, or use --overwrite");
  }
}

}  // namespace tt::pipeline
