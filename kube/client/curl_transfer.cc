#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

#include "base/check.h"
#include "kube/client/curl_session.h"
#include "kube/core/status_error.h"

namespace stowage::kube {
namespace {

/// Of one response, all header lines together. kube-apiserver's own answers stay below 2 KiB.
constexpr size_t kMaxHeaderBytes = 64 * 1024;
/// Room that is made at once for a body whose length was told; what is longer grows as it comes.
constexpr size_t kReservedBodyBytes = 64 * 1024;
/// kube-apiserver sends nine or ten.
constexpr size_t kUsualHeaders = 12;
/// A buffer that grew beyond this for one answer is given back instead of being kept for the next.
constexpr size_t kKeptBufferBytes = 64 * 1024;

Code code_from_curl(CURLcode result) {
  switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
      return Code::kTimeout;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR:
      return Code::kMalformed;
    default:
      return Code::kUnavailable;
  }
}

/// What to look at, for failures whose cause a person can remove.
std::string_view advice(CURLcode result) {
  switch (result) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return " (the server's certificate is not vouched for by the certificate authority in use; check "
             "certificate-authority and tls-server-name)";
    case CURLE_SSL_CERTPROBLEM:
      return " (check client-certificate and client-key)";
    case CURLE_SSL_CACERT_BADFILE:
      return " (check certificate-authority: it must be PEM)";
    case CURLE_COULDNT_RESOLVE_HOST:
      return " (check the server's host name)";
    case CURLE_COULDNT_RESOLVE_PROXY:
      return " (check proxy-url)";
    case CURLE_COULDNT_CONNECT:
      return " (is the API server running, and is its address right?)";
    default:
      return "";
  }
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n' || text.back() == ' '))
    text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  return text;
}

}  // namespace

CurlTransfer::CurlTransfer(CurlSession& session, CurlLoop& loop, size_t max_body_bytes)
    : session_(session),
      loop_(loop),
      easy_(curl_easy_init()),
      max_body_bytes_(max_body_bytes),
      signal_(session.executor()) {
  STOWAGE_CHECK(easy_ != nullptr, "curl_easy_init failed");
  session.configure(easy_);
  loop.prepare(easy_);
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, static_cast<CurlTransferEvents*>(this));
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
}

CurlTransfer::~CurlTransfer() {
  stop();
  curl_easy_cleanup(easy_);
  curl_slist_free_all(request_headers_);
}

/// Requests of one kind have the same headers: the list of the last one is kept and mostly fits.
Result<void> CurlTransfer::set_headers(const HttpRequest& request, std::string_view authorization) {
  const auto clean = [](std::string_view text) {
    return std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  };
  std::string lines;
  const auto add = [&lines](std::string_view name, std::string_view value) {
    lines.append(name).append(": ").append(value).push_back('\0');
  };
  for (const auto& [name, value] : request.headers) {
    if (!clean(name) || !clean(value)) return fail(Code::kInvalidArgument, "control bytes in header " + name);
    add(name, value);
  }
  if (!authorization.empty()) add("authorization", authorization);
  if (!session_.host_header().empty()) add("host", session_.host_header());
  // Otherwise curl waits a second for "100 Continue" before it sends a large body over HTTP/1.1.
  if (!request.body.empty()) lines.append("Expect:").push_back('\0');
  if (lines == request_lines_) return {};
  curl_slist* list = nullptr;
  for (size_t at = 0; at < lines.size(); at = lines.find('\0', at) + 1)
    list = curl_slist_append(list, lines.c_str() + at);
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, list);
  curl_slist_free_all(request_headers_);
  request_headers_ = list;
  request_lines_ = std::move(lines);
  return {};
}

