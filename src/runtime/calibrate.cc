#include "runtime/calibrate.h"

#include <algorithm>
#include <set>

#include "base/cancel.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "runtime/class_labels.h"
#include "runtime/feed.h"
#include "runtime/input_sum.h"
#include "runtime/pass_plan.h"
#include "runtime/sample_blocks.h"
#include "runtime/sensitivity.h"
#include "runtime/tapped_session.h"
#include "tensor/random.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

// One run of the graph: what goes in, what comes out, and which positions count.
struct Run {
  NamedArrays inputs, arrays;
  std::vector<std::uint8_t> keep;
  std::uint64_t samples = 0, first = 0;  // first: within the block
};

std::vector<std::uint8_t> keep_of(const NamedArrays& inputs, const std::string& mask) {
  return mask.empty() ? std::vector<std::uint8_t>{} : nonzero(*find_array(inputs, mask));
}

std::vector<std::string> values_of(const std::vector<LayerInput>& inputs,
                                   const std::vector<std::size_t>& group) {
  std::set<std::string> names;
  for (const std::size_t index : group) names.insert(inputs[index].value);
  return {names.begin(), names.end()};
}

std::vector<std::size_t> everything(std::size_t count) {
  std::vector<std::size_t> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = i;
  return all;
}

std::string range_text(const SampleBlock& block) {
  return "samples " + std::to_string(block.first) + " to " + std::to_string(block.first + block.used - 1);
}

base::Sha256 resume_key(const SampleScan& scan, const CalibrateOptions& options) {
  base::Sha256Hasher hasher;
  for (const base::Sha256& digest : scan.blocks) hasher.update(digest);
  for (const base::Sha256& digest : scan.held_out) hasher.update(digest);
  const std::string text = std::to_string(options.seed) + "/" + std::to_string(options.hold_out) + "/" +
                           std::to_string(options.sensitivities) + "/" + options.mask_input;
  hasher.update(base::view_of(text));
  return hasher.finish();
}

const model::Model& with_graph(const model::Model& model) {
  if (model.format() != model::FileFormat::onnx)
    throw Error(ErrorKind::unsupported, "a safetensors file cannot be run, it holds weights without a graph",
                "calibrate an ONNX model, or compress without samples");
  return model;
}

}  // namespace

struct Calibrator::State {
  const model::Model& model;
  CalibrateOptions options;
  LayerInputs layers;
  std::optional<TappedSession> session;  // of all inputs, later of one group
  CalibrationSums sums;

  State(const model::Model& the_model, const CalibrateOptions& the_options)
      : model(with_graph(the_model)),
        options(the_options),
        layers(layer_inputs(model, model::taps_of(model))) {
    open(everything(layers.inputs.size()));
    if (!options.mask_input.empty() && find_value(session->inputs(), options.mask_input) == nullptr)
      throw Error(ErrorKind::bad_data,
                  "the mask " + base::quoted(options.mask_input) + " is no input of the model",
                  "--mask-input names an input such as attention_mask");
  }

  void open(const std::vector<std::size_t>& group) {
    session.reset();
    SessionOptions session_options;
    session_options.threads = 1;  // several runs at once instead: the bits then do not depend on their number
    session_options.isolate = options.isolate;
    session.emplace(model, values_of(layers.inputs, group), session_options);
  }

  NamedArrays probe(const Samples& samples, std::uint64_t batch) const;
  void drop_unusable(const NamedArrays& arrays);
  std::vector<std::uint64_t> sample_bytes(const NamedArrays& arrays, std::uint64_t batch) const;
  void describe(const SampleScan& scan, const std::vector<SampleBlock>& blocks);
  void take_up(std::optional<CalibrationSums> resume, const PassPlan& plan, std::size_t blocks);
  std::vector<Run> runs_of(const Samples& samples, std::uint64_t first, std::uint64_t count,
                           const SampleBlock& block) const;
  void sum_block(const Samples& samples, const SampleBlock& block, std::uint64_t batch,
                 std::vector<InputSum>& inputs, const std::vector<std::size_t>& group) const;
  void sum_group(const Samples& samples, const std::vector<SampleBlock>& blocks, const PassPlan& plan,
                 std::uint64_t number, base::Progress& progress);
  void sum_all(const Samples& samples, const std::vector<SampleBlock>& blocks, const PassPlan& plan,
               base::Progress& progress);
  bool checkpoint_due() const { return options.checkpoint_due && options.checkpoint_due(); }
};

// What one run of the first samples gives: names, types and shapes.
NamedArrays Calibrator::State::probe(const Samples& samples, std::uint64_t batch) const {
  const std::vector<NamedArrays> runs = split_runs(session->inputs(), samples.read(0, batch));
  if (!options.mask_input.empty()) keep_of(runs[0], options.mask_input);
  return session->run(runs[0]);
}

