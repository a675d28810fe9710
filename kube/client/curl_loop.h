#pragma once

#include <curl/curl.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <unordered_map>

namespace stowage::kube {

/// What the loop tells a transfer. Stored as CURLOPT_PRIVATE of its easy handle.
class CurlTransferEvents {
 public:
  virtual ~CurlTransferEvents() = default;
  /// The transfer has ended and its handle is out of the multi. Must not call into the loop: wake a waiter.
  virtual void on_done(CURLcode result) = 0;
};

/// One libcurl multi handle driven by an Asio loop: curl says which sockets and which moment it waits for,
/// Asio waits, curl acts. Nothing here re-enters the multi from one of its callbacks: callbacks only start
/// waits, and whoever is woken runs from the loop later. One thread.
class CurlLoop final : public std::enable_shared_from_this<CurlLoop> {
 public:
  /// `max_connections` to the server: what does not fit on them waits its turn.
  static std::shared_ptr<CurlLoop> create(boost::asio::any_io_executor executor, long max_connections);
  ~CurlLoop();
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  /// Socket options and callbacks for `easy`; once per handle.
  void prepare(CURL* easy);
  /// Starts a prepared handle whose CURLOPT_PRIVATE is a CurlTransferEvents*. False when curl refuses.
  [[nodiscard]] bool add(CURL* easy);
  /// Stops a handle that is running. on_done is not called.
  void remove(CURL* easy);

 private:
  struct Socket;

  CurlLoop(boost::asio::any_io_executor executor, long max_connections);
  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address);
  static int close_socket(void* self, curl_socket_t fd);
  static int set_options(void*, curl_socket_t fd, curlsocktype);
  static int socket_changed(CURL*, curl_socket_t fd, int what, void* self, void*);
  static int timer_changed(CURLM*, long timeout_ms, void* self);

  void arm(const std::shared_ptr<Socket>& socket);
  void arm_read_later(const std::shared_ptr<Socket>& socket);
  void arm_timer();
  void act_soon();
  void act_if_due();
  void act(curl_socket_t fd, int mask);
  void collect_done();

  boost::asio::any_io_executor executor_;
  CURLM* multi_;
  std::unordered_map<curl_socket_t, std::shared_ptr<Socket>> sockets_;
  boost::asio::steady_timer timer_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;  ///< What curl asked for.
  std::optional<std::chrono::steady_clock::time_point> armed_;     ///< When the timer will fire.
  bool inside_ = false;
  bool posted_ = false;  ///< An act_soon() is on its way.
};

}  // namespace stowage::kube
