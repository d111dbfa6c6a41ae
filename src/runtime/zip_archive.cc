#include "runtime/zip_archive.h"

#include <zip.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/checked.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/array_source.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

// The archive's file as libzip reads it. The first error of a read is kept and thrown later: libzip is C.
struct FileSource {
  std::shared_ptr<const base::InputFile> file;
  std::uint64_t at = 0;
  zip_error_t error{};

  zip_int64_t read(void* out, zip_uint64_t length) {
    const std::uint64_t count = std::min(length, file->size() - at);
    try {
      file->read(at, {static_cast<std::uint8_t*>(out), count});
    } catch (const Error&) {
      zip_error_set(&error, ZIP_ER_READ, EIO);
      return -1;
    }
    at += count;
    return static_cast<zip_int64_t>(count);
  }
  zip_int64_t seek(void* data, zip_uint64_t length) {
    const zip_int64_t to = zip_source_seek_compute_offset(at, file->size(), data, length, &error);
    if (to < 0) return -1;
    at = static_cast<std::uint64_t>(to);
    return 0;
  }
  zip_int64_t stat(void* data) const {
    auto* status = static_cast<zip_stat_t*>(data);
    zip_stat_init(status);
    status->size = file->size();
    status->valid |= ZIP_STAT_SIZE;
    return sizeof *status;
  }
};

zip_int64_t answer(void* state, void* data, zip_uint64_t length, zip_source_cmd_t command) {
  auto* source = static_cast<FileSource*>(state);
  switch (command) {
    case ZIP_SOURCE_OPEN:
      source->at = 0;
      return 0;
    case ZIP_SOURCE_READ:
      return source->read(data, length);
    case ZIP_SOURCE_CLOSE:
      return 0;
    case ZIP_SOURCE_STAT:
      return source->stat(data);
    case ZIP_SOURCE_ERROR:
      return zip_error_to_data(&source->error, data, length);
    case ZIP_SOURCE_SEEK:
      return source->seek(data, length);
    case ZIP_SOURCE_TELL:
      return static_cast<zip_int64_t>(source->at);
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                            ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_SEEK,
                                            ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, ZIP_SOURCE_FREE, -1);
    case ZIP_SOURCE_FREE:
      return 0;
    default:
      zip_error_set(&source->error, ZIP_ER_OPNOTSUPP, 0);
      return -1;
  }
}

class Archive {
 public:
  explicit Archive(std::shared_ptr<const base::InputFile> file) : source_{std::move(file), 0, {}} {
    zip_error_t error;
    zip_error_init(&error);
    zip_error_init(&source_.error);
    zip_source_t* source = zip_source_function_create(answer, &source_, &error);
    if (source != nullptr) zip_ = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
    if (zip_ == nullptr) {
      if (source != nullptr) zip_source_free(source);
      const std::string why = zip_error_strerror(&error);
      zip_error_fini(&error);
      throw Error(ErrorKind::bad_data,
                  "broken zip archive " + base::quoted(name()) + ", " + base::printable(why));
    }
  }
  ~Archive() {
    zip_discard(zip_);
    zip_error_fini(&source_.error);
  }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  zip_t* get() { return zip_; }
  const std::string& name() const { return source_.file->name(); }

 private:
  FileSource source_;
  zip_t* zip_ = nullptr;
};

// Deflated data can only be read forward: going back starts again.
class EntryStream : public ByteStream {
 public:
  EntryStream(std::shared_ptr<Archive> archive, zip_uint64_t index, std::string name, std::uint64_t size)
      : archive_(std::move(archive)), index_(index), name_(std::move(name)), size_(size) {}
  ~EntryStream() override { close(); }

  std::uint64_t size() const override { return size_; }

