#include "kube/core/watch_decoder.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using stowage::Code;
using stowage::kube::WatchDecoder;
using stowage::kube::WatchType;

namespace {

std::string pod(const std::string& name, const std::string& version) {
  return R"({"kind":"Pod","metadata":{"name":")" + name + R"(","resourceVersion":")" + version + R"("}})";
}

std::string event(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}

struct Seen {
  WatchType type;
  std::string object;
  std::string version;
  bool operator==(const Seen&) const = default;
};

/// Everything that comes out when `body` arrives in pieces of `size` bytes.
std::vector<Seen> decode(const std::string& body, size_t size) {
  WatchDecoder decoder;
  std::vector<Seen> out;
  for (size_t at = 0; at < body.size(); at += size) {
    decoder.feed(std::string_view(body).substr(at, size));
    for (;;) {
      const auto frame = decoder.next();
      REQUIRE(frame);
      if (!*frame) break;
      out.push_back({(*frame)->type, std::string((*frame)->object), std::string((*frame)->resource_version)});
    }
  }
  CHECK_FALSE(decoder.mid_frame());
  return out;
}

}  // namespace

TEST_CASE("a watch cut at any byte: the same events come out") {
  const std::string body = event("ADDED", pod("a", "7")) +
                           event("MODIFIED", pod("braces } and \\\" quotes {", "8")) +
                           event("DELETED", pod("a", "9")) + event("BOOKMARK", pod("", "12"));
  const auto whole = decode(body, body.size());
  REQUIRE(whole.size() == 4);
  CHECK(whole[0] == Seen{WatchType::kAdded, pod("a", "7"), "7"});
  CHECK(whole[2].type == WatchType::kDeleted);
  CHECK(whole[3] == Seen{WatchType::kBookmark, pod("", "12"), "12"});
  for (size_t size = 1; size < body.size(); ++size) {
    INFO(size);
    CHECK(decode(body, size) == whole);
  }
}

TEST_CASE("fields in another order and white space: still an event") {
  const auto seen = decode("  {\n\"object\": " + pod("a", "5") + ",\r\n \"type\" : \"ADDED\"}  ", 3);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].version == "5");
}

TEST_CASE("fields behind the object, plain or nested: the object alone comes out") {
  const std::string begin = R"({"type":"ADDED","object":)" + pod("a", "7");
  for (const char* end :
       {R"(,"more":5})", R"(,"more":{"metadata":{"resourceVersion":"8"}}})", R"(,"more":"x}}"})"}) {
    INFO(end);
    const std::string body = begin + end + "\n";
    CHECK(decode(body, body.size()) == std::vector{Seen{WatchType::kAdded, pod("a", "7"), "7"}});
  }
}

TEST_CASE("rule 8: the bookmark that ends the initial events is told from others") {
  const std::string end =
      R"({"metadata":{"resourceVersion":"40","annotations":{"x":"y","k8s.io/initial-events-end":"true"}}})";
  WatchDecoder decoder;
  decoder.feed(event("BOOKMARK", end) + event("BOOKMARK", pod("", "41")));
  CHECK(decoder.next()->value().initial_events_end);
  CHECK_FALSE(decoder.next()->value().initial_events_end);
}

TEST_CASE("rule 5: an ERROR event carries its Status") {
  const std::string status = R"({"kind":"Status","code":410,"reason":"Expired"})";
  const auto seen = decode(event("ERROR", status), 10);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].type == WatchType::kError);
  CHECK(seen[0].object == status);
}

TEST_CASE("the body ends inside an event: the decoder says so") {
  WatchDecoder decoder;
  decoder.feed(event("ADDED", pod("a", "7")) + R"({"type":"MOD)");
  CHECK(decoder.next()->has_value());
  CHECK_FALSE(decoder.next()->has_value());
  CHECK(decoder.mid_frame());
}

TEST_CASE("rule 21: an event above its bound is refused before it is complete") {
  WatchDecoder decoder(1000);
  decoder.feed(R"({"type":"ADDED","object":{"x":")" + std::string(2000, 'a'));
  const auto frame = decoder.next();
  REQUIRE_FALSE(frame);
  CHECK(frame.error().code == Code::kMalformed);
}

TEST_CASE("rule 21: an event nested deeper than 64 is refused") {
  const auto nested = [](size_t depth) {
    return R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"1"},"x":)" + std::string(depth, '[') +
           std::string(depth, ']') + "}}";
  };
  WatchDecoder good;
  good.feed(nested(62));
  CHECK(good.next());
  WatchDecoder bad;
  bad.feed(nested(63));
  CHECK_FALSE(bad.next());
}

TEST_CASE("bytes that are no watch: refused with a reason") {
  for (const char* body :
       {"hello", "]", "{]", "[]", "{}", R"({"type":"ADDED"})", R"({"type":"ADDED","object":3})",
        R"({"type":"NEWS","object":{"metadata":{"resourceVersion":"1"}}})", R"({"type":7,"object":{}})",
        R"({"type":"ADDED","object":{}})", R"({"type":"ADDED","object":{"metadata":{}}})",
        R"({"type":"ADDED","object":{"metadata":{"resourceVersion":5}}})",
        R"({"type":"ADDED","object":{"metadata":{"resourceVersion":""}}})", R"({"type" "ADDED"})"}) {
    INFO(body);
    WatchDecoder decoder;
    decoder.feed(body);
    const auto frame = decoder.next();
    REQUIRE_FALSE(frame);
    CHECK(frame.error().code == Code::kMalformed);
    CHECK_FALSE(frame.error().message.empty());
  }
}

TEST_CASE("broken event: refused, whatever follows it in the buffer") {
  const std::string broken = R"({"type":"ERROR","object":{:"2"},"":"io":s})";
  for (const std::string after : {"", "}", "\n", "{"}) {
    CAPTURE(after);
    WatchDecoder decoder;
    decoder.feed(broken + after);
    const auto frame = decoder.next();
    REQUIRE_FALSE(frame);
    CHECK(frame.error().code == Code::kMalformed);
  }
}

TEST_CASE("rule 3: a resourceVersion beyond 64 bits is passed on verbatim") {
  const std::string version = "123456789012345678901234567890";
  const auto seen = decode(event("ADDED", pod("a", version)), 100);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].version == version);
}
