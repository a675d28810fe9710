// front_limits: clients that hold the sandbox's HTTP front up, on real sockets with short limits: idle ones,
// ones that send or take too slowly, and answers that pile up. Prints one line a case; exit status 1 when one
// failed.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "base/clock.h"
#include "sandbox/apiserver/server.h"
#include "sandbox/front/http_front.h"

namespace {

using namespace stowage;
using namespace std::chrono_literals;

constexpr auto kPatience = 20s;
constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";

/// A client that blocks, at most for kPatience.
class Client {
 public:
  explicit Client(uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool send(const std::string& text) const {
    return connected_ &&
           ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  /// Everything until the server closes; nothing when it does not.
  std::optional<std::string> until_closed() const {
    std::string out;
    char buffer[65536];
    while (true) {
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got == 0) return out;
      if (got < 0) return errno == ECONNRESET ? std::optional(out) : std::nullopt;
      out.append(buffer, static_cast<size_t>(got));
    }
  }
  /// The beginning of what comes.
  std::string some() const {
    char buffer[4096];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    return got > 0 ? std::string(buffer, static_cast<size_t>(got)) : std::string();
  }
  /// Sends a byte now and then until the server closes; false when it never does.
  bool trickle(char byte) const {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (!send(std::string(1, byte))) return true;
      std::this_thread::sleep_for(30ms);
    }
    return false;
  }

 private:
  int fd_;
  bool connected_ = false;
};

std::string get(const std::string& target, const char* more = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", target, more);
}

class Stand {
 public:
  Stand() {
    server_.bootstrap(clock_.wall());
    const std::string data(100'000, 'x');
    for (int i = 0; i < 200; ++i) {
      const std::string body = fmt::format(R"({{"metadata":{{"name":"m{}"}},"data":{{"k":"{}"}}}})", i, data);
      server_.handle({.method = "POST", .path = kMaps, .content_type = "application/json", .body = body},
                     clock_.wall());
    }
    port_ = *front_.listen();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Stand() {
    boost::asio::post(io_, [this] { front_.stop(); });
    guard_.reset();
    thread_.join();
  }
  Stand(const Stand&) = delete;
  Stand& operator=(const Stand&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  size_t connections() {
    std::promise<size_t> out;
    boost::asio::post(io_, [&] { out.set_value(front_.connections()); });
    return out.get_future().get();
  }
  /// True when at most `count` connections are left in time.
  bool drops_to(size_t count) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (connections() > count && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(20ms);
    return connections() <= count;
  }
  bool serves() const {
    const Client client(port_);
    return client.send(get("/readyz", "Connection: close\r\n")) &&
           client.until_closed().value_or("").starts_with("HTTP/1.1 200");
  }

 private:
  SystemClock clock_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{io_.get_executor()};
  sandbox::Server server_;
  sandbox::HttpFront front_{
      io_, server_, clock_, {.idle_timeout = 300ms, .stall_timeout = 300ms, .max_pending_bytes = 1'000'000}};
  uint16_t port_ = 0;
  std::thread thread_;
};

int failures = 0;

void check(const char* what, bool holds) {
  fmt::print("{} {}\n", holds ? "ok    " : "FAILED", what);
  failures += holds ? 0 : 1;
}

}  // namespace

int main() {
  Stand stand;
  {
    const Client client(stand.port());
    check("connection that says nothing: closed after the idle limit", client.until_closed() == "");
  }
  {
    const Client client(stand.port());
    const bool answered = client.send(get("/readyz")) && client.some().starts_with("HTTP/1.1 200");
    check("connection that says nothing more: closed after the idle limit",
          answered && client.until_closed());
  }
  {
    const Client client(stand.port());
    check("header that comes byte by byte: closed, however steadily it comes",
          client.send("GET /readyz HTTP/1.1\r\nX-Slow: ") && client.trickle('a'));
  }
  {
    const Client client(stand.port());
    check("body that comes byte by byte: closed, however steadily it comes",
          client.send(fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 100000\r\n\r\n",
                                  kMaps)) &&
              client.trickle(' '));
  }
  check("those clients: gone", stand.drops_to(0));
  {
    const Client client(stand.port(), 4096);
    const bool begun = client.send(get(fmt::format("{}?watch=true", kMaps))) && !client.some().empty();
    check("watcher that takes nothing: dropped after the stall limit", begun && stand.drops_to(0));
  }
  {
    const Client slow(stand.port(), 4096);
    const bool begun = slow.send(get(kMaps)) && !slow.some().empty();
    const Client next(stand.port());
    const std::string answer = next.send(get(kMaps)) ? next.some() : "";
    check("answers that pile up for slow readers: 429 for the next one",
          begun && answer.starts_with("HTTP/1.1 429") && answer.find("TooManyRequests") != std::string::npos);
    check("small request meanwhile: served or told to wait, not hung", [&] {
      const Client small(stand.port());
      const std::string text = small.send(get("/readyz")) ? small.some() : "";
      return text.starts_with("HTTP/1.1 200") || text.starts_with("HTTP/1.1 429");
    }());
    check("reader that takes nothing: dropped", stand.drops_to(0));
  }
  check("honest client at the end: served", stand.serves());
  return failures == 0 ? 0 : 1;
}