// Layers whose input is a constant or has another form than expected keep C = I.
void Calibrator::State::drop_unusable(const NamedArrays& arrays) {
  std::vector<std::size_t> place(layers.inputs.size(), SIZE_MAX);
  std::vector<std::string> reasons(layers.inputs.size());
  std::vector<LayerInput> kept;
  for (std::size_t i = 0; i < layers.inputs.size(); ++i) {
    const Array* array = find_array(arrays, layers.inputs[i].value);
    reasons[i] = array == nullptr ? "its input is a constant" : problem_of(layers.inputs[i], *array);
    if (!reasons[i].empty()) continue;
    place[i] = kept.size();
    kept.push_back(layers.inputs[i]);
  }
  for (WeightInput& weight : layers.weights) {
    std::vector<std::size_t> inputs;
    for (const std::size_t input : weight.inputs) {
      if (place[input] != SIZE_MAX) inputs.push_back(place[input]);
      if (place[input] == SIZE_MAX) weight.note = reasons[input];
    }
    weight.inputs = std::move(inputs);
  }
  layers.inputs = std::move(kept);
}

std::vector<std::uint64_t> Calibrator::State::sample_bytes(const NamedArrays& arrays,
                                                           std::uint64_t batch) const {
  std::vector<std::uint64_t> bytes;
  std::set<std::string> seen;
  for (const LayerInput& input : layers.inputs)
    bytes.push_back(seen.insert(input.value).second ? find_array(arrays, input.value)->data.size() / batch
                                                    : 0);
  return bytes;
}

void Calibrator::State::describe(const SampleScan& scan, const std::vector<SampleBlock>& blocks) {
  CalibrationInfo& info = sums.info;
  info.tool_version = TT_VERSION;
  info.model = model_hash(model);
  for (const SampleBlock& block : blocks) info.samples += block.used;
  info.blocks = scan.blocks;
  std::sort(info.blocks.begin(), info.blocks.end());
  info.seed = options.seed;
  info.generated = options.generated;
  info.mask_input = options.mask_input;
  info.part = CalibrationPart{0, 0, 0, false, resume_key(scan, options)};
  for (const LayerInput& input : layers.inputs) {
    info.inputs.push_back({input.kind, input.value, input.layer, input.size, 0, 0});
    sums.sums.emplace_back(sum_form(input.kind), sum_size(input.kind, input.size));
  }
  for (std::size_t i = 0; i < layers.weights.size(); ++i) {
    const model::Weight& weight = model.weights()[i];
    const WeightInput& input = layers.weights[i];
    WeightInfo entry{weight.name,         model::role_name(weight.role),
                     weight.layout.shape, weight.layout.rows,
                     weight.layout.cols,  {},
                     input.axis,          input.group,
                     input.note};
    entry.inputs.assign(input.inputs.begin(), input.inputs.end());
    info.weights.push_back(std::move(entry));
  }
}

void Calibrator::State::take_up(std::optional<CalibrationSums> resume, const PassPlan& plan,
                                std::size_t blocks) {
  if (!resume) return;
  const CalibrationInfo &mine = sums.info, &other = resume->info;
  bool same = other.part && other.part->key == mine.part->key && other.model == mine.model &&
              other.weights == mine.weights && other.inputs.size() == mine.inputs.size();
  for (std::size_t i = 0; same && i < mine.inputs.size(); ++i)
    same = other.inputs[i].kind == mine.inputs[i].kind && other.inputs[i].value == mine.inputs[i].value &&
           other.inputs[i].size == mine.inputs[i].size;
  if (!same || other.part->group > plan.groups.size() || other.part->block >= blocks ||
      other.part->weight > mine.weights.size() ||
      other.part->summed != (other.part->group == plan.groups.size()))
    throw Error(ErrorKind::bad_data,
                "the unfinished calibration is of another model, other samples or options",
                "use the same ones, or start anew without --resume");
  sums = std::move(*resume);
}

std::vector<Run> Calibrator::State::runs_of(const Samples& samples, std::uint64_t first, std::uint64_t count,
                                            const SampleBlock& block) const {
  std::vector<NamedArrays> inputs = split_runs(session->inputs(), samples.read(first, count));
  std::vector<Run> runs(inputs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i].keep = keep_of(inputs[i], options.mask_input);
    runs[i].inputs = std::move(inputs[i]);
    runs[i].samples = count / runs.size();
    runs[i].first = first - block.first + i * runs[i].samples;
  }
  return runs;
}

