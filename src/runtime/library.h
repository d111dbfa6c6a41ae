// ONNX Runtime as a shared library that is loaded when it is first needed: a program linked to it would be
// tied to one version.
#pragma once

#include <string>

namespace tt::runtime {

// Its OrtApiBase, for the headers' Ort::InitApi. Searched in this order: the file named by TT_ONNXRUNTIME,
// the private library folder of the installation, what the build found, the system's folders. Errors:
// unsupported (not found, not ONNX Runtime), with the way to get it. Thread-safe; a library once loaded
// stays.
const void* load_onnxruntime();

// Version of the library; empty if there is none.
std::string onnxruntime_version();

}  // namespace tt::runtime
