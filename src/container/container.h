// The .tt file: a valid safetensors file holding cores, skeleton and manifest. Layout, limits, hashes:
// docs/formats/tt.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/input_file.h"
#include "base/output_file.h"
#include "base/zstd_frame.h"
#include "container/manifest.h"

namespace tt::container {

struct EncodedWeight {
  WeightEntry entry;  // core_sizes and sha256 are filled by the writer
  std::vector<codec::Core> cores;
  std::vector<std::string> warnings = {};  // of encoding it; not stored
};

// What a file will weigh, exactly: header, manifest, skeleton, cores. Used by the planner before writing.
struct FileSize {
  std::uint64_t total = 0, header = 0, manifest = 0, skeleton = 0, cores = 0;
};

// Builds the file in memory-sized steps: the same input gives the same bytes. `manifest.weights`,
// literal_bytes and skeleton_sha256 are filled from the arguments.
class Writer {
 public:
  // Compresses the literals once (zstd).
  Writer(Manifest manifest, base::ByteView literals);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  FileSize size(const std::vector<const EncodedWeight*>& weights) const;
  std::uint64_t skeleton_size() const;  // compressed
  // Writes everything, reads it back and compares hashes; the caller commits. Errors: write_failed.
  FileSize write(const std::vector<const EncodedWeight*>& weights, base::OutputFile& out) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// An open .tt file; opening reads header and manifest only and checks: limits, canonical header, root hash,
// that the tensors cover the file exactly, every encoding against its weight, every core size that the
// encoding fixes, that pieces and literals add up. Errors: corrupt, unsupported (version newer than this tt:
// names both), resource_limit, bad_data (not a .tt file).
class Container {
 public:
  static Container open(base::InputFile file);
  static bool looks_like(const base::InputFile& file);  // a safetensors header with tt's metadata

  Container(Container&&) noexcept;
  Container& operator=(Container&&) noexcept;
  ~Container();

  const Manifest& manifest() const;
  const FileSize& size() const;
  const base::InputFile& file() const;
  // The cores of weight i; thread-safe.
  std::unique_ptr<codec::CoreReader> cores(std::size_t weight) const;
  // Errors: corrupt if the stored bytes of weight i do not have the sha256 of the manifest.
  void check_weight(std::size_t weight) const;
  void check_skeleton() const;
  // The literals, streamed in order (call check_skeleton() before).
  void read_literals(const base::ByteSink& sink) const;

 private:
  struct State;
  explicit Container(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tt::container
