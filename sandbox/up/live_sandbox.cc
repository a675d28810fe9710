#include "sandbox/up/live_sandbox.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <utility>

#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/watch.h"
#include "sandbox/control_plane/install.h"
#include "sandbox/control_plane/roles.h"
#include "sandbox/front/kubeconfig.h"

namespace stowage::sandbox {
namespace asio = boost::asio;
namespace {

constexpr Millis kLook{5};
constexpr Millis kEndLimit{10'000};

/// Thousands of watches need more descriptors than a shell's usual 1,024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t seed_of(const Clock& clock) {
  return static_cast<uint64_t>(clock.wall().time_since_epoch().count());
}

void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

struct LiveSandbox::Signals {
  asio::signal_set set;
  explicit Signals(asio::io_context& io) : set(io, SIGINT, SIGTERM) {}
};

LiveSandbox::LiveSandbox(Clock& clock, LiveOptions options)
    : options_(std::move(options)),
      clock_(clock),
      timers_(io_.get_executor()),
      random_(seed_of(clock)),
      log_(stderr, LogFormat::kText, LogLevel::kWarn, clock),
      server_({.seed = seed_of(clock)}),
      serving_(server_, seed_of(clock)),
      kubelets_(server_, options_.times),
      pump_(io_, server_, kubelets_, clock),
      front_(io_, server_, clock, {.port = options_.port}),
      signals_(std::make_unique<Signals>(io_)) {
  raise_descriptor_limit();
  server_.bootstrap(clock.wall());
}

LiveSandbox::~LiveSandbox() {
  std::error_code ignored;
  if (own_kubeconfig_) std::filesystem::remove(options_.kubeconfig, ignored);
}

Result<void> LiveSandbox::open() {
  if (!options_.api_only) TRY_VOID(install_stowage(server_, clock_.wall()));
  TRY(port_, front_.listen());
  own_kubeconfig_ = options_.kubeconfig.empty();
  if (own_kubeconfig_) {
    const std::string name = fmt::format("stowage-sandbox-{}.kubeconfig", port_);
    options_.kubeconfig = (std::filesystem::temp_directory_path() / name).string();
  }
  return write_kubeconfig(options_.kubeconfig, "127.0.0.1", port_);
}

asio::awaitable<void> LiveSandbox::live(Replica& replica) {
  co_await replica.run();
  if (stopping_ || failure_) co_return;
  failure_ = Error{.code = Code::kInternal,
                   .message = fmt::format("the {} ended by itself with status {}; its log is above",
                                          replica.identity(), replica.exit_code().value_or(1))};
  asio::co_spawn(io_, end(), rethrow);
}

bool LiveSandbox::all_ready() {
  const Response answer = server_.handle({.method = "GET", .path = "/readyz"}, clock_.wall());
  return answer.status == 200 &&
         std::ranges::all_of(replicas_, [](const auto& replica) { return replica->ready().has_value(); });
}

asio::awaitable<void> LiveSandbox::announce(std::function<void()> ready) {
  while (!all_ready() && !stopping_)
    co_await timers_.sleep_until(clock_.now() + kLook);
  if (!stopping_) ready();
}

asio::awaitable<void> LiveSandbox::end() {
  stopping_ = true;
  for (const auto& replica : replicas_)
    replica->stop();
  const MonoTime limit = clock_.now() + kEndLimit;
  while (clock_.now() < limit &&
         !std::ranges::all_of(replicas_, [](const auto& replica) { return replica->ended(); }))
    co_await timers_.sleep_until(clock_.now() + kLook);
  pump_.stop();
  front_.stop();
  io_.stop();
}

void LiveSandbox::await_signal() {
  signals_->set.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    if (stopping_) std::_Exit(1);
    asio::co_spawn(io_, end(), rethrow);
    await_signal();
  });
}

/// Traffic counts from when it is set, not from when somebody looks at the metrics.
void LiveSandbox::watch_traffic() {
  server_.attach(&serving_);
  kubelets_.tell(&serving_);
  serving_.on_change([this] {
    if (std::exchange(traffic_changed_, true)) return;
    asio::post(io_, [this] {  // from inside a call of the server
      traffic_changed_ = false;
      serving_.step(clock_.wall());
    });
  });
}

Result<void> LiveSandbox::run(const std::function<void()>& ready) {
  await_signal();
  if (!options_.api_only) {
    watch_traffic();
    pump_.start();
    const kube::Environment env{io_.get_executor(), clock_, timers_, random_, log_};
    for (const Role& role : {operator_role(), scheduler_role()}) {
      replicas_.push_back(
          std::make_unique<Replica>(env, server_, role, role.name, /*leader_elect=*/false, &pump_));
      asio::co_spawn(io_, live(*replicas_.back()), rethrow);
    }
  }
  asio::co_spawn(io_, announce(ready), rethrow);
  io_.run();
  if (failure_) return std::unexpected(*failure_);
  return {};
}

}  // namespace stowage::sandbox
