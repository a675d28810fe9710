// operator new and delete of stowage-sim: a schedule allocates a million small blocks of a few sizes, and
// glibc's malloc takes a fifth of its time. Freed blocks are kept by size, a thread for itself, and never
// given back. Blocks of one size stand together in slabs of one huge page, so that neither a header beside
// each block nor a page table entry for every few of them costs cache. Sanitizers need their own.
#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
namespace {

constexpr size_t kStep = 16;                   ///< Also the alignment.
constexpr size_t kClasses = 64;                ///< Blocks of up to 1,008 bytes.
constexpr size_t kSlab = size_t{64} << 10;     ///< Of one size each, at a multiple of this.
constexpr size_t kPage = size_t{2} << 20;      ///< A huge page.
constexpr size_t kReserved = size_t{8} << 30;  ///< Of addresses; memory is taken as it is touched.

struct Block {
  Block* next;
};
/// Stands at the begin of each slab.
struct alignas(kStep) Slab {
  size_t size_class;
};

/// The addresses that slabs are cut from, those of one after the other.
struct Arena {
  Arena() {
    void* memory = ::mmap(nullptr, kReserved + kPage, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    begin = (reinterpret_cast<uintptr_t>(memory) + kPage - 1) / kPage * kPage;
    next = begin;
    ::madvise(reinterpret_cast<void*>(begin), kReserved, MADV_HUGEPAGE);
  }
  uintptr_t begin = 0;
  std::atomic<uintptr_t> next = 0;
};

Arena& arena() {
  static Arena one;
  return one;
}

/// Where the slab ends that a size is cut from, and how far it is cut.
struct Cut {
  uintptr_t next = 0;
  uintptr_t end = 0;
};

thread_local Block* free_blocks[kClasses];
thread_local Cut cuts[kClasses];
constinit uintptr_t first_slab = 0;  ///< The arena's begin: what lies before or far behind is malloc's.

void* carve(size_t size_class) {
  Cut& cut = cuts[size_class];
  const size_t bytes = size_class * kStep;
  if (cut.end - cut.next < bytes) {
    const uintptr_t slab = arena().next.fetch_add(kSlab);
    if (slab - arena().begin >= kReserved) throw std::bad_alloc();
    first_slab = arena().begin;
    new (reinterpret_cast<void*>(slab)) Slab{size_class};
    cut = {.next = slab + sizeof(Slab), .end = slab + kSlab};
  }
  void* out = reinterpret_cast<void*>(cut.next);
  cut.next += bytes;
  return out;
}

}  // namespace

void* operator new(size_t bytes) {
  const size_t size_class = (bytes + kStep - 1) / kStep + (bytes == 0 ? 1 : 0);
  if (size_class < kClasses) {
    Block*& first = free_blocks[size_class];
    if (first == nullptr) return carve(size_class);
    Block* out = first;
    first = out->next;
    return out;
  }
  void* memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void operator delete(void* block) noexcept {
  const auto at = reinterpret_cast<uintptr_t>(block);
  if (at - first_slab >= kReserved) return std::free(block);  // also null
  const size_t size_class = reinterpret_cast<const Slab*>(at / kSlab * kSlab)->size_class;
  free_blocks[size_class] = new (block) Block{free_blocks[size_class]};
}

void operator delete(void* block, size_t /*bytes*/) noexcept {
  operator delete(block);
}
#endif