  void read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (!base::range_inside(offset, out.size(), size_)) fail("ends too early");
    if (entry_ == nullptr || offset < at_) reopen();
    base::Bytes skipped(std::min<std::uint64_t>(offset - at_, 1 << 20));
    while (at_ < offset)
      fill(std::span(skipped).first(std::min<std::uint64_t>(skipped.size(), offset - at_)));
    fill(out);
  }

 private:
  [[noreturn]] void fail(const std::string& why) {
    throw Error(ErrorKind::bad_data,
                "entry " + base::quoted(name_) + " of " + base::quoted(archive_->name()) + " " + why);
  }
  void close() {
    if (entry_ != nullptr) zip_fclose(entry_);
    entry_ = nullptr;
  }
  void reopen() {
    close();
    at_ = 0;
    entry_ = zip_fopen_index(archive_->get(), index_, 0);
    if (entry_ == nullptr) fail("cannot be read, " + base::printable(zip_strerror(archive_->get())));
  }
  void fill(std::span<std::uint8_t> out) {
    while (!out.empty()) {
      const zip_int64_t got = zip_fread(entry_, out.data(), out.size());
      if (got < 0) fail("is broken, " + base::printable(zip_file_strerror(entry_)));
      if (got == 0) fail("ends too early");
      at_ += static_cast<std::uint64_t>(got);
      out = out.subspan(static_cast<std::size_t>(got));
    }
    if (at_ == size_) check_end();
  }
  // libzip compares the checksum when the end is read.
  void check_end() {
    std::uint8_t more;
    const zip_int64_t got = zip_fread(entry_, &more, 1);
    if (got < 0) fail("is broken, " + base::printable(zip_file_strerror(entry_)));
    if (got > 0) fail("is longer than it says");
    close();
  }

  std::shared_ptr<Archive> archive_;
  zip_uint64_t index_;
  std::string name_;
  std::uint64_t size_;
  zip_file_t* entry_ = nullptr;
  std::uint64_t at_ = 0;
};

ZipEntry entry_of(const std::shared_ptr<Archive>& archive, zip_uint64_t index, std::uint64_t& total) {
  zip_stat_t status;
  zip_stat_init(&status);
  const auto fail = [&](const std::string& why) {
    throw Error(ErrorKind::bad_data,
                "entry " + std::to_string(index) + " of " + base::quoted(archive->name()) + " " + why);
  };
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(archive->get(), index, ZIP_FL_ENC_RAW, &status) != 0 ||
      (status.valid & kNeeded) != kNeeded)
    fail("cannot be read");
  if (status.encryption_method != ZIP_EM_NONE) fail("is encrypted");
  if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE)
    fail("is neither stored nor deflated");
  total = base::checked_add(total, status.size, "unpacked size");
  if (total > kMaxFileBytes)
    throw Error(ErrorKind::resource_limit,
                base::quoted(archive->name()) + " unpacks to more than " + base::format_bytes(kMaxFileBytes));
  return {status.name, std::make_shared<EntryStream>(archive, index, status.name, status.size)};
}

}  // namespace

bool looks_like_zip(base::ByteView start) {
  const std::string_view text = base::text_of(start);
  return text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06");
}

std::vector<ZipEntry> open_zip(std::shared_ptr<const base::InputFile> file) {
  const auto archive = std::make_shared<Archive>(std::move(file));
  const zip_int64_t count = zip_get_num_entries(archive->get(), 0);
  if (count > static_cast<zip_int64_t>(kMaxArrays))
    throw Error(ErrorKind::resource_limit,
                base::quoted(archive->name()) + " has more than " + std::to_string(kMaxArrays) + " entries");
  std::vector<ZipEntry> entries;
  std::set<std::string> names;
  std::uint64_t total = 0;
  for (zip_int64_t i = 0; i < count; ++i) {
    entries.push_back(entry_of(archive, static_cast<zip_uint64_t>(i), total));
    if (!names.insert(entries.back().name).second)
      throw Error(ErrorKind::bad_data,
                  base::quoted(archive->name()) + " has two entries " + base::quoted(entries.back().name));
  }
  return entries;
}

}  // namespace tt::runtime
