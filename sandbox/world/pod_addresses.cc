#include "sandbox/world/pod_addresses.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace stowage::sandbox {
namespace {

constexpr uint32_t kFirst = 10U << 24 | 192U << 16;
constexpr uint32_t kSize = 1U << 22;
constexpr uint32_t kStart = 52U << 16;  // 10.244.0.0: where most networks for pods begin

std::optional<uint32_t> parse(std::string_view text) {
  uint32_t out = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && (at == end || *at++ != '.')) return std::nullopt;
    uint8_t value = 0;
    const auto [rest, failure] = std::from_chars(at, end, value);
    if (failure != std::errc{}) return std::nullopt;
    out = out << 8 | value;
    at = rest;
  }
  return at == end ? std::optional(out) : std::nullopt;
}

}  // namespace

std::string PodAddresses::give() {
  uint32_t address = 0;
  do {
    address = kFirst + (kStart + next_) % kSize;
    next_ = (next_ + 1) % kSize;
    // .0 and .255 look like a network's own.
  } while ((address & 255) == 0 || (address & 255) == 255 || !taken_.insert(address).second);
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

void PodAddresses::take(std::string_view address) {
  if (const auto number = parse(address)) taken_.insert(*number);
}

void PodAddresses::give_back(std::string_view address) {
  if (const auto number = parse(address)) taken_.erase(*number);
}

}  // namespace stowage::sandbox
