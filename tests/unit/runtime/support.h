// Sample files and models for the tests of this folder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/array_source.h"
#include "runtime/engine.h"

namespace tt::runtime::test {

Array floats(const tensor::Shape& shape, const std::vector<double>& values);
Array integers(const tensor::Shape& shape, const std::vector<double>& values,
               ElementType type = ElementType::i64);
std::vector<double> counting(std::size_t count, double first = 0);

// A .npy file of version 1 in C order; `fortran` only changes the header.
base::Bytes npy(const std::string& descr, const std::string& shape, const base::Bytes& data,
                bool fortran = false);
base::Bytes npy(const Array& array);
struct File {
  std::string name;
  base::Bytes bytes;
};
base::Bytes zip(const std::vector<File>& files, bool deflate, const std::string& password = "");
base::Bytes npz(const NamedArrays& arrays, bool deflate = true);
base::Bytes safetensors(const std::string& header, const base::Bytes& data);
base::InputFile file_of(base::Bytes bytes);

// The kind of error that `f` throws; fails the test if it does not, or if the message lacks `part`.
base::ErrorKind error_kind(const std::function<void()>& f, const std::string& part);

ValueInfo value(const std::string& name, const std::vector<std::int64_t>& dims,
                ElementType type = ElementType::f32);

}  // namespace tt::runtime::test