// As many batches at once as there are threads: first all are run, then every sum takes them in order.
void Calibrator::State::sum_block(const Samples& samples, const SampleBlock& block, std::uint64_t batch,
                                  std::vector<InputSum>& inputs,
                                  const std::vector<std::size_t>& group) const {
  const std::uint64_t end = block.first + block.used;
  for (std::uint64_t first = block.first; first < end;) {
    std::vector<Run> runs;
    for (unsigned i = 0; i < std::max(1u, options.threads) && first < end; ++i) {
      const std::uint64_t count = std::min(batch, end - first);
      std::vector<Run> more = runs_of(samples, first, count, block);
      std::move(more.begin(), more.end(), std::back_inserter(runs));
      first += count;
    }
    base::parallel_for(runs.size(), options.threads,
                       [&](std::size_t i) { runs[i].arrays = session->run(runs[i].inputs); });
    base::parallel_for(group.size(), options.threads, [&](std::size_t i) {
      for (const Run& run : runs) {
        const RowOptions rows{run.samples, run.first, tensor::random_bits(options.seed, group[i]), run.keep};
        inputs[i].add(*find_array(run.arrays, layers.inputs[group[i]].value), rows);
      }
    });
  }
  base::parallel_for(group.size(), options.threads,
                     [&](std::size_t i) { inputs[i].end_block(range_text(block)); });
}

void Calibrator::State::sum_group(const Samples& samples, const std::vector<SampleBlock>& blocks,
                                  const PassPlan& plan, std::uint64_t number, base::Progress& progress) {
  const std::vector<std::size_t>& group = plan.groups[number];
  if (plan.groups.size() > 1 || !session) open(group);
  std::vector<InputSum> inputs;
  for (const std::size_t index : group)
    inputs.emplace_back(layers.inputs[index], std::move(sums.sums[index]), sums.info.inputs[index].rows);
  CalibrationPart& part = *sums.info.part;
  for (std::uint64_t block = part.block; block < blocks.size(); ++block) {
    base::check_cancelled();
    sum_block(samples, blocks[block], plan.batch, inputs, group);
    progress.step(0);
    const bool last = block + 1 == blocks.size();
    part.block = last ? 0 : block + 1;
    part.group = last ? number + 1 : number;
    part.summed = part.group == plan.groups.size();
    const bool due = checkpoint_due();
    if (!due && !last) continue;
    for (std::size_t i = 0; i < group.size(); ++i) {
      sums.info.inputs[group[i]].rows = inputs[i].rows();
      sums.sums[group[i]] = inputs[i].take_sum();
    }
    if (due) options.checkpoint(sums);
    for (std::size_t i = 0; !last && i < group.size(); ++i) inputs[i].put_sum(std::move(sums.sums[group[i]]));
  }
}

void Calibrator::State::sum_all(const Samples& samples, const std::vector<SampleBlock>& blocks,
                                const PassPlan& plan, base::Progress& progress) {
  progress.start("calibrating", plan.groups.size() * blocks.size(), 0);
  CalibrationPart& part = *sums.info.part;
  for (std::uint64_t step = 0; step < part.group * blocks.size() + part.block; ++step) progress.step(0);
  while (part.group < plan.groups.size()) sum_group(samples, blocks, plan, part.group, progress);
  progress.done();
  part.summed = true;
}

Calibrator::Calibrator(const model::Model& model, const CalibrateOptions& options)
    : state_(std::make_unique<State>(model, options)) {}
Calibrator::~Calibrator() = default;

const std::vector<ValueInfo>& Calibrator::inputs() const {
  return state_->session->inputs();
}

CalibrationSums Calibrator::run(const Samples& samples, std::optional<CalibrationSums> resume,
                                base::Progress& progress) {
  State& state = *state_;
  const std::uint64_t all = samples.size() - (state.options.spare_last_quarter ? samples.size() / 4 : 0);
  const std::uint64_t most = state.options.max_samples == 0 ? all : state.options.max_samples;
  const std::uint64_t batch = fixed_batch(inputs(), samples.read(0, 1));
  const std::vector<SampleBlock> blocks = sample_blocks(std::min(all, most), batch, state.options.hold_out);
  const SampleScan scan = scan_samples(samples, blocks, progress);
  const NamedArrays arrays = state.probe(samples, batch);
  state.drop_unusable(arrays);
  const PassPlan plan = plan_passes(state.layers.inputs, state.sample_bytes(arrays, batch), batch);
  state.describe(scan, blocks);
  state.take_up(std::move(resume), plan, blocks.size());
  if (!state.sums.info.part->summed) state.sum_all(samples, blocks, plan, progress);
  state.session.reset();
  if (state.options.sensitivities)
    measure_sensitivities(state.model, samples, blocks.front().used, state.options, state.sums, progress);
  for (std::size_t i = 0; i < state.sums.sums.size(); ++i)
    state.sums.info.inputs[i].effective_rank = effective_rank(state.sums.info.inputs[i], state.sums.sums[i]);
  state.sums.info.held_out = scan.held_out;
  state.sums.held_out = gather_samples(samples, scan.held_out_rows);
  state.sums.info.part.reset();
  return std::move(state.sums);
}

}  // namespace tt::runtime
