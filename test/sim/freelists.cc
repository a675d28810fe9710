// operator new and delete of stowage-sim: a schedule allocates a million small blocks of a few sizes, and
// glibc's malloc takes a fifth of its time. Freed blocks are kept by size, a thread for itself, and never
// given back. Sanitizers need their own.
#include <cstddef>
#include <cstdlib>
#include <new>

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
namespace {

constexpr size_t kStep = 16;     ///< Also the alignment.
constexpr size_t kClasses = 64;  ///< Blocks of up to 1,008 bytes.
constexpr size_t kChunk = size_t{1} << 20;

struct Block {
  Block* next;
};
/// Stands before each block: its class, 0 = malloc's own.
struct alignas(kStep) Header {
  size_t size_class;
};

thread_local Block* free_blocks[kClasses];
thread_local std::byte* chunk;
thread_local std::byte* chunk_end;

void* carve(size_t size_class) {
  const size_t bytes = sizeof(Header) + size_class * kStep;
  if (static_cast<size_t>(chunk_end - chunk) < bytes) {
    chunk = static_cast<std::byte*>(std::malloc(kChunk));
    if (chunk == nullptr) throw std::bad_alloc();
    chunk_end = chunk + kChunk;
  }
  auto* header = new (chunk) Header{size_class};
  chunk += bytes;
  return header + 1;
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
  void* memory = std::malloc(sizeof(Header) + bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return new (memory) Header{0} + 1;
}

void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  Header* header = static_cast<Header*>(block) - 1;
  const size_t size_class = header->size_class;
  if (size_class == 0) return std::free(header);
  free_blocks[size_class] = new (block) Block{free_blocks[size_class]};
}

void operator delete(void* block, size_t /*bytes*/) noexcept {
  operator delete(block);
}
#endif
