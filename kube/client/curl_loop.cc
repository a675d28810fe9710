#include "kube/client/curl_loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <utility>

#include "base/check.h"

namespace stowage::kube {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

namespace {

/// With each look at a connection curl goes through every request that is under way on it. After one, answers
/// gather for this long before the next: ten looks a second on an idle connection are not delayed, thousands
/// on a busy one become sixty. docs/benchmarks.md has what other pauses cost.
constexpr std::chrono::milliseconds kReadPause{15};

}  // namespace

struct CurlLoop::Socket {
  Socket(const boost::asio::any_io_executor& executor, curl_socket_t number, bool ours)
      : descriptor(executor, number), pause(executor), fd(number), opened_by_us(ours) {}
  // A descriptor that curl opened by itself (its resolver's wake-up pair) is closed by curl, not by Asio.
  ~Socket() {
    if (!opened_by_us && descriptor.is_open()) descriptor.release();
  }
  stream_descriptor descriptor;
  boost::asio::steady_timer pause;  ///< Between two reads.
  curl_socket_t fd;
  bool opened_by_us;
  int wanted = 0;  ///< CURL_POLL_*.
  bool reading = false;
  bool writing = false;
};

std::shared_ptr<CurlLoop> CurlLoop::create(boost::asio::any_io_executor executor, long max_connections) {
  return std::shared_ptr<CurlLoop>(new CurlLoop(std::move(executor), max_connections));
}

CurlLoop::CurlLoop(boost::asio::any_io_executor executor, long max_connections)
    : executor_(std::move(executor)), multi_(curl_multi_init()), timer_(executor_) {
  STOWAGE_CHECK(multi_ != nullptr, "curl_multi_init failed");
  // kube-apiserver allows 100 streams a connection (golang.org/x/net/http2 default of its server).
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  curl_multi_setopt(multi_, CURLMOPT_MAX_CONCURRENT_STREAMS, 100L);
  // Without it each request beyond the 100th opens a connection of its own, all at once.
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, max_connections);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlLoop::socket_changed);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlLoop::timer_changed);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

CurlLoop::~CurlLoop() {
  curl_multi_cleanup(multi_);  // closes its connections through close_socket
}

void CurlLoop::prepare(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &CurlLoop::open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &CurlLoop::close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, &CurlLoop::set_options);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

bool CurlLoop::add(CURL* easy) {
  STOWAGE_CHECK(!inside_, "curl re-entered");
  return curl_multi_add_handle(multi_, easy) == CURLM_OK;
}

void CurlLoop::remove(CURL* easy) {
  STOWAGE_CHECK(!inside_, "curl re-entered");
  curl_multi_remove_handle(multi_, easy);
}

curl_socket_t CurlLoop::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& loop = *static_cast<CurlLoop*>(self);
  const int fd =
      ::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  try {
    loop.sockets_[fd] = std::make_shared<Socket>(loop.executor_, fd, true);
  } catch (const boost::system::system_error&) {
    ::close(fd);
    return CURL_SOCKET_BAD;
  }
  return fd;
}

int CurlLoop::close_socket(void* self, curl_socket_t fd) {
  auto& loop = *static_cast<CurlLoop*>(self);
  const auto found = loop.sockets_.find(fd);
  if (found == loop.sockets_.end()) return ::close(fd);
  found->second->wanted = 0;
  error_code ignored;
  found->second->descriptor.close(ignored);
  loop.sockets_.erase(found);
  return 0;
}

/// A peer that vanished is noticed in at most 9 s, both with data under way (TCP_USER_TIMEOUT) and idle
/// (keep-alive: first probe after 3 s, then every 2 s, 3 of them).
int CurlLoop::set_options(void*, curl_socket_t fd, curlsocktype) {
  const auto set = [fd](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 3);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 2);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 9'000);
  return CURL_SOCKOPT_OK;
}

