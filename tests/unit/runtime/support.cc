#include "support.h"

#include <doctest/doctest.h>
#include <zip.h>

#include <cstring>

#include "base/text.h"

namespace tt::runtime::test {
namespace {

std::string descr_of(ElementType type) {
  constexpr const char* kDescrs[] = {"<f4", "<f2", "",    "<f8", "|i1", "|u1", "<i2",
                                     "<u2", "<i4", "<u4", "<i8", "<u8", "|b1"};
  return kDescrs[static_cast<std::size_t>(type)];
}

}  // namespace

Array floats(const tensor::Shape& shape, const std::vector<double>& values) {
  return from_doubles(values, shape, ElementType::f32, "test");
}

Array integers(const tensor::Shape& shape, const std::vector<double>& values, ElementType type) {
  Array array{ElementType::i64, shape, {}};
  for (const double value : values) base::append_le(array.data, static_cast<std::int64_t>(value));
  return convert(std::move(array), type, "test");
}

std::vector<double> counting(std::size_t count, double first) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = first + static_cast<double>(i);
  return values;
}

base::Bytes npy(const std::string& descr, const std::string& shape, const base::Bytes& data, bool fortran) {
  std::string header = "{'descr': " + descr + ", 'fortran_order': " + (fortran ? "True" : "False") +
                       ", 'shape': " + shape + ", }";
  header += std::string(63 - (header.size() + 10) % 64, ' ') + "\n";
  const std::string_view magic("\x93NUMPY\x01\x00", 8);
  base::Bytes file(magic.begin(), magic.end());
  base::append_le(file, static_cast<std::uint16_t>(header.size()));
  file.insert(file.end(), header.begin(), header.end());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

base::Bytes npy(const Array& array) {
  std::string shape = "(";
  for (const std::uint64_t dim : array.shape) shape += std::to_string(dim) + ", ";
  return npy("'" + descr_of(array.type) + "'", shape + ")", array.data);
}

base::Bytes zip(const std::vector<File>& files, bool deflate, const std::string& password) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* memory = zip_source_buffer_create(nullptr, 0, 0, &error);
  zip_source_keep(memory);
  zip_t* archive = zip_open_from_source(memory, ZIP_TRUNCATE, &error);
  for (const File& file : files) {
    const zip_int64_t index = zip_file_add(
        archive, file.name.c_str(), zip_source_buffer(archive, file.bytes.data(), file.bytes.size(), 0), 0);
    REQUIRE(index >= 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index),
                             deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    if (!password.empty())
      zip_file_set_encryption(archive, static_cast<zip_uint64_t>(index), ZIP_EM_TRAD_PKWARE,
                              password.c_str());
  }
  REQUIRE(zip_close(archive) == 0);
  zip_source_open(memory);
  zip_source_seek(memory, 0, SEEK_END);
  base::Bytes result(static_cast<std::size_t>(zip_source_tell(memory)));
  zip_source_seek(memory, 0, SEEK_SET);
  zip_source_read(memory, result.data(), result.size());
  zip_source_close(memory);
  zip_source_free(memory);
  return result;
}

base::Bytes npz(const NamedArrays& arrays, bool deflate) {
  std::vector<File> files;
  for (const NamedArray& entry : arrays) files.push_back({entry.name + ".npy", npy(entry.array)});
  return zip(files, deflate);
}

base::Bytes safetensors(const std::string& header, const base::Bytes& data) {
  base::Bytes file;
  base::append_le(file, static_cast<std::uint64_t>(header.size()));
  file.insert(file.end(), header.begin(), header.end());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

base::InputFile file_of(base::Bytes bytes) {
  return base::InputFile::from_bytes(std::move(bytes), "samples");
}

base::ErrorKind error_kind(const std::function<void()>& f, const std::string& part) {
  try {
    f();
  } catch (const base::Error& error) {
    INFO(error.what());
    CHECK(std::string(error.what()).find(part) != std::string::npos);
    return error.kind();
  }
  FAIL("no error, expected: " << part);
  return base::ErrorKind::internal;
}

ValueInfo value(const std::string& name, const std::vector<std::int64_t>& dims, ElementType type) {
  ValueInfo info{name, type, {}};
  for (const std::int64_t dim : dims) info.dims.push_back({dim, dim == kFree ? "N" : ""});
  return info;
}

}  // namespace tt::runtime::test
