#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/check.h"
#include "kube/core/list_pager.h"

namespace {

struct Outcome {
  std::string items;
  size_t count = 0;
  bool whole = false;
  bool operator==(const Outcome&) const = default;
};

Outcome read(std::string_view body, size_t piece) {
  stowage::kube::ListReader reader(size_t{1} << 16);
  Outcome out;
  for (size_t at = 0; at < body.size(); at += piece) {
    reader.feed(body.substr(at, piece));
    for (;;) {
      const auto item = reader.next();
      if (!item) return out;
      if (!*item) break;
      out.items.append(**item).append("\n");
      ++out.count;
    }
  }
  out.whole = reader.finish().has_value();
  return out;
}

}  // namespace

/// The first byte says how large the pieces are; cutting the body elsewhere changes nothing, and what a full
/// parser accepts too has as many items for both.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome outcome = read(body, size);
  STOWAGE_CHECK(outcome == read(body, std::max<size_t>(data[0], 1)), "the cut changed the list");
  if (!outcome.whole) return 0;
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("items") || !json["items"].is_array()) return 0;
  STOWAGE_CHECK(json["items"].size() == outcome.count, "the number of items differs");
  return 0;
}