int CurlLoop::socket_changed(CURL*, curl_socket_t fd, int what, void* self, void*) {
  auto& loop = *static_cast<CurlLoop*>(self);
  auto found = loop.sockets_.find(fd);
  if (what == CURL_POLL_REMOVE) {
    if (found == loop.sockets_.end()) return 0;
    found->second->wanted = 0;
    if (!found->second->opened_by_us) {
      found->second->descriptor.release();
      loop.sockets_.erase(found);
    }
    return 0;
  }
  if (found == loop.sockets_.end()) {
    found = loop.sockets_.emplace(fd, std::make_shared<Socket>(loop.executor_, fd, false)).first;
  }
  found->second->wanted = what;
  loop.arm(found->second);
  return 0;
}

void CurlLoop::arm(const std::shared_ptr<Socket>& socket) {
  const auto wait = [&](stream_descriptor::wait_type type, bool Socket::* waiting, int poll, int select) {
    if ((socket->wanted & poll) == 0 || (*socket).*waiting) return;
    (*socket).*waiting = true;
    socket->descriptor.async_wait(
        type, [weak = weak_from_this(), socket, waiting, poll, select](const error_code& error) {
          (*socket).*waiting = false;
          const auto loop = weak.lock();
          if (!loop || !socket->descriptor.is_open() || error == boost::asio::error::operation_aborted)
            return;
          if (socket->wanted & poll) loop->act(socket->fd, error ? CURL_CSELECT_ERR : select);
          if (!socket->descriptor.is_open()) return;
          if (select == CURL_CSELECT_IN) loop->arm_read_later(socket);
          loop->arm(socket);
        });
  };
  wait(stream_descriptor::wait_read, &Socket::reading, CURL_POLL_IN, CURL_CSELECT_IN);
  wait(stream_descriptor::wait_write, &Socket::writing, CURL_POLL_OUT, CURL_CSELECT_OUT);
}

void CurlLoop::arm_read_later(const std::shared_ptr<Socket>& socket) {
  if (socket->reading) return;
  socket->reading = true;  // so that nobody else starts to wait
  socket->pause.expires_after(kReadPause);
  socket->pause.async_wait([weak = weak_from_this(), socket](const error_code&) {
    socket->reading = false;
    const auto loop = weak.lock();
    if (loop && socket->descriptor.is_open()) loop->arm(socket);
  });
}

int CurlLoop::timer_changed(CURLM*, long timeout_ms, void* self) {
  auto& loop = *static_cast<CurlLoop*>(self);
  if (timeout_ms < 0) {
    loop.deadline_.reset();
    return 0;
  }
  loop.deadline_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  if (timeout_ms == 0) {
    loop.act_soon();
  } else {
    loop.arm_timer();
  }
  return 0;
}

/// "At once" comes with every request that is added: a turn of the loop serves all of them, where a timer
/// would cost a system call each.
void CurlLoop::act_soon() {
  if (std::exchange(posted_, true)) return;
  boost::asio::post(executor_, [weak = weak_from_this()] {
    const auto loop = weak.lock();
    if (!loop) return;
    loop->posted_ = false;
    loop->act_if_due();
    loop->arm_timer();
  });
}

void CurlLoop::act_if_due() {
  if (!deadline_ || *deadline_ > std::chrono::steady_clock::now()) return;
  deadline_.reset();
  act(CURL_SOCKET_TIMEOUT, 0);
}

/// curl moves its timer with nearly every packet. A timer that fires early is cheaper than one that is moved
/// each time, so only an earlier deadline re-arms it.
void CurlLoop::arm_timer() {
  if (!deadline_ || (armed_ && *armed_ <= *deadline_)) return;
  armed_ = deadline_;
  timer_.expires_at(*armed_);
  timer_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto loop = weak.lock();
    if (error || !loop) return;
    loop->armed_.reset();
    loop->act_if_due();
    loop->arm_timer();
  });
}

void CurlLoop::act(curl_socket_t fd, int mask) {
  STOWAGE_CHECK(!inside_, "curl re-entered");
  inside_ = true;
  int running = 0;
  curl_multi_socket_action(multi_, fd, mask, &running);
  inside_ = false;
  collect_done();
}

void CurlLoop::collect_done() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const easy = message->easy_handle;
    const CURLcode result = message->data.result;  // the message dies with the removal
    curl_multi_remove_handle(multi_, easy);
    CurlTransferEvents* transfer = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    transfer->on_done(result);
  }
}

}  // namespace stowage::kube
