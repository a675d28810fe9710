// What a URL and the Accept header carry: escapes, query parameters, selectors, media types. The first line
// is the query, what follows is the header.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/output.h"
#include "sandbox/apiserver/selector.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stowage::sandbox;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view first = text.substr(0, text.find('\n'));
  const Query query(first);
  STOWAGE_CHECK(percent_decode(first, false).size() <= first.size(), "decoding made a text longer");
  for (const std::string_view source : {query.get("labelSelector"), first}) {
    if (const auto selector = LabelSelector::parse(source))
      (void)selector->matches({{"app", "web"}, {"n", "3"}, {"tier", "gold"}});
    (void)parse_field_selector(source);
  }
  const std::string_view accept = text.substr(first.size());
  if (form_of(accept) != Form::kPlain) STOWAGE_CHECK(acceptable(accept), "a form that is not acceptable");
  return 0;
}
