#include "kube/core/status_error.h"

#include <catch2/catch.hpp>
#include <string>

#include "kube/core/patch.h"
#include "kube/core/resource.h"
#include "kube/core/resource_version.h"
#include "kube/core/selectors.h"
#include "kube/core/url.h"

using namespace stowage;        // NOLINT: a test
using namespace stowage::kube;  // NOLINT: a test
using namespace std::chrono_literals;

namespace {

std::string status(const std::string& fields) {
  return R"({"kind":"Status","apiVersion":"v1","status":"Failure",)" + fields + "}";
}

}  // namespace

TEST_CASE("status: the reason tells AlreadyExists from Conflict") {
  const auto exists = error_from_response(
      409, {}, status(R"("message":"pods \"a\" already exists","reason":"AlreadyExists","code":409)"));
  CHECK(exists.code == Code::kAlreadyExists);
  CHECK(exists.message == "pods \"a\" already exists");
  CHECK(error_from_response(409, {}, status(R"("reason":"Conflict","code":409)")).code == Code::kConflict);
}

TEST_CASE("status: each HTTP status has its code, with and without a Status body") {
  const std::pair<int, Code> table[] = {
      {400, Code::kInvalidArgument}, {401, Code::kUnauthorized},    {403, Code::kForbidden},
      {404, Code::kNotFound},        {409, Code::kConflict},        {410, Code::kExpired},
      {415, Code::kUnsupported},     {422, Code::kInvalidArgument}, {429, Code::kTooManyRequests},
      {500, Code::kUnavailable},     {503, Code::kUnavailable},     {504, Code::kTimeout}};
  for (const auto& [http, code] : table) {
    INFO(http);
    const Error bare = error_from_response(http, {}, "");
    CHECK(bare.code == code);
    CHECK(bare.http_status == http);
    CHECK_FALSE(bare.message.empty());
    CHECK(error_from_response(http, {}, status(R"("message":"m")")).code == code);
  }
}

TEST_CASE("rule 13: Retry-After comes from the header or from the Status") {
  CHECK(error_from_response(429, {{"retry-after", "7"}}, "").retry_after == Millis(7s));
  CHECK(error_from_response(503, {}, status(R"("details":{"retryAfterSeconds":3})")).retry_after ==
        Millis(3s));
  CHECK(error_from_response(429, {{"retry-after", "2"}}, status(R"("details":{"retryAfterSeconds":3})"))
            .retry_after == Millis(2s));
  CHECK_FALSE(error_from_response(429, {{"retry-after", "soon"}}, "").retry_after);
  CHECK_FALSE(error_from_response(429, {{"retry-after", "-1"}}, "").retry_after);
  CHECK(error_from_response(429, {{"retry-after", "999999999"}}, "").retry_after == Millis(1h));
}

TEST_CASE("rule 5: too large a resource version is as good as expired") {
  const auto error = error_from_response(
      504, {},
      status(R"("reason":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge"}]},"code":504)"));
  CHECK(error.code == Code::kExpired);
  CHECK(error.http_status == 504);
  CHECK(error_from_status(status(R"("reason":"Expired","code":410)")).code == Code::kExpired);
}

TEST_CASE("status: a body that is none is quoted, cut and made printable") {
  const auto error = error_from_response(502, {}, "<html>\n" + std::string(1000, 'x'));
  CHECK(error.code == Code::kUnavailable);
  CHECK(error.message.starts_with("the server answered 502: <html> xxx"));
  CHECK(error.message.size() < 400);
  CHECK(error_from_status("nonsense").code == Code::kMalformed);
  CHECK(error_from_status(std::string(100, '[')).code == Code::kMalformed);
}

TEST_CASE("rule 3: resource versions are ordered as unbounded numbers") {
  CHECK(compare_resource_versions("9", "10") == std::strong_ordering::less);
  CHECK(compare_resource_versions("123456789012345678901", "123456789012345678900") ==
        std::strong_ordering::greater);
  CHECK(compare_resource_versions("007", "7") == std::strong_ordering::equal);
  CHECK(compare_resource_versions("18446744073709551616", "0") == std::strong_ordering::greater);
  CHECK_FALSE(compare_resource_versions("a", "7"));
  CHECK_FALSE(compare_resource_versions("", "7"));
  CHECK(resource_version_at_least("opaque", "opaque"));
  CHECK_FALSE(resource_version_at_least("", "1"));
  CHECK(resource_version_at_least("10", "9"));
}

