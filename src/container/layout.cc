#include "container/layout.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/checked.h"
#include "container/format_limits.h"

namespace tt::container {
namespace {

struct CoreId {
  std::size_t weight, core;
};

bool eligible(const StoredCore& core) {
  return core.layout.dtype && core.size >= kMinTypedCore && core.size % kAlignment == 0;
}

// Eligible cores, largest first, equal sizes in file order.
std::vector<CoreId> by_size(const StoredCores& cores) {
  std::vector<CoreId> ids;
  for (std::size_t w = 0; w < cores.size(); ++w) {
    for (std::size_t c = 0; c < cores[w].size(); ++c) {
      if (eligible(cores[w][c])) ids.push_back({w, c});
    }
  }
  std::stable_sort(ids.begin(), ids.end(), [&](const CoreId& a, const CoreId& b) {
    return cores[a.weight][a.core].size > cores[b.weight][b.core].size;
  });
  return ids;
}

std::string typed_name(const CoreId& id) {
  return std::to_string(id.weight) + "." + std::to_string(id.core);
}

std::string tensor_text(const std::string& name, std::string_view dtype, const tensor::Shape& shape,
                        std::uint64_t begin, std::uint64_t end) {
  std::string text = ",\"" + name + "\":{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? "," : "") + std::to_string(shape[i]);
  return text + "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

std::string typed_text(const CoreId& id, const StoredCore& core, std::uint64_t begin, std::uint64_t end) {
  return tensor_text(typed_name(id), tensor::safetensors_name(*core.layout.dtype), core.layout.shape, begin,
                     end);
}

// Appends the U8 tensor `name` at `offset` (relative to the data) unless it is empty.
void append_bytes_tensor(std::string& header, const char* name, std::uint64_t offset, std::uint64_t size) {
  if (size > 0) header += tensor_text(name, "U8", {size}, offset, offset + size);
}

std::string header_start(const FixedParts& parts) {
  return "{\"__metadata__\":{\"tt.format\":\"1\",\"tt.tool\":\"" + parts.tool + "\",\"tt.root\":\"" +
         base::hex(parts.root) + "\"}";
}

// Closes the object, pads it and puts the length in front.
std::string framed(std::string header) {
  header += '}';
  while ((8 + header.size()) % kAlignment != 0) header += ' ';
  std::string length(8, '\0');
  base::store_le<std::uint64_t>(reinterpret_cast<std::uint8_t*>(length.data()), header.size());
  return length + header;
}

std::uint64_t add(std::uint64_t a, std::uint64_t b) {
  return base::checked_add(a, b, "size of the cores");
}

std::uint64_t sum_of_sizes(const StoredCores& cores) {
  std::uint64_t sum = 0;
  for (const auto& weight : cores) {
    for (const StoredCore& core : weight) sum = add(sum, core.size);
  }
  return sum;
}

}  // namespace

std::vector<StoredCore> stored_cores(const codec::WeightLayout& layout, const codec::Encoding& encoding) {
  const codec::Codec& codec = codec::codec_for(encoding.format);
  codec.check(layout, encoding);
  std::vector<StoredCore> cores;
  for (codec::CoreLayout& core : codec.core_layouts(layout, encoding)) {
    const std::uint64_t size = core.dtype
                                   ? base::checked_mul(tensor::element_count(core.shape),
                                                       tensor::element_size(*core.dtype), "size of a core")
                                   : 0;
    cores.push_back({std::move(core), size, 0});
  }
  return cores;
}

std::uint64_t eligible_cores(const StoredCores& cores) {
  std::uint64_t count = 0;
  for (const auto& weight : cores)
    count += static_cast<std::uint64_t>(std::count_if(weight.begin(), weight.end(), eligible));
  return count;
}

std::uint64_t choose_typed(const StoredCores& cores, const FixedParts& parts) {
  // What is not yet known is taken at its largest: every offset as wide as the file, the padding, and a few
  // bytes by which the compressed manifest may grow when it names the count.
  constexpr std::uint64_t kSlack = 2 * kAlignment;
  const std::uint64_t end = add(add(sum_of_sizes(cores), parts.skeleton), parts.manifest) + kSlack;
  std::string fixed = header_start(parts);
  for (const char* name : {kCoresName, kSkeletonName, kManifestName})
    fixed += tensor_text(name, "U8", {end}, end, end);
  std::uint64_t used = 8 + fixed.size() + parts.manifest + kSlack;
  const std::uint64_t bound = kOverheadPerWeight * cores.size() + kOverheadPerFile;
  std::uint64_t typed = 0;
  for (const CoreId& id : by_size(cores)) {
    used += typed_text(id, cores[id.weight][id.core], end, end).size();
    if (used > bound || used > kMaxHeader) break;
    ++typed;
  }
  return typed;
}

Layout make_layout(StoredCores& cores, std::uint64_t typed, const FixedParts& parts) {
  std::vector<CoreId> ids = by_size(cores);
  ids.resize(typed);
  std::sort(ids.begin(), ids.end(), [](const CoreId& a, const CoreId& b) {
    return a.weight != b.weight ? a.weight < b.weight : a.core < b.core;
  });
  Layout layout;
  layout.cores = sum_of_sizes(cores);
  // Offsets relative to the data first: the header's length depends on their digits.
  std::string header = header_start(parts);
  std::uint64_t typed_end = 0;
  for (const CoreId& id : ids) typed_end += cores[id.weight][id.core].size;
  std::uint64_t next_typed = 0, next_packed = typed_end;
  std::size_t next_id = 0;
  for (std::size_t w = 0; w < cores.size(); ++w) {
    for (std::size_t c = 0; c < cores[w].size(); ++c) {
      StoredCore& core = cores[w][c];
      const bool own = next_id < ids.size() && ids[next_id].weight == w && ids[next_id].core == c;
      std::uint64_t& next = own ? next_typed : next_packed;
      core.offset = next;
      next += core.size;
      if (own) header += typed_text(ids[next_id++], core, core.offset, next);
    }
  }
  layout.packed_cores = next_packed - typed_end;
  append_bytes_tensor(header, kCoresName, typed_end, layout.packed_cores);
  append_bytes_tensor(header, kSkeletonName, layout.cores, parts.skeleton);
  append_bytes_tensor(header, kManifestName, add(layout.cores, parts.skeleton), parts.manifest);
  layout.header = framed(std::move(header));
  const std::uint64_t data = layout.header.size();
  for (auto& weight : cores) {
    for (StoredCore& core : weight) core.offset += data;
  }
  layout.skeleton = add(layout.cores, data);
  layout.manifest = add(layout.skeleton, parts.skeleton);
  layout.total = add(layout.manifest, parts.manifest);
  return layout;
}

}  // namespace tt::container
