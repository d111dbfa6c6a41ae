#include "runtime/judge.h"

#include <doctest/doctest.h>

#include <cmath>

#include "runtime/latency.h"
#include "runtime/memory_source.h"
#include "support.h"
#include "tensor/random.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;
using doctest::Approx;
using test::error_kind;
using test::floats;
using test::integers;
using test::value;

using Function = std::function<NamedArrays(const NamedArrays&)>;

// A model that is a function, and counts its runs.
class FakeEngine : public Engine {
 public:
  FakeEngine(Signature signature, Function function, int* runs)
      : signature_(std::move(signature)), function_(std::move(function)), runs_(runs) {}
  const Signature& signature() const override { return signature_; }
  NamedArrays run(const NamedArrays& inputs) override {
    if (runs_ != nullptr) ++*runs_;
    return function_(inputs);
  }

 private:
  Signature signature_;
  Function function_;
  int* runs_;
};

Session session(const Signature& signature, Function function, int* runs = nullptr) {
  return Session(std::make_unique<FakeEngine>(signature, std::move(function), runs));
}
Samples samples(const NamedArrays& arrays, const std::vector<ValueInfo>& inputs) {
  ArraySources sources;
  for (const NamedArray& array : arrays) sources.push_back(std::make_unique<MemorySource>(array, "test"));
  return Samples::of(std::move(sources), inputs);
}

std::vector<double> noise(std::size_t count, std::uint64_t seed) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = 3 * tensor::random_uniform(seed, i);
  return values;
}

// y = x with `change` added to every value.
Function shifted(double change, const std::string& output = "y") {
  return [change, output](const NamedArrays& inputs) {
    std::vector<double> values = to_doubles(inputs[0].array);
    for (double& value : values) value += change * std::sin(10 * value);
    return NamedArrays{{output, floats(inputs[0].array.shape, values)}};
  };
}

const Signature kRows = {{value("x", {kFree, 4})}, {value("y", {kFree, 4})}};
TaskChoice task_of(Task task, Scores scores = Scores::logits, const std::string& output = "y") {
  return {task, scores, output, ""};
}
JudgeOptions options_of(Task task) {
  JudgeOptions options;
  options.task = task_of(task);
  return options;
}

Judgement judge(const Session& original, const Session& candidate, const Samples& samples,
                const JudgeOptions& options) {
  base::Progress progress;
  return Judge(original, samples, options).judge(candidate, progress);
}

// Rows of four scores: the figures are those of the parts on everything at once.
TEST_CASE("a judgement is that of all samples, whatever the batches") {
  const std::uint64_t count = 300;
  const std::vector<double> x = noise(count * 4, 1);
  const Samples data = samples({{"x", floats({count, 4}, x)}}, kRows.inputs);
  const Session original = session(kRows, shifted(0)), candidate = session(kRows, shifted(0.1));
  std::vector<double> classes(count);
  for (std::size_t i = 0; i < count; ++i) classes[i] = static_cast<double>(i % 4);
  const Labels labels(integers({count}, classes));
  const NamedArrays all = candidate.run({{"x", floats({count, 4}, x)}});
  OutputError error("y");
  error.add(floats({count, 4}, x), all[0].array);
  Predictions predictions({});
  predictions.add(floats({count, 4}, x), all[0].array, to_integers(labels.array(), ""));
  for (const std::uint64_t bytes : {1, 32 * 7, 1 << 20}) {
    JudgeOptions options = options_of(Task::classification);
    options.labels = &labels;
    options.batch_bytes = bytes;
    const Judgement judgement = judge(original, candidate, data, options);
    CHECK(judgement.samples == count);
    CHECK(judgement.finite);
    CHECK(judgement.notes.empty());
    REQUIRE(judgement.outputs.size() == 1);
    CHECK(judgement.outputs[0].relative_error == error.result().relative_error);
    CHECK(judgement.outputs[0].pearson == error.result().pearson);
    REQUIRE(judgement.predictions);
    CHECK(judgement.predictions->kl.mean == predictions.result().kl.mean);
    CHECK(judgement.predictions->kl.se == predictions.result().kl.se);
    CHECK(judgement.predictions->accuracy->drop == predictions.result().accuracy->drop);
    CHECK_FALSE(judgement.predictions->perplexity);
    CHECK_FALSE(judgement.label_error_original);
  }
}

