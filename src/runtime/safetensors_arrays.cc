#include "runtime/safetensors_arrays.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/array_names.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint64_t kMaxHeader = 25'000'000;

ElementType type_of(const std::string& name, const std::string& what) {
  if (const std::optional<ElementType> type = type_of_safetensors(name)) return *type;
  throw Error(ErrorKind::bad_data,
              what + " has elements of type " + base::quoted(name) + ", which cannot be samples");
}

class RangeSource : public ArraySource {
 public:
  RangeSource(std::shared_ptr<const base::InputFile> file, std::string name, ElementType type,
              tensor::Shape shape, std::uint64_t offset)
      : ArraySource(std::move(name), type, std::move(shape)), file_(std::move(file)), offset_(offset) {
    set_text(file_->name());
  }

 private:
  void read_bytes(std::uint64_t offset, std::span<std::uint8_t> out) override {
    file_->read(offset_ + offset, out);
  }

  std::shared_ptr<const base::InputFile> file_;
  std::uint64_t offset_;
};

std::unique_ptr<ArraySource> source_of(const std::shared_ptr<const base::InputFile>& file,
                                       const std::string& name, const base::Json& entry,
                                       std::uint64_t data_begin) {
  const std::string what = "array " + base::quoted(name) + " of " + base::quoted(file->name());
  const ElementType type = type_of(entry.at("dtype", what).as_string("dtype of " + what), what);
  tensor::Shape shape = entry.at("shape", what).as_uints("shape of " + what);
  const std::vector<std::uint64_t> range = entry.at("data_offsets", what).as_uints("data_offsets of " + what);
  const std::uint64_t size = data_size(type, shape, what);
  if (range.size() != 2 || range[0] > range[1] || range[1] > file->size() - data_begin ||
      range[1] - range[0] != size)
    throw Error(ErrorKind::bad_data, what + " has a range that does not fit its shape or the file");
  return std::make_unique<RangeSource>(file, name, type, std::move(shape), data_begin + range[0]);
}

}  // namespace

ArraySources open_safetensors_arrays(std::shared_ptr<const base::InputFile> file) {
  const std::string what = "header of " + base::quoted(file->name());
  const std::uint64_t length = base::load_le<std::uint64_t>(file->read_bytes(0, 8).data());
  if (length > kMaxHeader || length > file->size() - 8)
    throw Error(ErrorKind::bad_data, what + " has an impossible length");
  const base::Bytes text = file->read_bytes(8, length);
  const base::Json header = base::parse_json(base::text_of(text), what);
  ArraySources sources;
  for (const auto& [name, entry] : header.as_object(what))
    if (name != "__metadata__") sources.push_back(source_of(file, name, entry, 8 + length));
  return sources;
}

}  // namespace tt::runtime
