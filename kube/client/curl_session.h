#pragma once

#include <curl/curl.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/client/credentials.h"
#include "kube/client/curl_loop.h"
#include "kube/core/http.h"

namespace stowage::kube {

class CurlSession;

/// One request on its way: an easy handle with its buffers. Reused for many requests, one at a time.
class CurlTransfer final : public CurlTransferEvents {
 public:
  CurlTransfer(CurlSession& session, CurlLoop& loop, size_t max_body_bytes);
  ~CurlTransfer() override;
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  /// Sends `request`, whose strings must stay where they are until the transfer has stopped.
  /// `wake_on_data`: changed() also tells of the head and of pieces of the body, not only of the end.
  Result<void> start(const HttpRequest& request, std::string_view authorization, bool wake_on_data);
  /// Takes it off the wire if it is still running, and forgets what it held.
  void stop();
  enum class Wake { kChanged, kDeadline, kCancelled };
  /// Waits until something changed since the last wait, or `deadline`, or the coroutine is cancelled.
  boost::asio::awaitable<Wake> changed(std::chrono::steady_clock::time_point deadline);

  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool head_complete() const { return head_complete_; }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] Headers& headers() { return headers_; }
  /// What has arrived of the body and was not taken yet.
  [[nodiscard]] std::string& body() { return body_; }
  /// After done(): why the transfer failed, if it did.
  [[nodiscard]] Result<void> outcome() const;

  void on_done(CURLcode result) override;

 private:
  static size_t on_header(char* data, size_t size, size_t count, void* self);
  static size_t on_body(char* data, size_t size, size_t count, void* self);
  bool take_header(std::string_view line);
  Result<void> set_headers(const HttpRequest& request, std::string_view authorization);
  void expect_body();
  void wake();

  CurlSession& session_;
  CurlLoop& loop_;
  CURL* easy_;
  curl_slist* request_headers_ = nullptr;
  std::string request_lines_;  ///< What request_headers_ was made of.
  size_t max_body_bytes_;
  boost::asio::steady_timer signal_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  bool wake_on_data_ = false;
  bool running_ = false;
  bool changed_ = false;
  bool done_ = false;
  bool head_complete_ = false;
  bool refused_ = false;  ///< A bound was passed, or the body is encoded: `refusal_` says which.
  CURLcode result_ = CURLE_OK;
  int status_ = 0;
  size_t header_bytes_ = 0;
  Headers headers_;
  std::string body_;
  std::string_view refusal_;
};

/// The connections that were made with one set of certificates. Replaced as a whole when those change;
/// requests that are under way keep the old one alive.
class CurlSession final : public std::enable_shared_from_this<CurlSession> {
 public:
  CurlSession(boost::asio::any_io_executor executor, const ServerConfig& server, Credentials credentials,
              size_t max_body_bytes);
  ~CurlSession();

  /// Holds a transfer and the session; gives the transfer back at the end of its life.
  class Lease {
   public:
    Lease(std::shared_ptr<CurlSession> session, std::unique_ptr<CurlTransfer> transfer, bool stream);
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    CurlTransfer* operator->() { return transfer_.get(); }

   private:
    std::shared_ptr<CurlSession> session_;
    std::unique_ptr<CurlTransfer> transfer_;
    bool stream_;
  };

  /// A transfer of the multi for streams, or of the one for calls.
  Lease lease(bool stream);

  /// Options that all handles of this session share.
  void configure(CURL* easy) const;
  [[nodiscard]] std::string url_of(std::string_view target) const { return base_url_ + std::string(target); }
  [[nodiscard]] const std::string& host_header() const { return host_header_; }
  [[nodiscard]] const std::string& server_url() const { return server_url_; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }
  [[nodiscard]] const Credentials& credentials() const { return credentials_; }
  /// Only what is sent with each request may be replaced: certificates belong to the connections.
  void set_authorization(std::string value) { credentials_.authorization = std::move(value); }

 private:
  boost::asio::any_io_executor executor_;
  Credentials credentials_;
  std::string server_url_;
  std::string base_url_;
  std::string host_header_;
  std::string proxy_;
  bool bypass_proxy_ = false;
  bool verify_ = true;
  curl_slist* connect_to_ = nullptr;
  size_t max_body_bytes_;
  std::shared_ptr<CurlLoop> calls_;
  std::shared_ptr<CurlLoop> streams_;
  std::vector<std::unique_ptr<CurlTransfer>> idle_calls_;
  std::vector<std::unique_ptr<CurlTransfer>> idle_streams_;
};

}  // namespace stowage::kube
