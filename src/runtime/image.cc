#include "runtime/image.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "model/skeleton_writer.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

[[noreturn]] void throw_no_fit(std::size_t weight) {
  throw Error(ErrorKind::corrupt, "weight " + std::to_string(weight) + " does not fill its place");
}

void put(base::Bytes& file, std::uint64_t offset, base::ByteView piece, std::size_t weight) {
  if (!base::range_inside(offset, piece.size(), file.size())) throw_no_fit(weight);
  std::copy(piece.begin(), piece.end(), file.begin() + static_cast<std::ptrdiff_t>(offset));
}

bool has_varints(const std::vector<model::Target>& targets) {
  return std::any_of(targets.begin(), targets.end(),
                     [](const model::Target& target) { return target.form == model::PayloadForm::varint16; });
}

// A payload that is stored as varints somewhere is collected first.
void place_weight(std::size_t weight, const std::vector<model::Target>& targets, const PayloadReader& read,
                  std::vector<base::Bytes>& files) {
  const bool collect = has_varints(targets);
  base::Bytes whole;
  std::uint64_t seen = 0;
  read(weight, [&](std::uint64_t offset, base::ByteView piece) {
    seen += piece.size();
    if (collect) {
      if (offset != whole.size()) throw_no_fit(weight);
      whole.insert(whole.end(), piece.begin(), piece.end());
    }
    for (const model::Target& target : targets) {
      if (target.form != model::PayloadForm::flat) continue;
      if (!base::range_inside(offset, piece.size(), target.length)) throw_no_fit(weight);
      put(files[target.file], target.offset + offset, piece, weight);
    }
  });
  for (const model::Target& target : targets) {
    if (target.form == model::PayloadForm::flat) {
      if (seen != target.length) throw_no_fit(weight);
      continue;
    }
    const base::Bytes varints = model::to_varint16(whole);
    if (varints.size() != target.length) throw_no_fit(weight);
    put(files[target.file], target.offset, varints, weight);
  }
}

std::vector<base::Bytes> read_all(const std::vector<model::SourceFile>& sources) {
  std::vector<base::Bytes> files;
  for (const model::SourceFile& source : sources)
    files.push_back(source.file.read_bytes(0, source.file.size()));
  return files;
}

ModelImage image_with_data(const model::Model& model) {
  if (!model.plain_locations())
    throw Error(ErrorKind::unsupported, "the model is above 2 GB and names one of its data files in two ways",
                "write the same location for all tensors of a file");
  std::vector<base::Bytes> files = read_all(model.files());
  ModelImage image{std::move(files[0]), {}};
  for (std::size_t i = 1; i < files.size(); ++i)
    image.data.push_back({model.files()[i].location, std::move(files[i])});
  return image;
}

bool is_inline(const model::Model& model) {
  return model.files().size() == 1 &&
         std::none_of(model.weights().begin(), model.weights().end(), [](const model::Weight& weight) {
           return weight.place.form == model::PayloadForm::varint16;
         });
}

}  // namespace

ModelImage image_of(const model::Model& model, std::uint64_t max_inline) {
  if (model.format() != model::FileFormat::onnx)
    throw Error(ErrorKind::unsupported, "a safetensors file cannot be run, it holds weights without a graph",
                "use an ONNX model");
  if (model.bytes() > max_inline) return image_with_data(model);
  if (is_inline(model)) return {std::move(read_all(model.files())[0]), {}};
  std::vector<std::uint64_t> sizes;
  for (const model::Weight& weight : model.weights()) sizes.push_back(weight.layout.payload_size());
  std::vector<base::Bytes> files =
      assemble(model.inline_skeleton(), sizes, [&](std::size_t index, const PayloadSink& sink) {
        sink(0, model.read(model.weights()[index]).payload);
      });
  return {std::move(files[0]), {}};
}

std::vector<base::Bytes> assemble(const model::Skeleton& skeleton,
                                  const std::vector<std::uint64_t>& payload_sizes, const PayloadReader& read,
                                  unsigned threads) {
  const model::Placement placement =
      model::place_pieces(skeleton.files, skeleton.literals.size(), payload_sizes);
  std::vector<base::Bytes> files;
  for (const std::uint64_t size : placement.file_sizes) files.emplace_back(size);
  for (const model::LiteralTarget& target : placement.literals)
    std::copy_n(skeleton.literals.data() + target.source, target.length,
                files[target.file].data() + target.offset);
  base::parallel_for(placement.weights.size(), threads, [&](std::size_t weight) {
    place_weight(weight, placement.weights[weight], read, files);
  });
  return files;
}

model::Model assembled_model(const model::Skeleton& skeleton, const std::vector<std::uint64_t>& payload_sizes,
                             const PayloadReader& read, const std::string& name, unsigned threads) {
  std::vector<base::Bytes> files = assemble(skeleton, payload_sizes, read, threads);
  std::vector<model::SourceFile> beside;
  for (std::size_t i = 1; i < files.size(); ++i) {
    const std::string& location = skeleton.files[i].location;
    beside.push_back({location, base::InputFile::from_bytes(std::move(files[i]), location)});
  }
  return model::Model::open(base::InputFile::from_bytes(std::move(files[0]), name), std::move(beside));
}

}  // namespace tt::runtime
