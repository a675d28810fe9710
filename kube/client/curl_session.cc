#include "kube/client/curl_session.h"

#include <boost/asio/ip/address.hpp>

#include "base/check.h"

namespace stowage::kube {
namespace {

/// Over HTTP/2 each holds 100 requests; over HTTP/1.1 (a proxy, the sandbox) one. Calls end soon and may wait
/// for each other; streams do not end and must not.
constexpr long kCallConnections = 4;
constexpr long kStreamConnections = 64;

struct UrlParts {
  std::string scheme;
  std::string host;  ///< IPv6 addresses keep their brackets.
  std::string port;
  std::string path;
};

UrlParts split(const std::string& url) {
  UrlParts parts;
  CURLU* const handle = curl_url();
  if (curl_url_set(handle, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK) {
    const auto get = [handle](CURLUPart part, unsigned flags) {
      char* text = nullptr;
      std::string out;
      if (curl_url_get(handle, part, &text, flags) == CURLUE_OK) out = text;
      curl_free(text);
      return out;
    };
    parts.scheme = get(CURLUPART_SCHEME, 0);
    parts.host = get(CURLUPART_HOST, 0);
    parts.port = get(CURLUPART_PORT, CURLU_DEFAULT_PORT);
    parts.path = get(CURLUPART_PATH, 0);
    if (parts.path == "/") parts.path.clear();
  }
  curl_url_cleanup(handle);
  return parts;
}

bool is_loopback(std::string host) {
  if (host == "localhost") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

void set_blob(CURL* easy, CURLoption option, const std::string& pem) {
  if (pem.empty()) return;
  // Not copied: the session outlives its handles.
  curl_blob blob{.data = const_cast<char*>(pem.data()), .len = pem.size(), .flags = CURL_BLOB_NOCOPY};
  curl_easy_setopt(easy, option, &blob);
}

}  // namespace

CurlSession::CurlSession(boost::asio::any_io_executor executor, const ServerConfig& server,
                         Credentials credentials, size_t max_body_bytes)
    : executor_(std::move(executor)),
      credentials_(std::move(credentials)),
      server_url_(server.url),
      base_url_(server.url),
      proxy_(server.proxy_url),
      verify_(!server.insecure_skip_tls_verify),
      max_body_bytes_(max_body_bytes),
      calls_(CurlLoop::create(executor_, kCallConnections)),
      streams_(CurlLoop::create(executor_, kStreamConnections)) {
  const UrlParts parts = split(server.url);
  // client-go never sends loopback addresses through a proxy of the environment; curl would.
  bypass_proxy_ = proxy_.empty() && is_loopback(parts.host);
  if (server.tls_server_name.empty() || server.tls_server_name == parts.host) return;
  // curl takes the name to verify from the URL: the URL carries that name, and connects elsewhere.
  host_header_ = parts.host + ":" + parts.port;
  base_url_ = parts.scheme + "://" + server.tls_server_name + ":" + parts.port + parts.path;
  const std::string route = server.tls_server_name + ":" + parts.port + ":" + parts.host + ":" + parts.port;
  connect_to_ = curl_slist_append(nullptr, route.c_str());
}

CurlSession::~CurlSession() {
  idle_calls_.clear();
  idle_streams_.clear();
  curl_slist_free_all(connect_to_);
}

void CurlSession::configure(CURL* easy) const {
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
  // Multiplex on the connection being made, do not open 64. Without TLS there is no HTTP/2 to wait for, and
  // curl 7.88 wakes only one of those that wait each time it learns so: the others would wait for ever.
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, base_url_.starts_with("https:") ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
  // Each handle has one, and curl reads up to 100 of them before it lets others run: with 64 KiB a list of
  // pods piled up to 6 MiB.
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 8L * 1024L);
  // Over HTTP/2 it is allocated and freed with each request: 64 KiB by default, and bodies have one or two.
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16L * 1024L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify_ ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify_ ? 2L : 0L);
  curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);  // by default a rotated CA is not seen for 24 h
  if (!credentials_.ca_pem.empty()) {
    // Without these two the system's authorities would be trusted beside the given one.
    curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    set_blob(easy, CURLOPT_CAINFO_BLOB, credentials_.ca_pem);
  }
  set_blob(easy, CURLOPT_SSLCERT_BLOB, credentials_.client_cert_pem);
  set_blob(easy, CURLOPT_SSLKEY_BLOB, credentials_.client_key_pem);
  if (connect_to_ != nullptr) curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to_);
  if (bypass_proxy_) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  } else if (!proxy_.empty()) {
    curl_easy_setopt(easy, CURLOPT_PROXY, proxy_.c_str());
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");  // a proxy that was asked for is used for every address
  }
}

CurlSession::Lease CurlSession::lease(bool stream) {
  auto& idle = stream ? idle_streams_ : idle_calls_;
  std::unique_ptr<CurlTransfer> transfer;
  if (idle.empty()) {
    transfer = std::make_unique<CurlTransfer>(*this, stream ? *streams_ : *calls_, max_body_bytes_);
  } else {
    transfer = std::move(idle.back());
    idle.pop_back();
  }
  return {shared_from_this(), std::move(transfer), stream};
}

CurlSession::Lease::Lease(std::shared_ptr<CurlSession> session, std::unique_ptr<CurlTransfer> transfer,
                          bool stream)
    : session_(std::move(session)), transfer_(std::move(transfer)), stream_(stream) {}

CurlSession::Lease::~Lease() {
  if (!transfer_) return;
  transfer_->stop();
  (stream_ ? session_->idle_streams_ : session_->idle_calls_).push_back(std::move(transfer_));
}

}  // namespace stowage::kube
