// Scenario files of stowage-sandbox. The folder that they may name files in does not exist.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "sandbox/scenario/scenario.h"
#include "sandbox/world/traffic.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stowage::sandbox;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto traffic = parse_traffic(text)) {
    STOWAGE_CHECK(traffic->at(stowage::Millis{60'000}) >= 0, "a rate below zero");
    (void)traffic->any_after(stowage::Millis{0});
  }
  const auto scenario = parse_scenario(text, "nowhere/scenario.yaml");
  if (!scenario) {
    STOWAGE_CHECK(scenario.error().message.starts_with("nowhere/scenario.yaml:"), "an error without a place");
    return 0;
  }
  for (const Step& step : scenario->steps)
    STOWAGE_CHECK(step.line > 0 && step.span.count() >= 0, "a step that is nowhere, or goes back in time");
  return 0;
}