TEST_CASE("label selectors: format and parse agree") {
  using Op = LabelRequirement::Op;
  const std::vector<LabelRequirement> all = {{"a", Op::kIn, {"b"}},    {"x.io/c", Op::kIn, {"d", "e"}},
                                             {"f", Op::kNotIn, {"g"}}, {"h", Op::kNotIn, {"i", "j"}},
                                             {"k", Op::kExists, {}},   {"l", Op::kDoesNotExist, {}},
                                             {"m", Op::kIn, {""}}};
  const auto text = format_label_selector(all);
  REQUIRE(text);
  CHECK(*text == "a=b,x.io/c in (d,e),f!=g,h notin (i,j),k,!l,m=");
  CHECK(parse_label_selector(*text) == all);
  CHECK(parse_label_selector(" a == b , c in ( d , e ) ")->size() == 2);
  CHECK(parse_label_selector("")->empty());
}

TEST_CASE("label selectors: what no label can carry is refused") {
  for (const char* text : {"a=b=c", "a in b", "a in (b", "a in (b c)", ",", "a,", "-a", "a=-b", "A.b/c/d",
                           "/a", "a/", "a like b", "!", "a=b c", "UPPER.x/a", "x..y/a", "a>1"}) {
    INFO(text);
    CHECK_FALSE(parse_label_selector(text));
  }
  CHECK_FALSE(format_label_selector({{.key = std::string(64, 'a')}}));
  CHECK_FALSE(format_label_selector({{.key = "a", .op = LabelRequirement::Op::kIn}}));
  CHECK_FALSE(format_label_selector({{.key = "a", .op = LabelRequirement::Op::kIn, .values = {"x,y"}}}));
}

TEST_CASE("field selectors: their own escapes") {
  CHECK(field_equals("spec.nodeName", "a") == "spec.nodeName=a");
  CHECK(field_not_equals("metadata.name", R"(a=b,c\d)") == R"(metadata.name!=a\=b\,c\\d)");
}

TEST_CASE("urls: every byte outside the unreserved set is encoded") {
  CHECK(url_encode("aZ09-._~") == "aZ09-._~");
  CHECK(url_encode("a b/c?d=e&f%\xff") == "a%20b%2Fc%3Fd%3De%26f%25%FF");
  CHECK(Query().add("a", "1,2").add("empty", "").add("n", 5).str() == "a=1%2C2&n=5");
  CHECK(with_query("/p", "") == "/p");
  const Resource pods{.group = "", .version = "v1", .plural = "pods", .kind = "Pod"};
  CHECK(pods.path("ns", "../x?y", "status") == "/api/v1/namespaces/ns/pods/..%2Fx%3Fy/status");
}

TEST_CASE("rule 17: a merge patch keeps the fields that it does not name") {
  CHECK(merge_patch(R"({"a":1,"unknown":{"x":[1,2]}})", R"({"a":null,"b":{"c":2}})") ==
        R"({"b":{"c":2},"unknown":{"x":[1,2]}})");
  CHECK_FALSE(merge_patch("{", "{}"));
  CHECK_FALSE(merge_patch("{}", std::string(65, '[') + std::string(65, ']')));
}

TEST_CASE("patch texts: finalizers carry the version, annotations can be removed") {
  CHECK(finalizers_patch({"x/y"}, "12") == R"({"metadata":{"finalizers":["x/y"],"resourceVersion":"12"}})");
  CHECK(annotations_patch({{"a", "\""}}, {"b"}) == R"({"metadata":{"annotations":{"a":"\"","b":null}}})");
  CHECK(annotations_patch({{"a", "\xff"}}).find("\xEF\xBF\xBD") != std::string::npos);
}
