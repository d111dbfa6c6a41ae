// The global operator new, counted: the one way to a memory limit that every allocation of ours meets with an
// exception and no library meets with a hang.
#include <malloc.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>

#include "base/memory.h"

namespace tt::base {
namespace {

std::atomic<std::uint64_t> g_used{0};
std::atomic<std::uint64_t> g_limit{std::numeric_limits<std::uint64_t>::max()};

}  // namespace

std::uint64_t heap_bytes() { return g_used.load(std::memory_order_relaxed); }
void limit_heap(std::uint64_t bytes) { g_limit.store(bytes, std::memory_order_relaxed); }

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)

namespace {

void* counted_malloc(std::size_t size) {
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  const std::uint64_t bytes = ::malloc_usable_size(memory);
  if (g_used.fetch_add(bytes, std::memory_order_relaxed) + bytes > g_limit.load(std::memory_order_relaxed)) {
    g_used.fetch_sub(bytes, std::memory_order_relaxed);
    std::free(memory);
    throw std::bad_alloc();
  }
  return memory;
}

void counted_free(void* memory) noexcept {
  if (memory == nullptr) return;
  g_used.fetch_sub(::malloc_usable_size(memory), std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

#endif

}  // namespace tt::base

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
// The other forms (arrays, nothrow, sized) call these two by default.
void* operator new(std::size_t size) { return tt::base::counted_malloc(size); }
void operator delete(void* memory) noexcept { tt::base::counted_free(memory); }
void operator delete(void* memory, std::size_t) noexcept { tt::base::counted_free(memory); }
#endif