TEST_CASE("a part of the samples") {
  const Samples data = samples({{"x", floats({10, 4}, noise(40, 2))}}, kRows.inputs);
  const Session original = session(kRows, shifted(0)), candidate = session(kRows, shifted(0.1));
  JudgeOptions options = options_of(Task::generic);
  options.first = 7;
  const Judgement end = judge(original, candidate, data, options);
  CHECK(end.samples == 3);
  CHECK(end.outputs[0].values == 12);
  CHECK_FALSE(end.predictions);
  const Samples three = samples({{"x", data.read(7, 3)[0].array}}, kRows.inputs);
  CHECK(judge(original, candidate, three, options_of(Task::generic)).outputs[0].mse == end.outputs[0].mse);
  options.count = 2;
  CHECK(judge(original, candidate, data, options).samples == 2);
  // Labels are those of the same samples.
  const Labels labels(integers({10}, {0, 1, 2, 3, 0, 1, 2, 3, 0, 1}));
  options = options_of(Task::classification);
  options.labels = &labels, options.first = 7;
  const Labels last(integers({3}, {3, 0, 1}));
  JudgeOptions others = options_of(Task::classification);
  others.labels = &last;
  CHECK(judge(original, candidate, data, options).predictions->perplexity.has_value() == false);
  CHECK(judge(original, candidate, data, options).predictions->accuracy->original ==
        judge(original, candidate, three, others).predictions->accuracy->original);
}

TEST_CASE("the original runs once for many candidates, as far as the cache goes") {
  const Samples data = samples({{"x", floats({64, 4}, noise(256, 3))}}, kRows.inputs);
  int runs = 0;
  const Session original = session(kRows, shifted(0), &runs), candidate = session(kRows, shifted(0.1));
  base::Progress progress;
  for (const std::uint64_t cache : {std::uint64_t{0}, std::uint64_t{64 * 4 * 2}, std::uint64_t{1} << 20}) {
    JudgeOptions options = options_of(Task::generic);
    options.batch_bytes = 32 * 8;  // eight runs
    options.cache_bytes = cache;
    const Judge judge(original, data, options);
    const double first = judge.judge(candidate, progress).outputs[0].mse;
    runs = 0;
    CHECK(judge.judge(candidate, progress).outputs[0].mse == first);
    CHECK(runs == (cache == 0 ? 8 : cache < 1024 ? 4 : 0));
  }
}

TEST_CASE("graphs that only take one sample") {
  // The batch of one is written into a Reshape; an output without samples; a first axis that is another one.
  const Function strict = [](const NamedArrays& inputs) {
    if (inputs[0].array.shape[0] != 1) throw base::Error(ErrorKind::bad_data, "reshape of one sample");
    return NamedArrays{{"y", inputs[0].array}};
  };
  const Function flat = [](const NamedArrays& inputs) {
    std::vector<double> values = to_doubles(inputs[0].array);
    return NamedArrays{{"y", floats({values.size()}, values)}};
  };
  const Function turned = [](const NamedArrays& inputs) {
    const std::uint64_t count = inputs[0].array.shape[0];
    return NamedArrays{{"y", floats({2, count, 2}, std::vector<double>(count * 4, 1))}};
  };
  // Every sample beside all that run with it: the rows are those of the samples, but their length is not.
  const Function crossed = [](const NamedArrays& inputs) {
    const std::uint64_t count = inputs[0].array.shape[0];
    return NamedArrays{{"y", floats({count, 4 * count}, std::vector<double>(count * count * 4, 1))}};
  };
  const Samples data = samples({{"x", floats({5, 4}, noise(20, 4))}}, kRows.inputs);
  for (const Function& function : {strict, flat, turned, crossed}) {
    const Session original = session(kRows, function);
    const Judgement judgement = judge(original, original, data, options_of(Task::generic));
    CHECK(judgement.samples == 5);
    CHECK(judgement.outputs[0].values == 20);
    CHECK(judgement.outputs[0].relative_error == 0);
  }
  // Labels go with them.
  const Labels labels(integers({5}, {0, 1, 2, 3, 0}));
  JudgeOptions options = options_of(Task::classification);
  options.labels = &labels;
  const Session original = session(kRows, flat);
  CHECK(judge(original, original, data, options).predictions->accuracy->labels == 5);
}

