#include "kube/core/list_pager.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using stowage::Code;
using stowage::Result;
using stowage::kube::ListMeta;
using stowage::kube::ListPager;
using stowage::kube::ListReader;

namespace {

struct Page {
  std::vector<std::string> items;
  Result<ListMeta> meta;
};

/// An error of next() is in `meta` too: the page is not to be trusted either way.
Page read(const std::string& body, size_t size, size_t max_item = 1 << 20) {
  ListReader reader(max_item);
  Page out{.items = {}, .meta = ListMeta{}};
  for (size_t at = 0; at < body.size(); at += size) {
    reader.feed(std::string_view(body).substr(at, size));
    for (;;) {
      const auto item = reader.next();
      if (!item) {
        out.meta = std::unexpected(item.error());
        return out;
      }
      if (!*item) break;
      out.items.emplace_back(**item);
    }
  }
  out.meta = reader.finish();
  return out;
}

const std::string kList =
    R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"90","continue":"to\"ken","x":[1]},)"
    R"("items":[{"a":"],}"},{"b":{"c":[{}]}} , {}],"later":{"y":"\\"},"n":null,"t":true,"f":-1.5e3})"
    "\n";

}  // namespace

TEST_CASE("a list cut at any byte: the same items and the same end") {
  const Page whole = read(kList, kList.size());
  REQUIRE(whole.meta);
  CHECK(whole.items == std::vector<std::string>{R"({"a":"],}"})", R"({"b":{"c":[{}]}})", "{}"});
  CHECK(whole.meta->resource_version == "90");
  CHECK(whole.meta->continue_token == "to\"ken");
  for (size_t size = 1; size < kList.size(); ++size) {
    INFO(size);
    const Page cut = read(kList, size);
    REQUIRE(cut.meta);
    CHECK(cut.items == whole.items);
    CHECK(cut.meta->continue_token == whole.meta->continue_token);
  }
}

TEST_CASE("metadata after items, items null or empty: understood") {
  CHECK(read(R"({"items":[{"a":1}],"metadata":{"resourceVersion":"3"}})", 4).items.size() == 1);
  CHECK(read(R"({"items":null,"metadata":{"resourceVersion":"3"}})", 4).meta->resource_version == "3");
  CHECK(read(R"({"metadata":{"resourceVersion":"3"},"items":[]})", 4).meta);
}

TEST_CASE("rule 19: a list cut off at any byte is never taken for complete") {
  const size_t last_brace = kList.rfind('}');
  for (size_t length = 0; length <= last_brace; ++length) {
    INFO(length);
    CHECK_FALSE(read(kList.substr(0, length), 7).meta);
  }
  CHECK(read(kList.substr(0, last_brace + 1), 7).meta);
}

TEST_CASE("rule 21: only one item is held, and one above its bound is refused") {
  const std::string item = R"({"x":")" + std::string(600, 'a') + R"("})";
  std::string body = R"({"metadata":{"resourceVersion":"3"},"items":[)";
  for (int i = 0; i < 50; ++i)
    body += (i > 0 ? "," : "") + item;
  body += "]}";
  CHECK(read(body, 100, 1000).items.size() == 50);
  const Page refused = read(body, 100, 500);
  REQUIRE_FALSE(refused.meta);
  CHECK(refused.meta.error().code == Code::kMalformed);
}

TEST_CASE("rule 21: an item nested deeper than 64 is refused") {
  const auto nested = [](size_t depth) {
    return R"({"metadata":{"resourceVersion":"3"},"items":[{"x":)" + std::string(depth, '[') +
           std::string(depth, ']') + "}]}";
  };
  CHECK(read(nested(63), 50).meta);
  CHECK_FALSE(read(nested(64), 50).meta);
}

TEST_CASE("bytes that are no list: refused") {
  for (const char* body :
       {"", "x", "[]", "{}", R"({"items":[]})", R"({"metadata":{"resourceVersion":"3"}})",
        R"({"metadata":{},"items":[]})", R"({"metadata":{"resourceVersion":3},"items":[]})",
        R"({"metadata":{"resourceVersion":"3"},"items":{}})",
        R"({"metadata":{"resourceVersion":"3"},"items":7})",
        R"({"metadata":{"resourceVersion":"3"},"items":[7]})",
        R"({"metadata":{"resourceVersion":"3"},"items":[{}{}]})",
        R"({"metadata":{"resourceVersion":"3"},"items":[{},]})",
        R"({"metadata":{"resourceVersion":"3"},"items":[]} {})",
        R"({"metadata":{"resourceVersion":"3"},"items":[],"items":[]})",
        R"({"kind":"Pod","metadata":{"resourceVersion":"3"},"items":[]})",
        R"({"metadata":"a" "items":[]})"}) {
    INFO(body);
    CHECK_FALSE(read(body, 5).meta);
  }
}

TEST_CASE("paging: the token replaces the version; the list's version is the first page's") {
  ListPager pager(
      {.path = "/api/v1/pods", .query = "labelSelector=a%3Db", .page_size = 2, .resource_version = "9"});
  CHECK(pager.target() == "/api/v1/pods?labelSelector=a%3Db&limit=2&resourceVersion=9");
  CHECK(pager.advance({.resource_version = "12", .continue_token = "t/k"}));
  CHECK(pager.target() == "/api/v1/pods?labelSelector=a%3Db&limit=2&continue=t%2Fk");
  CHECK_FALSE(pager.advance({.resource_version = "12"}));
  CHECK(pager.resource_version() == "12");
}
