// A model from memory: everything that compress reads of it, and its skeletons put together again.
#pragma once

#include "fuzz.h"
#include "model/factor.h"
#include "model/fold.h"
#include "model/model.h"
#include "model/skeleton_writer.h"

namespace tt::fuzz {

// The payload of a weight in the form it has in the file; zeros for a factor.
inline base::Bytes stored_payload(const model::Model& model, std::uint32_t weight, model::PayloadForm form,
                                  const std::vector<model::Factor>& factors) {
  const std::size_t weights = model.weights().size();
  if (weight >= weights) return base::Bytes(factors.at(weight - weights).bytes);
  base::Bytes payload = model.read(model.weights()[weight]).payload;
  return form == model::PayloadForm::varint16 ? model::to_varint16(payload) : payload;
}

// The bytes of output file `file`.
inline base::Bytes assemble(const model::Model& model, const model::Skeleton& skeleton, std::size_t file,
                            const std::vector<model::Factor>& factors = {}) {
  base::Bytes out;
  std::size_t literal = 0;
  for (std::size_t i = 0; i <= file; ++i) {
    for (const model::Piece& piece : skeleton.files[i].pieces) {
      require(piece.literal <= skeleton.literals.size() - literal,
              "the pieces use the literals that there are");
      const auto begin = skeleton.literals.begin() + static_cast<std::ptrdiff_t>(literal);
      if (i == file) out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(piece.literal));
      literal += piece.literal;
      if (i != file || piece.weight == model::kNoWeight) continue;
      const base::Bytes payload = stored_payload(model, piece.weight, piece.form, factors);
      out.insert(out.end(), payload.begin(), payload.end());
    }
  }
  return out;
}

// What opens can be folded, and what comes out is a model that can be read.
inline void fold(const model::Model& model) {
  const bool readable = accepts([&] {
    model::FoldReport report;
    const std::optional<model::Model> made = model::folded(model, report);
    for (std::size_t i = 0; made && i < made->weights().size(); ++i) made->read(made->weights()[i]);
  });
  require(readable, "folding gives a model that can be read");
}

// The same for layers of two factors, here zeros of rank 1.
inline void factor(const model::Model& model) {
  const bool readable = accepts([&] {
    std::vector<model::FactorShape> shapes;
    for (const model::Weight& weight : model.weights())
      shapes.push_back({weight.layout.rows, weight.layout.cols, 1});
    const model::FactoredModel made = model::factored(model, shapes);
    const base::Bytes file = assemble(model, made.skeleton, 0, made.factors);
    const model::Model again = model::Model::open(base::InputFile::from_bytes(file, "factored"), "/nowhere");
    for (const model::Weight& weight : again.weights()) again.read(weight);
  });
  require(readable, "factoring gives a model that can be read");
}

// Opens `bytes` as a model; the exact skeleton must give the same bytes again, and the inlined one a model
// with the same weights.
inline void open_model(base::ByteView bytes) {
  const base::Bytes copy(bytes.begin(), bytes.end());
  accepts([&] {
    const model::Model model = model::Model::open(base::InputFile::from_bytes(copy, "input"), "/nowhere");
    bool readable = true;
    for (const model::Weight& weight : model.weights()) {
      require(weight.layout.rows * weight.layout.cols == tensor::element_count(weight.layout.shape),
              "the matrix view has all elements");
      readable = accepts([&] {
                   require(model.read(weight).payload.size() == weight.layout.payload_size(),
                           "a payload has the size of its layout");
                 }) &&
                 readable;
    }
    require(readable, "the payload of every listed weight can be read");
    require(assemble(model, model.exact_skeleton(), 0) == copy, "the exact skeleton gives the same file");
    const base::Bytes inlined = assemble(model, model.inline_skeleton(), 0);
    const model::Model again =
        model::Model::open(base::InputFile::from_bytes(inlined, "inlined"), "/nowhere");
    require(again.weights().size() == model.weights().size(), "the inlined model has the same weights");
    fold(model);
    if (model.format() == model::FileFormat::onnx) factor(model);
  });
}

}  // namespace tt::fuzz
