#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "kube/core/watch_decoder.h"

namespace {

/// All events and how it ended, as text.
std::string decode(std::string_view body, size_t piece) {
  stowage::kube::WatchDecoder decoder(size_t{1} << 16);
  std::string out;
  for (size_t at = 0; at < body.size(); at += piece) {
    decoder.feed(body.substr(at, piece));
    for (;;) {
      const auto frame = decoder.next();
      if (!frame) return out + "error";
      if (!*frame) break;
      out += std::to_string(static_cast<int>((*frame)->type));
      out.append((*frame)->object).append("|").append((*frame)->resource_version).append("\n");
    }
  }
  return out + (decoder.mid_frame() ? "open" : "end");
}

}  // namespace

/// The first byte says how large the pieces are; cutting the body elsewhere changes nothing.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  STOWAGE_CHECK(decode(body, size) == decode(body, std::max<size_t>(data[0], 1)),
                "the cut changed the events");
  return 0;
}
