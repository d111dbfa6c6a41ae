#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/engine.h"
#include "runtime/library.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

// In the order of ElementType.
constexpr std::array<ONNXTensorElementDataType, kElementTypes> kOnnxTypes = {
    ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,    ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,     ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16,    ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,    ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,    ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL};

constexpr const char* kTypeHint = "tt runs models whose inputs and outputs are arrays of numbers";

ONNXTensorElementDataType onnx_type(ElementType type) {
  return kOnnxTypes[static_cast<std::size_t>(type)];
}

ElementType element_type(ONNXTensorElementDataType type, const std::string& what) {
  const auto found = std::find(kOnnxTypes.begin(), kOnnxTypes.end(), type);
  if (found == kOnnxTypes.end())
    throw Error(ErrorKind::unsupported,
                what + " has elements of a type that is no number (ONNX type " + std::to_string(type) + ")",
                kTypeHint);
  return static_cast<ElementType>(found - kOnnxTypes.begin());
}

// One a process, for its whole life: it must outlive every session. Errors only: warnings about the graph are
// not the user's.
Ort::Env& environment() {
  static Ort::Env* const env = [] {
    const auto* base = static_cast<const OrtApiBase*>(load_onnxruntime());
    Ort::InitApi(base->GetApi(ORT_API_VERSION));
    return new Ort::Env(ORT_LOGGING_LEVEL_FATAL, "tt");
  }();
  return *env;
}

bool mentions_memory(std::string_view text) {
  return text.find("bad_alloc") != text.npos || text.find("bad allocation") != text.npos ||
         text.find("Failed to allocate memory") != text.npos;
}

// The runtime's messages quote the model: they are shown as a stranger's text.
[[noreturn]] void rethrow(const Ort::Exception& error, const std::string& what) {
  const std::string text = base::printable(error.what(), 400);
  if (mentions_memory(text))
    throw Error(ErrorKind::resource_limit, what + ", not enough memory: " + text, "use a smaller batch");
  const bool lacks = error.GetOrtErrorCode() == ORT_NOT_IMPLEMENTED;
  throw Error(lacks ? ErrorKind::unsupported : ErrorKind::bad_data, what + ": " + text);
}

template <typename F>
auto guarded(const std::string& what, F&& f) {
  try {
    return f();
  } catch (const Ort::Exception& error) {
    rethrow(error, what);
  }
}

Ort::SessionOptions session_options(unsigned threads, std::vector<DataFile>& data) {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(static_cast<int>(threads));
  options.SetInterOpNumThreads(1);
  options.SetExecutionMode(ORT_SEQUENTIAL);
  options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
  options.SetDeterministicCompute(true);
  std::erase_if(data, [](const DataFile& file) { return file.bytes.empty(); });  // refused as null pointers
  if (data.empty()) return options;
  std::vector<std::basic_string<ORTCHAR_T>> names;
  std::vector<char*> buffers;
  std::vector<std::size_t> sizes;
  for (DataFile& file : data) {
    names.push_back(file.location);
    buffers.push_back(reinterpret_cast<char*>(file.bytes.data()));
    sizes.push_back(file.bytes.size());
  }
  options.AddExternalInitializersFromFilesInMemory(names, buffers, sizes);
  return options;
}

ValueInfo describe(std::string name, const Ort::TypeInfo& type, const std::string& kind) {
  const std::string what = kind + " " + base::quoted(name);
  if (type.GetONNXType() != ONNX_TYPE_TENSOR)
    throw Error(ErrorKind::unsupported, what + " is no array", kTypeHint);
  const auto info = type.GetTensorTypeAndShapeInfo();
  ValueInfo value{std::move(name), element_type(info.GetElementType(), what), {}};
  const std::vector<std::int64_t> shape = info.GetShape();
  std::vector<const char*> names(shape.size());
  info.GetSymbolicDimensions(names.data(), names.size());
  for (std::size_t i = 0; i < shape.size(); ++i)
    value.dims.push_back(
        {shape[i] < 0 ? kFree : shape[i], shape[i] < 0 && names[i] != nullptr ? names[i] : ""});
  return value;
}

Ort::Value value_of(const Array& array, const Ort::MemoryInfo& memory) {
  std::vector<std::int64_t> shape(array.shape.begin(), array.shape.end());
  // The runtime only reads its inputs.
  auto* data = const_cast<std::uint8_t*>(array.data.data());
  return Ort::Value::CreateTensor(memory, data, array.data.size(), shape.data(), shape.size(),
                                  onnx_type(array.type));
}

Array array_of(const Ort::Value& value, const std::string& what) {
  if (!value.IsTensor()) throw Error(ErrorKind::unsupported, what + " is no array", kTypeHint);
  const auto info = value.GetTensorTypeAndShapeInfo();
  Array array{element_type(info.GetElementType(), what), {}, {}};
  for (const std::int64_t dim : info.GetShape()) array.shape.push_back(static_cast<std::uint64_t>(dim));
  const auto* data = static_cast<const std::uint8_t*>(value.GetTensorRawData());
  array.data.assign(data, data + data_size(array.type, array.shape, what));
  return array;
}

class OnnxRuntimeEngine : public Engine {
 public:
  OnnxRuntimeEngine(ModelImage image, unsigned threads)
      : data_(std::move(image.data)),
        session_(environment(), image.model.data(), image.model.size(), session_options(threads, data_)),
        memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)) {
    Ort::AllocatorWithDefaultOptions allocator;
    for (std::size_t i = 0; i < session_.GetInputCount(); ++i)
      signature_.inputs.push_back(describe(session_.GetInputNameAllocated(i, allocator).get(),
                                           session_.GetInputTypeInfo(i), "input"));
    for (std::size_t i = 0; i < session_.GetOutputCount(); ++i)
      signature_.outputs.push_back(describe(session_.GetOutputNameAllocated(i, allocator).get(),
                                            session_.GetOutputTypeInfo(i), "output"));
  }

  const Signature& signature() const override { return signature_; }

  NamedArrays run(const NamedArrays& inputs) override {
    return guarded("the model fails on the given inputs", [&] {
      std::vector<const char*> input_names, output_names;
      std::vector<Ort::Value> values;
      for (const NamedArray& input : inputs) {
        input_names.push_back(input.name.c_str());
        values.push_back(value_of(input.array, memory_));
      }
      for (const ValueInfo& output : signature_.outputs) output_names.push_back(output.name.c_str());
      const std::vector<Ort::Value> results =
          session_.Run(Ort::RunOptions{nullptr}, input_names.data(), values.data(), values.size(),
                       output_names.data(), output_names.size());
      NamedArrays outputs;
      for (std::size_t i = 0; i < results.size(); ++i) {
        const std::string& name = signature_.outputs[i].name;
        outputs.push_back({name, array_of(results[i], "output " + base::quoted(name))});
      }
      return outputs;
    });
  }

 private:
  std::vector<DataFile> data_;
  Ort::Session session_;
  Ort::MemoryInfo memory_;
  Signature signature_;
};

}  // namespace

std::unique_ptr<Engine> start_onnxruntime(ModelImage image, unsigned threads) {
  environment();
  return guarded("ONNX Runtime refuses the model",
                 [&] { return std::make_unique<OnnxRuntimeEngine>(std::move(image), threads); });
}

}  // namespace tt::runtime