TEST_CASE("a batch that the graph fixes") {
  const Signature pairs = {{value("x", {2, 4})}, {value("y", {2, 4})}};
  const Session original = session(pairs, shifted(0)), candidate = session(pairs, shifted(0.1));
  const Samples six = samples({{"x", floats({6, 4}, noise(24, 5))}}, pairs.inputs),
                five = samples({{"x", floats({5, 4}, noise(20, 5))}}, pairs.inputs);
  CHECK(judge(original, candidate, six, options_of(Task::classification)).predictions->rows == 6);
  CHECK(error_kind([&] { Judge(original, five, options_of(Task::generic)); }, "no multiple") ==
        ErrorKind::bad_data);
}

TEST_CASE("integers and several outputs") {
  const Signature both = {{value("x", {kFree, 4})},
                          {value("n", {kFree}, ElementType::i64), value("y", {kFree, 4})}};
  const auto with_counts = [](double change) {
    return [change](const NamedArrays& inputs) {
      NamedArrays outputs = shifted(change)(inputs);
      const std::uint64_t count = inputs[0].array.shape[0];
      std::vector<double> numbers(count, 1);
      if (change != 0) numbers[0] = 2;
      outputs.insert(outputs.begin(), {"n", integers({count}, numbers)});
      return outputs;
    };
  };
  const Samples data = samples({{"x", floats({3, 4}, noise(12, 6))}}, kRows.inputs);
  const Session original = session(both, with_counts(0));
  const Judgement judgement =
      judge(original, session(both, with_counts(0.1)), data, options_of(Task::generic));
  REQUIRE(judgement.outputs.size() == 1);
  CHECK(judgement.outputs[0].name == "y");
  CHECK(judgement.notes == std::vector<std::string>{"output 'n': 1 of 3 integers differ"});
  CHECK(judge(original, original, data, options_of(Task::generic)).notes.empty());
}

TEST_CASE("values to be met") {
  const Signature one = {{value("x", {kFree, 2})}, {value("y", {kFree, 2})}};
  const Samples data = samples({{"x", floats({2, 2}, {1, 2, 3, 4})}}, one.inputs);
  const Function same = [](const NamedArrays& inputs) { return NamedArrays{{"y", inputs[0].array}}; };
  const Function broken = [](const NamedArrays& inputs) {
    return NamedArrays{{"y", floats(inputs[0].array.shape, {NAN, 1, 1, 1})}};
  };
  const Labels labels(floats({2, 2}, {1.5, 2, 3, 2}));
  JudgeOptions options = options_of(Task::regression);
  options.labels = &labels;
  const Session original = session(one, same);
  const Judgement judgement = judge(original, session(one, shifted(0)), data, options);
  CHECK(*judgement.label_error_original == Approx((0.25 + 4) / 4));
  CHECK(*judgement.label_error_candidate == *judgement.label_error_original);
  options.predictions = true;  // a limit on the divergence does not make classes of them
  CHECK(judge(original, original, data, options).label_error_original == judgement.label_error_original);
  CHECK_FALSE(judge(original, original, data, options).predictions->accuracy);
  options.predictions = false;
  const Judgement bad = judge(original, session(one, broken), data, options);
  CHECK(std::isnan(*bad.label_error_candidate));
  CHECK(*bad.label_error_original == *judgement.label_error_original);
  CHECK_FALSE(bad.finite);
}

// Tokens [N, 3] and a mask; scores [N, 3, 5] whose best is the token's successor modulo 5.
const Signature kTokens = {
    {value("input_ids", {kFree, kFree}, ElementType::i64), value("mask", {kFree, kFree}, ElementType::i64)},
    {value("y", {kFree, kFree, 5}), value("pooled", {kFree, 2})}};
Function successor(double padding) {
  return [padding](const NamedArrays& inputs) {
    const std::vector<double> ids = to_doubles(inputs[0].array), mask = to_doubles(inputs[1].array);
    std::vector<double> scores(ids.size() * 5);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      scores[i * 5 + static_cast<std::size_t>(ids[i] + 1) % 5] = 2;
      if (mask[i] == 0) scores[i * 5] = padding;
    }
    const tensor::Shape& shape = inputs[0].array.shape;
    return NamedArrays{{"y", floats({shape[0], shape[1], 5}, scores)},
                       {"pooled", floats({shape[0], 2}, std::vector<double>(2 * shape[0], 1))}};
  };
}
NamedArrays token_arrays() {
  return {{"input_ids", integers({2, 3}, {0, 1, 2, 3, 3, 0})},
          {"mask", integers({2, 3}, {1, 1, 1, 1, 1, 0})}};
}

