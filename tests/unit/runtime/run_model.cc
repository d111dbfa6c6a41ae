// Runs a model on samples and writes the outputs as a safetensors file: run_model [--isolate] [--batch N]
// MODEL SAMPLES OUT [MAPPING...] Errors: one line "KIND: message" on stderr and status 1.
#include <fstream>
#include <iostream>

#include "runtime/library.h"
#include "runtime/samples.h"
#include "runtime/session.h"

namespace {

using namespace tt::runtime;

std::string_view safetensors_type(ElementType type) {
  constexpr std::string_view kNames[] = {"F32", "F16", "BF16", "F64", "I8",  "U8",  "I16",
                                         "U16", "I32", "U32",  "I64", "U64", "BOOL"};
  return kNames[static_cast<std::size_t>(type)];
}

void write(const std::string& path, const NamedArrays& arrays) {
  std::string header;
  std::uint64_t at = 0;
  for (const NamedArray& entry : arrays) {
    std::string shape;
    for (const std::uint64_t dim : entry.array.shape)
      shape += (shape.empty() ? "" : ",") + std::to_string(dim);
    header += (header.empty() ? "{\"" : ",\"") + entry.name + R"(":{"dtype":")" +
              std::string(safetensors_type(entry.array.type)) + R"(","shape":[)" + shape +
              R"(],"data_offsets":[)" + std::to_string(at) + "," +
              std::to_string(at + entry.array.data.size()) + "]}";
    at += entry.array.data.size();
  }
  header += "}";
  std::ofstream out(path, std::ios::binary);
  const std::uint64_t length = header.size();
  out.write(reinterpret_cast<const char*>(&length), 8) << header;
  for (const NamedArray& entry : arrays)
    out.write(reinterpret_cast<const char*>(entry.array.data.data()),
              static_cast<std::streamsize>(entry.array.data.size()));
}

void append(NamedArrays& all, NamedArrays batch) {
  if (all.empty()) {
    all = std::move(batch);
    return;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].array.shape[0] += batch[i].array.shape[0];
    all[i].array.data.insert(all[i].array.data.end(), batch[i].array.data.begin(), batch[i].array.data.end());
  }
}

void run(std::vector<std::string> arguments) {
  SessionOptions options;
  std::uint64_t batch = 256;
  while (arguments[0].starts_with("--")) {
    if (arguments[0] == "--isolate")
      options.isolate = tt::base::ChildLimits{std::uint64_t{2} << 30, 120};
    else {
      batch = std::stoull(arguments[1]);
      arguments.erase(arguments.begin());
    }
    arguments.erase(arguments.begin());
  }
  const Session session = Session::open(tt::model::Model::open(arguments[0]), options);
  InputMappings mappings;
  for (std::size_t i = 3; i < arguments.size(); ++i) mappings.insert(parse_input_mapping(arguments[i]));
  const Samples samples = Samples::open(arguments[1], session.inputs(), mappings);
  NamedArrays outputs;
  for (std::uint64_t begin = 0; begin < samples.size(); begin += batch)
    append(outputs, session.run(samples.read(begin, std::min(batch, samples.size() - begin))));
  write(arguments[2], outputs);
}

}  // namespace

int main(int argc, char** argv) try {
  run({argv + 1, argv + argc});
  return 0;
} catch (const tt::base::Error& error) {
  std::cerr << tt::base::kind_name(error.kind()) << ": " << error.what() << "\n" << error.hint() << "\n";
  return 1;
}
