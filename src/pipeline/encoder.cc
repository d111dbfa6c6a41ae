#include "pipeline/encoder.h"

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"

namespace tt::pipeline {
namespace {

bool may_move(const plan::Candidate& candidate) {
  return candidate.loss > 0 && codec::knows_metric(candidate.encoding);
}

}  // namespace

bool Encoder::takes_target(std::size_t weight, const plan::Plan& plan) const {
  return may_move(curves_[weight][plan.choice[weight]]);
}

void Encoder::set_target(std::size_t weight, tensor::WeightData target) {
  targets_.insert_or_assign(weight, std::move(target));
  forget(weight);
}

void Encoder::clear_targets() {
  for (const auto& [weight, target] : targets_) forget(weight);
  targets_.clear();
}

container::EncodedWeight Encoder::encode_one(std::size_t index, const plan::Candidate& candidate) const {
  const model::Weight& weight = model_.weights()[index];
  const tensor::WeightData data = model_.read(weight);
  const codec::Codec& codec = codec::codec_for(candidate.encoding.format);
  container::EncodedWeight encoded;
  const std::shared_ptr<const tensor::SicPlan> sic =
      codec::knows_metric(candidate.encoding) ? metrics_.sic(index) : nullptr;
  codec::EncodeOptions options = how_;
  options.sic = sic.get();
  options.warn = [&encoded](const std::string& warning) { encoded.warnings.push_back(warning); };
  const auto target = may_move(candidate) ? targets_.find(index) : targets_.end();
  encoded.cores = codec.encode(target == targets_.end() ? data : target->second, candidate.encoding, options);
  encoded.entry.name = weight.name;
  encoded.entry.role = weight.role;
  encoded.entry.layout = weight.layout;
  encoded.entry.encoding = codec.settled(candidate.encoding, codec::MemoryCores(encoded.cores));
  encoded.entry.predicted_error = static_cast<float>(candidate.relative_error);
  encoded.entry.measured_error = static_cast<float>(
      codec::relative_error(data, encoded.entry.encoding, codec::MemoryCores(encoded.cores)));
  if (candidate.loss == 0 && candidate.relative_error == 0 && encoded.entry.measured_error != 0)
    throw base::Error(base::ErrorKind::internal,
                      "weight " + base::quoted(weight.name) + " does not decode bit for bit",
                      "please report this model");
  encoded.entry.target_size =
      weight.place.form == model::PayloadForm::flat ? weight.layout.payload_size() : weight.place.length;
  return encoded;
}

void Encoder::forget(const plan::Plan& plan, const plan::Plan* keep) {
  for (std::size_t w = 0; w < stored_.size(); ++w)
    std::erase_if(stored_[w], [&](const auto& item) {
      return item.first != plan.choice[w] && (keep == nullptr || item.first != keep->choice[w]);
    });
}

std::vector<const container::EncodedWeight*> Encoder::encode(const plan::Plan& plan, const plan::Plan* keep,
                                                             base::Progress& progress) {
  forget(plan, keep);
  std::vector<std::size_t> missing;
  std::uint64_t bytes = 0;
  for (std::size_t w = 0; w < stored_.size(); ++w)
    if (!stored_[w].contains(plan.choice[w])) {
      missing.push_back(w);
      bytes += model_.weights()[w].layout.payload_size();
    }
  std::stable_sort(missing.begin(), missing.end(), [&](std::size_t a, std::size_t b) {
    return model_.weights()[a].layout.elements() > model_.weights()[b].layout.elements();
  });
  progress.start("encoding", missing.size(), bytes);
  base::parallel_for(missing.size(), threads_, [&](std::size_t i) {
    const std::size_t w = missing[i], choice = plan.choice[w];
    stored_[w].emplace(choice, encode_one(w, curves_[w][choice]));
    progress.step(model_.weights()[w].layout.payload_size());
  });
  progress.done();
  std::vector<const container::EncodedWeight*> encoded;
  for (std::size_t w = 0; w < stored_.size(); ++w) encoded.push_back(&stored_[w].at(plan.choice[w]));
  return encoded;
}

}  // namespace tt::pipeline
