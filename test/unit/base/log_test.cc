#include "base/log.h"

#include <catch2/catch.hpp>

#include <cstdio>
#include <string>

namespace {

class FixedClock final : public stowage::Clock {
 public:
  [[nodiscard]] stowage::MonoTime now() const override { return {}; }
  [[nodiscard]] stowage::WallTime wall() const override { return {}; }
};

std::string logged(stowage::LogFormat format, std::string value) {
  char buffer[512] = {};
  std::FILE* out = fmemopen(buffer, sizeof buffer, "w");
  FixedClock clock;
  stowage::StreamLogger logger(out, format, stowage::LogLevel::kInfo, clock);
  logger.debug("dropped");
  logger.info("bound", {{"pod", std::move(value)}});
  std::fclose(out);
  return buffer;
}

}  // namespace

TEST_CASE("log: text lines quote only what needs it") {
  CHECK(logged(stowage::LogFormat::kText, "a-0") == "1970-01-01T00:00:00.000000Z info  bound pod=a-0\n");
  CHECK(logged(stowage::LogFormat::kText, "a b") == "1970-01-01T00:00:00.000000Z info  bound pod=\"a b\"\n");
}

TEST_CASE("log: a JSON line survives control characters and broken UTF-8") {
  CHECK(logged(stowage::LogFormat::kJson, "a\"\x01\xff\n") ==
        "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"info\",\"msg\":\"bound\",\"pod\":"
        "\"a\\\"\\u0001\xef\xbf\xbd\\n\"}\n");
}