TEST_CASE("the next token is the label of a language model") {
  const Samples data = samples(token_arrays(), kTokens.inputs);
  const Session original = session(kTokens, successor(0));
  JudgeOptions options = options_of(Task::lm);
  const PredictionMetrics all = *judge(original, original, data, options).predictions;
  CHECK(all.rows == 6);
  CHECK(all.accuracy->labels == 4);
  CHECK(all.accuracy->original == 0.5);  // 0 > 1 > 2, but not 3 > 3 and 3 > 0
  const double right = std::log(std::exp(2.0) + 4) - 2, wrong = right + 2;
  CHECK(all.perplexity->original == Approx(std::exp((2 * right + 2 * wrong) / 4)));
  // A padded position has no prediction and is no label.
  options.mask_input = "mask";
  const PredictionMetrics masked = *judge(original, original, data, options).predictions;
  CHECK(masked.rows == 5);
  CHECK(masked.accuracy->labels == 3);
  // Labels say otherwise.
  const Labels labels(integers({2, 3}, {1, 2, 3, 4, 4, -100}));
  options.labels = &labels;
  const PredictionMetrics given = *judge(original, original, data, options).predictions;
  CHECK(given.accuracy->labels == 5);
  CHECK(given.accuracy->original == 1);
}

TEST_CASE("a mask of samples") {
  Signature signature = kTokens;
  signature.inputs.push_back(value("used", {kFree}, ElementType::boolean));
  NamedArrays arrays = token_arrays();
  arrays.push_back({"used", Array{ElementType::boolean, {2}, {0, 1}}});
  const Samples data = samples(arrays, signature.inputs);
  const Session original = session(signature, successor(0));
  JudgeOptions options = options_of(Task::lm);
  options.mask_input = "used";
  const Judgement judgement = judge(original, original, data, options);
  CHECK(judgement.predictions->rows == 3);
  CHECK(judgement.predictions->accuracy->labels == 2);
  CHECK(judgement.outputs[1].values == 2);
}

TEST_CASE("one token has no next one") {
  const Samples data =
      samples({{"input_ids", integers({2, 1}, {0, 1})}, {"mask", integers({2, 1}, {1, 1})}}, kTokens.inputs);
  const Session original = session(kTokens, successor(0));
  const Judgement judgement = judge(original, original, data, options_of(Task::lm));
  CHECK(judgement.predictions->rows == 2);
  CHECK_FALSE(judgement.predictions->accuracy);
}

TEST_CASE("padded positions do not count") {
  const Samples data = samples(token_arrays(), kTokens.inputs);
  const Session original = session(kTokens, successor(0)), candidate = session(kTokens, successor(50)),
                broken = session(kTokens, successor(NAN));
  JudgeOptions options = options_of(Task::embedding);
  CHECK(judge(original, candidate, data, options).outputs[0].max_abs_error == 50);
  CHECK_FALSE(judge(original, broken, data, options).finite);
  options.mask_input = "mask";
  for (const Session* other : {&candidate, &broken}) {
    const Judgement judgement = judge(original, *other, data, options);
    CHECK(judgement.outputs[0].max_abs_error == 0);
    CHECK(judgement.outputs[0].values == 25);
    CHECK(judgement.outputs[1].values == 4);  // the mask says nothing about it
    CHECK(judgement.finite);
  }
}

TEST_CASE("what does not go together is refused before anything is judged") {
  const Samples data = samples({{"x", floats({3, 4}, noise(12, 7))}}, kRows.inputs);
  const Session original = session(kRows, shifted(0));
  const auto kind = [&](const JudgeOptions& options, const std::string& part) {
    return error_kind([&] { Judge(original, data, options); }, part);
  };
  const auto with_labels = [&](Task task, const Array& array, const std::string& part) {
    const Labels labels(array);
    JudgeOptions options = options_of(task);
    options.labels = &labels;
    return kind(options, part);
  };
  CHECK(with_labels(Task::classification, integers({4}, {0, 1, 2, 3}), "3 samples and labels for 4") ==
        ErrorKind::bad_data);
  CHECK(with_labels(Task::classification, integers({3}, {0, 1, 4}),
                    "label 4 of sample 2 is outside 0 to 3") == ErrorKind::bad_data);
  CHECK(with_labels(Task::classification, integers({3, 2}, {0, 1, 2, 3, 0, 1}), "2 a sample") ==
        ErrorKind::bad_data);
  CHECK(with_labels(Task::classification, floats({3}, {0, 1, 0.5}), "no whole number") ==
        ErrorKind::bad_data);
  CHECK(with_labels(Task::regression, floats({3}, {0, 1, 0.5}), "1 values a sample") == ErrorKind::bad_data);
  CHECK(with_labels(Task::embedding, integers({3}, {0, 1, 2}), "no use for the task embedding") ==
        ErrorKind::usage);
  JudgeOptions options = options_of(Task::generic);
  options.first = 3;
  CHECK(kind(options, "no samples") == ErrorKind::bad_data);
  options = options_of(Task::generic);
  options.count = 0;
  CHECK(kind(options, "no samples") == ErrorKind::bad_data);
  options = options_of(Task::generic);
  options.mask_input = "attention_mask";
  CHECK(kind(options, "no input of the model") == ErrorKind::bad_data);
}

