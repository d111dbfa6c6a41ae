#include "pipeline/decompress.h"

#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/file_hash.h"
#include "pipeline/layer_export.h"
#include "pipeline/output_paths.h"
#include "pipeline/restore.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

// Data files first: the model file that names them appears last.
void commit_all(std::vector<base::OutputFile>& outs) {
  for (std::size_t i = outs.size(); i-- > 1;) outs[i].commit();
  outs[0].commit();
}

std::vector<base::OutputFile> open_outputs(const std::vector<std::string>& paths) {
  std::vector<base::OutputFile> outs;
  for (const std::string& path : paths) outs.push_back(base::OutputFile::create(path));
  return outs;
}

void publish(std::vector<base::OutputFile>& outs, const DecompressOptions& options,
             DecompressReport& report) {
  refuse_other_content(outs, options.overwrite);
  report.output_sha256 = sha256_of(outs[0]);
  for (const base::OutputFile& out : outs) {
    report.bytes_out += out.size();
    report.files.push_back(out.path());
  }
  commit_all(outs);
}

void decompress_model(const container::Container& container, const DecompressOptions& options,
                      unsigned threads, base::Progress& progress, DecompressReport& report) {
  const container::Manifest& manifest = container.manifest();
  const model::Placement placement = placement_of(container);
  std::vector<base::OutputFile> outs = open_outputs(output_paths(manifest.files, options.output));
  restore_files(container, placement, outs, threads, progress);
  if (manifest.exact) check_originals(manifest, outs);
  report.exact = manifest.exact;
  publish(outs, options, report);
}

// --external-data: the model with inline weights is restored beside the output, under a temporary name, and
// then split in two.
void decompress_external(const container::Container& container, const DecompressOptions& options,
                         unsigned threads, base::Progress& progress, DecompressReport& report) {
  if (container.manifest().source_format == model::FileFormat::safetensors)
    throw Error(ErrorKind::usage,
                "--external-data is for ONNX models, and " + base::quoted(options.input) +
                    " holds a safetensors file",
                "leave --external-data out: all weights of a safetensors file are in that file");
  std::vector<base::OutputFile> whole = open_outputs({options.output + ".inline"});
  restore_files(container, placement_of(container), whole, threads, progress);
  const model::Model model = model::Model::open(whole[0].reopen(), ".");
  const std::string location = std::filesystem::path(options.output).filename().string() + ".data";
  const model::Skeleton skeleton = model.external_skeleton(location);
  std::vector<base::OutputFile> outs = open_outputs(output_paths(skeleton.files, options.output));
  split_model(model, skeleton, outs);
  publish(outs, options, report);
}

// False if no layer changes: the dense form is the result.
template <typename Form>
bool write_form(const Form& form, bool changed, const DecompressOptions& options, unsigned threads,
                base::Progress& progress, DecompressReport& report) {
  if (!changed) return false;
  std::vector<base::OutputFile> outs = open_outputs(output_paths(form.files(), options.output));
  form.write(outs, threads, progress);
  publish(outs, options, report);
  return true;
}

bool decompress_factored(const container::Container& container, const DecompressOptions& options,
                         unsigned threads, base::Progress& progress, DecompressReport& report) {
  const FactoredForm form(container, options.output, options.external, threads);
  report.factored = form.report();
  return write_form(form, report.factored.factored > 0, options, threads, progress, report);
}

bool decompress_quantised(const container::Container& container, const DecompressOptions& options,
                          unsigned threads, base::Progress& progress, DecompressReport& report) {
  const QuantisedForm form(container, options.output, options.external, threads);
  report.quantised = form.report();
  return write_form(form, report.quantised.quantised > 0, options, threads, progress, report);
}

void decompress_layers(const container::Container& container, const DecompressOptions& options,
                       unsigned threads, base::Progress& progress, DecompressReport& report) {
  const std::vector<std::size_t> weights = matching_weights(container, options.layers);
  base::OutputFile out = base::OutputFile::create(options.output);
  export_layers(container, weights, options.dtype, out, threads, progress);
  report.output_sha256 = sha256_of(out);
  report.bytes_out = out.size();
  report.files = {options.output};
  out.commit();
}

void decompress_to_form(const container::Container& container, const DecompressOptions& options,
                        unsigned threads, base::Progress& progress, DecompressReport& report) {
  if (!options.layers.empty()) return decompress_layers(container, options, threads, progress, report);
  if (options.form == "factored" && decompress_factored(container, options, threads, progress, report))
    return;
  if (options.form == "quantized" && decompress_quantised(container, options, threads, progress, report))
    return;
  if (options.external && container.manifest().files.size() == 1)
    return decompress_external(container, options, threads, progress, report);
  decompress_model(container, options, threads, progress, report);
}

void check_options(const DecompressOptions& options) {
  if (options.form != "dense" && options.form != "factored" && options.form != "quantized")
    throw Error(ErrorKind::usage, "unknown form " + base::quoted(options.form),
                "use --form dense, factored or quantized");
  if (options.form != "dense" && !options.layers.empty())
    throw Error(ErrorKind::usage, "--layers gives dense weights, --form " + options.form + " a whole model",
                "leave one of them out");
  if (options.external && (options.output == "-" || !options.layers.empty()))
    throw Error(ErrorKind::usage, "--external-data needs an output file and a whole model",
                "name an output file, and no --layers");
  if (options.layers.empty() && options.dtype != "original")
    throw Error(ErrorKind::usage, "--dtype goes with --layers", "a whole model keeps the types of its graph");
}

}  // namespace

DecompressReport decompress(const DecompressOptions& options, base::Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  check_options(options);
  base::InputFile file = base::InputFile::open(options.input);
  if (options.output != "-" && file.is_same_file(options.output))
    throw Error(ErrorKind::usage, "output " + base::quoted(options.output) + " is the input itself",
                "choose another output path");

  DecompressReport report;
  report.input = options.input;
  report.output = options.output;
  report.form = options.form;
  report.bytes_in = file.size();
  const container::Container container = container::Container::open(std::move(file));
  decompress_to_form(container, options, base::worker_count(options.threads), progress, report);

  report.peak_rss_bytes = base::peak_rss_bytes();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline
