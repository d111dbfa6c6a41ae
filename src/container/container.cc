#include "container/container.h"

#include <algorithm>

#include "base/text.h"
#include "container/format_limits.h"
#include "container/stored_file.h"

namespace tt::container {
namespace {

class FileCores : public codec::CoreReader {
 public:
  FileCores(const base::InputFile& file, const std::vector<StoredCore>& cores) : file_(file), cores_(cores) {}
  std::size_t count() const override { return cores_.size(); }
  std::uint64_t size(std::size_t core) const override { return cores_.at(core).size; }
  void read(std::size_t core, std::uint64_t offset, std::span<std::uint8_t> out) const override {
    const StoredCore& stored = cores_.at(core);
    if (offset > stored.size || out.size() > stored.size - offset) refuse("a core ends before its data");
    file_.read(stored.offset + offset, out);
  }

 private:
  const base::InputFile& file_;
  const std::vector<StoredCore>& cores_;
};

base::ByteSource source_of(const base::InputFile& file) {
  return [&file](std::uint64_t offset, std::span<std::uint8_t> out) { file.read(offset, out); };
}

}  // namespace

struct Container::State {
  base::InputFile input;
  StoredFile stored;
  FileSize size;
};

Container::Container(std::unique_ptr<State> state) : state_(std::move(state)) {}
Container::Container(Container&&) noexcept = default;
Container& Container::operator=(Container&&) noexcept = default;
Container::~Container() = default;

Container Container::open(base::InputFile file) {
  StoredFile stored = read_stored(source_of(file), file.size(), file.name());
  const FileSize size{file.size(), stored.header.size(), stored.manifest_size, stored.skeleton_size,
                      stored.layout.cores};
  return Container(std::make_unique<State>(State{std::move(file), std::move(stored), size}));
}

bool Container::looks_like(const base::InputFile& file) {
  constexpr std::uint64_t kEnough = 4096;
  if (file.size() < 9) return false;
  const base::Bytes start = file.read_bytes(0, std::min(file.size(), kEnough));
  const std::string_view text = base::text_of(start).substr(8);
  return text[0] == '{' && text.find("\"tt.format\"") != text.npos;
}

const Manifest& Container::manifest() const {
  return state_->stored.manifest;
}
const FileSize& Container::size() const {
  return state_->size;
}
const base::InputFile& Container::file() const {
  return state_->input;
}

std::unique_ptr<codec::CoreReader> Container::cores(std::size_t weight) const {
  return std::make_unique<FileCores>(state_->input, state_->stored.cores.at(weight));
}

void Container::check_weight(std::size_t weight) const {
  container::check_weight(source_of(state_->input), state_->stored, weight);
}

void Container::check_skeleton() const {
  container::check_skeleton(source_of(state_->input), state_->stored);
}

void Container::read_literals(const base::ByteSink& sink) const {
  if (state_->stored.skeleton_size == 0) return;
  const std::uint64_t begin = state_->stored.layout.skeleton;
  const base::InputFile& input = state_->input;
  const base::ByteSource source = [&](std::uint64_t offset, std::span<std::uint8_t> out) {
    input.read(begin + offset, out);
  };
  as_corrupt("skeleton of " + base::quoted(input.name()), [&] {
    base::zstd_decompress_stream(source, state_->stored.skeleton_size, state_->stored.manifest.literal_bytes,
                                 sink);
  });
}

}  // namespace tt::container
