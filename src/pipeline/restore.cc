#include "pipeline/restore.h"

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/file_hash.h"

namespace tt::pipeline {
namespace {

std::vector<std::uint64_t> target_sizes(const container::Manifest& manifest) {
  std::vector<std::uint64_t> sizes;
  for (const container::WeightEntry& entry : manifest.weights) sizes.push_back(entry.target_size);
  return sizes;
}

// A payload that is stored as varints is small enough to be held: it is decoded whole, then converted.
void write_varints(const container::Container& container, std::size_t index, const model::Target& target,
                   base::OutputFile& out) {
  const container::WeightEntry& entry = container.manifest().weights[index];
  const base::Bytes varints =
      model::to_varint16(codec::decode_all(entry.layout, entry.encoding, *container.cores(index)));
  if (varints.size() != target.length)
    throw base::Error(base::ErrorKind::corrupt,
                      "weight " + base::quoted(entry.name) + " does not fill its place", "");
  out.write(target.offset, varints);
}

// Literals arrive in order of their source offset; each run may span several pieces of the stream.
class LiteralWriter {
 public:
  LiteralWriter(const std::vector<model::LiteralTarget>& targets, std::vector<base::OutputFile>& outs)
      : targets_(targets), outs_(outs) {}

  void operator()(base::ByteView piece) {
    while (!piece.empty() && next_ < targets_.size()) {
      const model::LiteralTarget& target = targets_[next_];
      const std::uint64_t done = position_ - target.source;
      const std::size_t length =
          static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), target.length - done));
      outs_[target.file].write(target.offset + done, piece.first(length));
      position_ += length;
      piece = piece.subspan(length);
      if (done + length == target.length) ++next_;
    }
  }

 private:
  const std::vector<model::LiteralTarget>& targets_;
  std::vector<base::OutputFile>& outs_;
  std::size_t next_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace

void write_weight(const container::Container& container, std::size_t index,
                  const std::vector<model::Target>& targets, std::vector<base::OutputFile>& outs) {
  decode_weight(container, index, [&](std::uint64_t offset, base::ByteView piece) {
    for (const model::Target& target : targets)
      if (target.form == model::PayloadForm::flat) outs[target.file].write(target.offset + offset, piece);
  });
  for (const model::Target& target : targets)
    if (target.form == model::PayloadForm::varint16)
      write_varints(container, index, target, outs[target.file]);
}

void allocate_all(const model::Placement& placement, std::vector<base::OutputFile>& outs) {
  for (std::size_t i = 0; i < outs.size(); ++i) outs[i].allocate(placement.file_sizes[i]);
}

void copy_range(const base::InputFile& from, const model::Place& place, const model::Target& target,
                base::OutputFile& out) {
  base::Bytes buffer(1 << 20);
  for (std::uint64_t done = 0; done < place.length;) {
    const std::size_t length =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), place.length - done));
    from.read(place.offset + done, std::span(buffer).first(length));
    out.write(target.offset + done, base::ByteView(buffer).first(length));
    done += length;
  }
}

void write_literals(const container::Container& container, const model::Placement& placement,
                    std::vector<base::OutputFile>& outs) {
  container.check_skeleton();
  LiteralWriter literals(placement.literals, outs);
  container.read_literals([&](base::ByteView piece) { literals(piece); });
}

base::Bytes literals_of(const container::Container& container) {
  base::Bytes literals;
  container.check_skeleton();
  container.read_literals(
      [&](base::ByteView piece) { literals.insert(literals.end(), piece.begin(), piece.end()); });
  return literals;
}

void write_literals(const model::Skeleton& skeleton, const model::Placement& placement,
                    std::vector<base::OutputFile>& outs) {
  LiteralWriter(placement.literals, outs)(skeleton.literals);
}

void split_model(const model::Model& model, const model::Skeleton& skeleton,
                 std::vector<base::OutputFile>& outs) {
  std::vector<std::uint64_t> sizes;
  for (const model::Weight& weight : model.weights()) sizes.push_back(weight.place.length);
  const model::Placement placement = model::place_pieces(skeleton.files, skeleton.literals.size(), sizes);
  allocate_all(placement, outs);
  write_literals(skeleton, placement, outs);
  for (std::size_t i = 0; i < model.weights().size(); ++i)
    for (const model::Target& target : placement.weights[i])
      copy_range(model.files()[0].file, model.weights()[i].place, target, outs[target.file]);
}

void check_originals(const container::Manifest& manifest, const std::vector<base::OutputFile>& outs) {
  for (std::size_t i = 0; i < outs.size(); ++i) {
    const container::SourceEntry& source = manifest.sources[i];
    if (sha256_of(outs[i]) == base::hex(source.sha256)) continue;
    throw base::Error(
        base::ErrorKind::corrupt,
        "the restored " + (source.location.empty() ? "model" : "file " + base::quoted(source.location)) +
            " differs from the original",
        "the .tt file was not written by this version of tt, or is broken: compress the model again");
  }
}

model::Placement placement_of(const container::Container& container) {
  const container::Manifest& manifest = container.manifest();
  return model::place_pieces(manifest.files, manifest.literal_bytes, target_sizes(manifest));
}

void read_weight(const container::Container& container, std::size_t index, const WeightReader& read) {
  container.check_weight(index);
  const container::WeightEntry& entry = container.manifest().weights[index];
  try {
    read(entry, *container.cores(index));
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::corrupt) throw;
    throw base::Error(error.kind(), "weight " + base::quoted(entry.name) + ": " + error.what(), error.hint());
  }
}

void decode_weight(const container::Container& container, std::size_t index, const codec::PayloadSink& sink) {
  read_weight(container, index, [&](const container::WeightEntry& entry, const codec::CoreReader& cores) {
    codec::codec_for(entry.encoding.format).decode(entry.layout, entry.encoding, cores, sink);
  });
}

void restore_files(const container::Container& container, const model::Placement& placement,
                   std::vector<base::OutputFile>& outs, unsigned threads, base::Progress& progress) {
  allocate_all(placement, outs);
  write_literals(container, placement, outs);
  const auto& weights = container.manifest().weights;
  std::uint64_t bytes = 0;
  for (const container::WeightEntry& entry : weights) bytes += entry.target_size;
  progress.start("decoding", weights.size(), bytes);
  base::parallel_for(weights.size(), threads, [&](std::size_t i) {
    write_weight(container, i, placement.weights[i], outs);
    progress.step(weights[i].target_size);
  });
  progress.done();
}

}  // namespace tt::pipeline