TEST_CASE("masks and outputs that do not fit") {
  const Samples data = samples(token_arrays(), kTokens.inputs);
  const Session original = session(kTokens, successor(0));
  const auto kind = [&](const JudgeOptions& options, const std::string& part) {
    return error_kind([&] { Judge(original, data, options); }, part);
  };
  JudgeOptions options;
  options.task = task_of(Task::classification, Scores::logits, "pooled");
  options.mask_input = "mask";
  CHECK(kind(options, "does not go with the rows") == ErrorKind::bad_data);
  options.task = task_of(Task::classification, Scores::logits, "z");
  CHECK(kind(options, "no floating-point output 'z'") == ErrorKind::usage);
  options.task = task_of(Task::generic, Scores::values, "");
  options.mask_input = "";
  options.predictions = true;
  CHECK(kind(options, "no floating-point output ''") == ErrorKind::usage);
}

TEST_CASE("candidates of another kind") {
  const Samples data = samples({{"x", floats({3, 4}, noise(12, 8))}}, kRows.inputs);
  const Session original = session(kRows, shifted(0));
  const auto kind = [&](const Function& function, const std::string& part) {
    return error_kind([&] { judge(original, session(kRows, function), data, options_of(Task::generic)); },
                      part);
  };
  CHECK(kind(shifted(0, "z"), "the candidate has no output 'y'") == ErrorKind::bad_data);
  CHECK(kind(
            [](const NamedArrays&) {
              return NamedArrays{{"y", floats({3, 2}, noise(6, 1))}};
            },
            "shape 3x2 where the original has 3x4") == ErrorKind::bad_data);
  CHECK(kind(
            [](const NamedArrays&) {
              return NamedArrays{{"y", integers({3, 4}, noise(12, 1))}};
            },
            "type int64") == ErrorKind::bad_data);
  const Session broken = session(kRows, [](const NamedArrays& inputs) {
    return NamedArrays{
        {"y", floats(inputs[0].array.shape, std::vector<double>(inputs[0].array.data.size() / 4, NAN))}};
  });
  CHECK(error_kind([&] { judge(broken, original, data, options_of(Task::generic)); },
                   "original is not finite") == ErrorKind::bad_data);
  const Judgement judgement = judge(original, broken, data, options_of(Task::classification));
  CHECK_FALSE(judgement.finite);
  CHECK(std::isnan(judgement.predictions->kl.mean));
  CHECK(std::isnan(judgement.outputs[0].cosine_min));
}

TEST_CASE("latency of both in turn") {
  int first = 0, second = 0;
  const Session original = session(kRows, shifted(0), &first),
                candidate = session(kRows, shifted(0), &second);
  const NamedArrays inputs = {{"x", floats({1, 4}, {1, 2, 3, 4})}};
  const auto [a, b] = measure_latency(original, candidate, inputs, 20, 60);
  CHECK(a.runs == 20);
  CHECK(b.runs == 20);
  CHECK(first == 23);
  CHECK(second == 23);
  for (const Latency& latency : {a, b}) {
    CHECK(latency.low_ms > 0);
    CHECK(latency.low_ms <= latency.median_ms);
    CHECK(latency.median_ms <= latency.high_ms);
  }
  CHECK(measure_latency(original, candidate, inputs, 1000000, 0).first.runs == 5);
  CHECK(measure_latency(original, candidate, inputs, 0, 60).second.runs == 5);
}

}  // namespace
}  // namespace tt::runtime