Result<void> CurlTransfer::start(const HttpRequest& request, std::string_view authorization,
                                 bool wake_on_data) {
  stop();
  wake_on_data_ = wake_on_data;
  TRY_VOID(set_headers(request, authorization));
  curl_easy_setopt(easy_, CURLOPT_URL, session_.url_of(request.target).c_str());

  static constexpr std::array<const char*, 5> kNames = {"GET", "POST", "PUT", "PATCH", "DELETE"};
  const bool sends_body = !request.body.empty() || request.method == Method::kPost;
  if (sends_body) {
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request.body.data());
  } else {
    curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);
  }
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, kNames[static_cast<size_t>(request.method)]);
  if (!loop_.add(easy_)) return fail(Code::kInternal, "curl refused the request");
  running_ = true;
  return {};
}

void CurlTransfer::stop() {
  if (running_) loop_.remove(easy_);
  running_ = changed_ = done_ = head_complete_ = refused_ = false;
  result_ = CURLE_OK;
  status_ = 0;
  header_bytes_ = 0;
  error_text_[0] = '\0';
  headers_.clear();
  body_.clear();
  if (body_.capacity() > kKeptBufferBytes) body_.shrink_to_fit();
}

boost::asio::awaitable<CurlTransfer::Wake> CurlTransfer::changed(
    std::chrono::steady_clock::time_point deadline) {
  if (!changed_) {
    signal_.expires_at(deadline);
    co_await signal_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
  if (std::exchange(changed_, false)) co_return Wake::kChanged;
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  co_return state.cancelled() == boost::asio::cancellation_type::none ? Wake::kDeadline : Wake::kCancelled;
}

void CurlTransfer::wake() {
  changed_ = true;
  signal_.cancel();  // the waiter runs later, from the loop
}

void CurlTransfer::on_done(CURLcode result) {
  running_ = false;
  done_ = true;
  result_ = result;
  wake();
}

size_t CurlTransfer::on_header(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  return transfer.take_header({data, size * count}) ? size * count : 0;
}

bool CurlTransfer::take_header(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaderBytes) {
    refused_ = true;
    refusal_ = "response headers above 64 KiB";
    return false;
  }
  if (line.starts_with("HTTP/")) {
    headers_.clear();
    return true;
  }
  const std::string_view text = trim(line);
  if (text.empty()) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200) return true;  // 1xx: the real head follows
    status_ = static_cast<int>(status);
    head_complete_ = true;
    const auto encoding = find_header(headers_, "content-encoding");
    if (encoding && *encoding != "identity") {
      refused_ = true;
      refusal_ = "the response is compressed, which was not asked for";
      return false;
    }
    expect_body();
    if (wake_on_data_) wake();
    return true;
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return true;
  std::string name(text.substr(0, colon));
  std::ranges::transform(name, name.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  if (headers_.empty()) headers_.reserve(kUsualHeaders);
  headers_.emplace_back(std::move(name), trim(text.substr(colon + 1)));
  return true;
}

void CurlTransfer::expect_body() {
  const auto told = find_header(headers_, "content-length");
  size_t length = 0;
  if (told && std::from_chars(told->data(), told->data() + told->size(), length).ec == std::errc{})
    body_.reserve(std::min(length, kReservedBodyBytes));
}

size_t CurlTransfer::on_body(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const size_t bytes = size * count;
  if (transfer.body_.size() + bytes > transfer.max_body_bytes_) {
    transfer.refused_ = true;
    transfer.refusal_ = "the response body is above its bound";
    return bytes == 0 ? 1 : 0;
  }
  transfer.body_.append(data, bytes);
  if (transfer.wake_on_data_ && !transfer.changed_) transfer.wake();
  return bytes;
}

Result<void> CurlTransfer::outcome() const {
  if (refused_) return fail(Code::kMalformed, session_.server_url() + ": " + std::string(refusal_));
  // curl takes a connection that is closed inside the header lines for a whole answer.
  if (result_ == CURLE_OK && !head_complete_) {
    return fail(Code::kUnavailable, session_.server_url() + ": the connection ended before the answer did");
  }
  if (result_ == CURLE_OK) return {};
  std::string text = error_text_[0] != '\0' ? error_text_.data() : curl_easy_strerror(result_);
  return fail(code_from_curl(result_),
              session_.server_url() + ": " + std::string(trim(text)) + std::string(advice(result_)));
}

}  // namespace stowage::kube
